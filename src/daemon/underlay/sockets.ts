/**
 * The underlay sockets: overlays that listen on the same address and port, and device, share one, and have to agree on
 * it.
 */
import { formatListen, ipFamily, type Listen } from '../../address.js';
import type { SocketConfig, SocketIndex, SocketNames } from '../../datapath/types.js';
import { hasPorts } from '../../encapsulations.js';
import { encapDiffers, messageOf, socketDiffers } from '../../errors.js';
import type { SOCKET_PROPERTIES, SocketSettings } from '../../overlay-properties/overlay-properties.js';
import { nameIn } from '../../overlay-properties/tunnel.js';
import { detachFilter } from '../../system/socket-filter.js';
import {
  type OpenedUnderlay,
  openUnderlay,
  type Source,
  type Underlay,
  type UnderlayOptions,
} from '../../system/udp.js';
import { type ReceiveQueue, receiveQueue } from '../../system/udp-socket.js';
import type { Border } from './border.js';
import { UnderlayDevice } from './device.js';
import type { EarlyDrop } from './early-drop.js';
import { MulticastMemberships, type SocketDatapath } from './multicast.js';
import type { Network } from './network.js';

export interface AcquiredSocket {
  readonly index: SocketIndex;
  /** Several datagrams may leave in one send. */
  readonly gso: boolean;
  /** The multicast groups that it receives from; a user leaves what it joined before it releases the socket. */
  readonly memberships: MulticastMemberships;
}

interface Shared {
  udp: Underlay;
  /** What it is bound to; null: it hears every interface. */
  readonly device: UnderlayDevice | null;
  readonly index: SocketIndex;
  readonly settings: SocketSettings;
  readonly memberships: MulticastMemberships;
  /** By name of the overlay, whether it wants offloads. */
  readonly users: Map<string, SocketSettings['offload']>;
}

/** What waits at the listening socket of one worker. */
export interface ListenerQueue extends ReceiveQueue {
  /** As ss(8) has it. */
  readonly listen: string;
  readonly worker: number;
}

/** Sockets that another daemon has opened, by the options that it did by, as text. Each is taken once. */
export interface InheritedSockets {
  takeSocket(options: string): OpenedUnderlay | null;
}

const NOTHING_INHERITED: InheritedSockets = { takeSocket: () => null };

export class Sockets {
  readonly #datapath: SocketDatapath;
  readonly #network: Network;
  readonly #border: Border | null;
  readonly #earlyDrop: EarlyDrop | null;
  readonly #inherited: InheritedSockets;
  readonly #open = new Map<string, Shared>();

  /** `border`, `earlyDrop`: told of every socket. `inherited`: those that need not be opened. */
  constructor(
    datapath: SocketDatapath,
    network: Network,
    border: Border | null = null,
    inherited: InheritedSockets = NOTHING_INHERITED,
    earlyDrop: EarlyDrop | null = null,
  ) {
    this.#earlyDrop = earlyDrop;
    this.#inherited = inherited;
    this.#datapath = datapath;
    this.#network = network;
    this.#border = border;
  }

  /** Of every listening socket, where the kernel says. */
  queues(): ListenerQueue[] {
    return [...this.#open].flatMap(([listen, { udp, index }]) =>
      udp.listeners.flatMap((fd, worker) => {
        const queue = receiveQueue(fd);
        if (queue === null) return [];
        const drops = this.#earlyDrop?.otherDrops(index, worker, queue.drops) ?? queue.drops;
        return [{ listen, worker, ...queue, drops }];
      }),
    );
  }

  /** Number of open sockets. */
  get size(): number {
    return this.#open.size;
  }

  /** The socket that listens there, opened if need be. Each user releases it once. */
  acquire(user: string, settings: SocketSettings): AcquiredSocket {
    const key = formatListen(settings.listen);
    const shared = this.#open.get(key) ?? this.#add(key, settings);
    checkSame(key, shared.settings, settings);
    shared.users.set(user, settings.offload);
    receiveJoined(shared);
    return { index: shared.index, gso: shared.udp.gso, memberships: shared.memberships };
  }

