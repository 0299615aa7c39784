/**
 * The multicast groups that one underlay socket receives from: each is joined once, however many overlays flood to it.
 * A listener of a group is a socket of its own, beside the one that it receives for.
 */
import { type Endpoint, formatEndpoint, type Listen } from '../../address.js';
import type { SocketConfig, SocketIndex } from '../../datapath/types.js';
import { type MulticastListener, openMulticast, sendMulticastFrom } from '../../system/multicast.js';
import type { Underlay } from '../../system/udp.js';

/** The part of the datapath that polls sockets. */
export interface SocketDatapath {
  readonly workers: number;
  addSocket(config: SocketConfig): SocketIndex;
  setFragmentable(index: SocketIndex, sources: SocketConfig['sources']): void;
  removeSocket(index: SocketIndex): Promise<void>;
  replaceSocket(index: SocketIndex, config: SocketConfig): Promise<void>;
}

export interface MembershipsOptions {
  readonly datapath: SocketDatapath;
  /** The socket that sends to the groups, and whose overlays get what comes from them. */
  readonly socket: SocketIndex;
  readonly underlay: Underlay;
  readonly listen: Pick<Listen, 'ip' | 'device'>;
  readonly acceptZeroChecksum6: boolean;
  /** Routers that a datagram to a group may cross, and one. */
  readonly hops: number;
}

interface Joined {
  readonly listener: MulticastListener;
  readonly index: SocketIndex;
  /** Names of overlays. */
  readonly users: Set<string>;
}

export class MulticastMemberships {
  readonly #options: MembershipsOptions;
  readonly #joined = new Map<string, Joined>();
  #underlay: Underlay;
  #isCoalesced = false;
  /** The worker that gets the next group. */
  #nextWorker = 0;

  constructor(options: MembershipsOptions) {
    this.#options = options;
    this.#underlay = options.underlay;
  }

  get size(): number {
    return this.#joined.size;
  }

  /** Throws a one-line error when that cannot be. Twice is harmless. */
  join(user: string, multicast: Endpoint): void {
    const key = formatEndpoint(multicast);
    const joined = this.#joined.get(key) ?? this.#add(key, multicast);
    joined.users.add(user);
  }

  /** The last user's leaving closes the listener, when no worker touches it any more. */
  async leave(user: string, multicast: Endpoint): Promise<void> {
    const key = formatEndpoint(multicast);
    const joined = this.#joined.get(key);
    if (joined === undefined || !joined.users.delete(user) || joined.users.size > 0) return;
    this.#joined.delete(key);
    await this.#options.datapath.removeSocket(joined.index);
    joined.listener.close();
  }

  /** Follows the local address to another interface. While no interface has it, there is nothing to follow. */
  follow(): void {
    let hasMoved = false;
    for (const { listener } of this.#joined.values()) hasMoved = listener.rejoin() || hasMoved;
    if (hasMoved) this.#prepareSenders();
  }

  /** Other sockets send from now on, bound to another interface. Throws when they cannot: then nothing has changed. */
  sendBy(underlay: Underlay): void {
    if (this.size > 0) this.#prepareSenders(underlay);
    this.#underlay = underlay;
  }

  /** As the listeners of the underlay. */
  setGro(on: boolean): void {
    this.#isCoalesced = on;
    for (const { listener } of this.#joined.values()) listener.setGro(on);
  }

  /** The underlay has more sockets that send. */
  addSenders(): void {
    if (this.size > 0) this.#prepareSenders();
  }

  /** The datapath has ended. */
  closeAll(): void {
    for (const { listener } of this.#joined.values()) listener.close();
    this.#joined.clear();
  }

  #add(key: string, multicast: Endpoint): Joined {
    const { datapath, socket, listen, acceptZeroChecksum6 } = this.#options;
    const { ip: localIp, device } = listen;
    const listener = openMulticast({ multicast, localIp, device, acceptZeroChecksum6 });
    try {
      listener.setGro(this.#isCoalesced);
      this.#prepareSenders();
      const index = datapath.addSocket({
        listeners: this.#forOneWorker(listener.fd),
        sources: [],
        receivesFor: socket,
      });
      const joined = { listener, index, users: new Set<string>() };
      this.#joined.set(key, joined);
      return joined;
    } catch (thrown) {
      listener.close();
      throw thrown;
    }
  }

  /** The kernel gives every socket of a group a copy, so more than one listener would receive everything twice. */
  #forOneWorker(fd: number): number[] {
    const listeners = new Array<number>(this.#options.datapath.workers).fill(-1);
    listeners[this.#nextWorker++ % listeners.length] = fd;
    return listeners;
  }

  #prepareSenders(underlay = this.#underlay): void {
    const { listen, hops } = this.#options;
    const sources = [...underlay.sources, ...underlay.fragmentable]
      .flat()
      .flatMap(({ withChecksum, withoutChecksum }) => [withChecksum, withoutChecksum]);
    const fds = sources.filter((fd) => fd >= 0);
    sendMulticastFrom(fds, listen.ip, hops, listen.device);
  }
}
