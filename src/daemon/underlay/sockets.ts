/** The underlay sockets: overlays that listen on the same address and port share one, and have to agree on it. */
import { formatEndpoint, ipFamily } from '../../address.js';
import type { SocketIndex } from '../../datapath/types.js';
import { socketDiffers } from '../../errors.js';
import type { SOCKET_PROPERTIES, SocketSettings } from '../../overlay-properties/overlay-properties.js';
import { openUnderlay, type Source, type Underlay } from '../../system/udp.js';
import type { Border } from './border.js';
import { MulticastMemberships, type SocketDatapath } from './multicast.js';

export interface AcquiredSocket {
  readonly index: SocketIndex;
  /** Several datagrams may leave in one send. */
  readonly gso: boolean;
  /** The multicast groups that it receives from; a user leaves what it joined before it releases the socket. */
  readonly memberships: MulticastMemberships;
}

interface Shared {
  readonly udp: Underlay;
  readonly index: SocketIndex;
  readonly settings: SocketSettings;
  readonly memberships: MulticastMemberships;
  /** By name of the overlay, whether it wants offloads. */
  readonly users: Map<string, SocketSettings['offload']>;
}

export class Sockets {
  readonly #datapath: SocketDatapath;
  readonly #border: Border | null;
  readonly #open = new Map<string, Shared>();

  /** `border`: told of every socket. */
  constructor(datapath: SocketDatapath, border: Border | null = null) {
    this.#datapath = datapath;
    this.#border = border;
  }

  /** Number of open sockets. */
  get size(): number {
    return this.#open.size;
  }

  /** The socket that listens there, opened if need be. Each user releases it once. */
  acquire(user: string, settings: SocketSettings): AcquiredSocket {
    const key = formatEndpoint(settings.listen);
    const shared = this.#open.get(key) ?? this.#add(key, settings);
    checkSame(key, shared.settings, settings);
    shared.users.set(user, settings.offload);
    receiveJoined(shared);
    return { index: shared.index, gso: shared.udp.gso, memberships: shared.memberships };
  }

  /** An overlay wants offloads from now on, or no more. */
  setOffload(user: string, { listen, offload }: SocketSettings): void {
    const shared = this.#open.get(formatEndpoint(listen));
    if (shared === undefined) return;
    shared.users.set(user, offload);
    receiveJoined(shared);
  }

  /** Lets go of it; the last one closes it, when no worker touches it any more. */
  async release(user: string, { listen }: SocketSettings): Promise<void> {
    const key = formatEndpoint(listen);
    const shared = this.#open.get(key);
    if (shared === undefined || !shared.users.delete(user)) return;
    receiveJoined(shared);
    if (shared.users.size > 0) return;
    this.#open.delete(key);
    this.#border?.unlisten(shared.index);
    await this.#datapath.removeSocket(shared.index);
    shared.udp.close();
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
    const { listen, sourcePorts, checksum, acceptZeroChecksum6 } = settings;
    const { workers } = this.#datapath;
    const udp = openUnderlay({ listen, workers, sources: sourcePorts, checksum, acceptZeroChecksum6 });
    try {
      const sources = udp.sources.map((ports) => ports.map(bothKinds));
      const withChecksum = checksum === 'always' || (checksum === 'auto' && ipFamily(listen.ip) === 6);
      const names = { listen, ports: udp.ports, checksum: withChecksum, acceptZeroChecksum6 };
      const index = this.#datapath.addSocket({ listeners: udp.listeners, sources, names });
      this.#border?.listen(index, listen);
      const memberships = this.#membershipsOf(udp, index, settings);
      const shared = { udp, index, settings, memberships, users: new Map() };
      this.#open.set(key, shared);
      return shared;
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
      localIp: listen.ip,
      acceptZeroChecksum6,
      hops,
    });
  }
}

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
  for (const [setting, property] of Object.entries(MUST_AGREE)) {
    const key = setting as keyof typeof MUST_AGREE;
    if (theirs[key] !== ours[key]) throw socketDiffers(listen, property, String(ours[key]), String(theirs[key]));
  }
}