  /** An overlay wants offloads from now on, or no more. */
  setOffload(user: string, { listen, offload }: SocketSettings): void {
    const shared = this.#open.get(formatListen(listen));
    if (shared === undefined) return;
    shared.users.set(user, offload);
    receiveJoined(shared);
  }

  /** An overlay's datagrams may be fragmented, if its settings say so. Throws when no sockets for that can be had. */
  allowFragments({ listen, fragmentable }: SocketSettings): void {
    const shared = this.#open.get(formatListen(listen));
    if (shared === undefined || !fragmentable) return;
    const { udp, index, memberships } = shared;
    udp.openFragmentable();
    memberships.addSenders();
    this.#datapath.setFragmentable(index, fragmentableOf(udp));
  }

  /** Lets go of it; the last one closes it, when no worker touches it any more. */
  async release(user: string, { listen }: SocketSettings): Promise<void> {
    const key = formatListen(listen);
    const shared = this.#open.get(key);
    if (shared === undefined || !shared.users.delete(user)) return;
    receiveJoined(shared);
    if (shared.users.size > 0) return;
    this.#open.delete(key);
    this.#border?.unlisten(shared.index);
    this.#earlyDrop?.unlisten(shared.index);
    await this.#datapath.removeSocket(shared.index);
    shared.udp.close();
  }

  /** An interface that sockets are to be bound to is another one than they are bound to: {@link follow} it. */
  isBehind(nowMs: number): boolean {
    return [...this.#open.values()].some(({ device }) => device?.isDue(nowMs) === true);
  }

  /** Between commands. Sockets that cannot be opened on the new interface now are tried again a little later. */
  async follow(nowMs: number): Promise<void> {
    for (const shared of [...this.#open.values()]) if (shared.device?.isDue(nowMs)) await this.#reopen(shared, nowMs);
  }

  /** One line: why the sockets that listen there are of no use; null: they are, or there are none. */
  problemOf(listen: Listen): string | null {
    return this.#open.get(formatListen(listen))?.device?.problem ?? null;
  }

  async #reopen(shared: Shared, nowMs: number): Promise<void> {
    const { settings, index } = shared;
    const device = shared.device!;
    const ifindex = device.index;
    const before = shared.udp;
    try {
      shared.udp = this.#openLike(shared);
    } catch (thrown) {
      device.refused(messageOf(thrown), nowMs);
      return;
    }
    device.opened(ifindex);
    receiveJoined(shared);
    this.#earlyDrop?.listen(index, shared.udp.listeners, ipFamily(settings.listen.ip), settings.encap);
    await this.#datapath.replaceSocket(index, configOf(shared.udp, settings));
    before.close();
  }

  /** The datapath has ended: closes everything. */
  closeAll(): void {
    for (const { udp, memberships } of this.#open.values()) {
      memberships.closeAll();
      udp.close();
    }
    this.#open.clear();
  }

  #add(key: string, settings: SocketSettings): Shared {
    const { listen } = settings;
    const device = listen.device === undefined ? null : new UnderlayDevice(this.#network, listen.device);
    const udp = this.#openUdp(settings);
    try {
      const index = this.#datapath.addSocket(configOf(udp, settings));
      this.#border?.listen(index, listen, settings.encap);
      this.#earlyDrop?.listen(index, udp.listeners, ipFamily(listen.ip), settings.encap);
      const memberships = this.#membershipsOf(udp, index, settings);
      const shared = { udp, device, index, settings, memberships, users: new Map() };
      this.#open.set(key, shared);
      return shared;
    } catch (thrown) {
      udp.close();
      throw thrown;
    }
  }

  #openUdp(settings: SocketSettings): Underlay {
    const options = this.#optionsOf(settings);
    const udp = openUnderlay(options, this.#inherited.takeSocket(JSON.stringify(options)));
    // One that was inherited may still have the early drop of the daemon before.
    if (this.#earlyDrop === null && hasPorts(settings.encap)) for (const fd of udp.listeners) detachFilter(fd);
    return udp;
  }

  #optionsOf({ encap, listen, sourcePorts, checksum, acceptZeroChecksum6 }: SocketSettings): UnderlayOptions {
    const options = { listen, workers: this.#datapath.workers, sources: sourcePorts, checksum, acceptZeroChecksum6 };
    return hasPorts(encap) ? options : { ...options, isGre: true };
  }

  /** All sockets but those of multicast groups, each with the options that {@link InheritedSockets} knows it by. */
  opened(): (OpenedUnderlay & { readonly options: string })[] {
    return [...this.#open.values()].map(({ udp: { listeners, sources, ports }, settings }) => {
      return { options: JSON.stringify(this.#optionsOf(settings)), listeners, sources, ports };
    });
  }

  /** Sockets to take the place of those there are. Throws when they cannot: then nothing has changed. */
  #openLike({ udp: before, settings, memberships }: Shared): Underlay {
    const udp = this.#openUdp(settings);
    try {
      if (before.fragmentable.length > 0) udp.openFragmentable();
      memberships.sendBy(udp);
      return udp;
    } catch (thrown) {
      udp.close();
      throw thrown;
    }
  }

  #membershipsOf(underlay: Underlay, socket: SocketIndex, settings: SocketSettings): MulticastMemberships {
    const { listen, acceptZeroChecksum6, multicastTtl: hops } = settings;
    return new MulticastMemberships({
      datapath: this.#datapath,
      socket,
      underlay,
      listen,
      acceptZeroChecksum6,
      hops,
    });
  }
}

function configOf(udp: Underlay, settings: SocketSettings): SocketConfig {
  const { encap, listen, acceptZeroChecksum6 } = settings;
  const names = { listen, ports: udp.ports, checksum: checksumOf(settings), acceptZeroChecksum6 };
  const sources = udp.sources.map(perWorker);
  return { encap, listeners: udp.listeners, sources, fragmentable: fragmentableOf(udp), names };
}

/** Before somebody wants others: as for all else. */
function fragmentableOf({ sources, fragmentable }: Underlay): SocketConfig['sources'] {
  return (fragmentable.length === 0 ? sources : fragmentable).map(perWorker);
}

/** Of super-frames, which leave as many datagrams. */
function checksumOf({ checksum, listen }: SocketSettings): SocketNames['checksum'] {
  if (checksum === 'zero') return 'none';
  return checksum === 'always' || ipFamily(listen.ip) === 6 ? 'all' : 'fragmentable';
}

const perWorker = (ports: readonly Source[]): Source[] => ports.map(bothKinds);

/** Where the checksum policy has one kind of socket, that sends everything. */
function bothKinds({ withChecksum, withoutChecksum }: Source): Source {
  return {
    withChecksum: withChecksum < 0 ? withoutChecksum : withChecksum,
    withoutChecksum: withoutChecksum < 0 ? withChecksum : withoutChecksum,
  };
}

/** Datagrams may come joined as long as somebody wants offloads; for the others they are taken apart again. */
function receiveJoined({ udp, memberships, users }: Shared): void {
  const isWanted = [...users.values()].includes('auto');
  udp.setGro(isWanted);
  memberships.setGro(isWanted);
}

const MUST_AGREE = {
  sourcePorts: 'vxlan/source_ports',
  checksum: 'vxlan/udp_checksum',
  acceptZeroChecksum6: 'vxlan/accept_zero_checksum6',
  multicastTtl: 'vxlan/multicast_ttl',
} as const satisfies Record<string, (typeof SOCKET_PROPERTIES)[number]>;

function checkSame(listen: string, theirs: SocketSettings, ours: SocketSettings): void {
  if (theirs.encap !== ours.encap) throw encapDiffers(listen, ours.encap, theirs.encap);
  for (const [setting, property] of Object.entries(MUST_AGREE)) {
    const key = setting as keyof typeof MUST_AGREE;
    if (theirs[key] === ours[key]) continue;
    throw socketDiffers(listen, nameIn(ours.encap, property), String(ours[key]), String(theirs[key]));
  }
}
