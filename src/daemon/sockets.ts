/** The underlay sockets: overlays that listen on the same address and port share one. */
import { type Endpoint, formatEndpoint } from '../address.js';
import type { SocketIndex } from '../datapath/types.js';
import { openUnderlay, type Underlay } from '../system/udp.js';

/** The part of the datapath that polls sockets. */
export interface SocketDatapath {
  addSocket(fd: number): SocketIndex;
  removeSocket(index: SocketIndex): Promise<void>;
}

/** The one worker receives and sends by one socket, datagram by datagram. */
const ONE_SOCKET = {
  workers: 1,
  sources: 1,
  checksum: 'always',
  acceptZeroChecksum6: false,
  offload: 'off',
} as const;

interface Shared {
  readonly udp: Underlay;
  readonly index: SocketIndex;
  users: number;
}

export class Sockets {
  readonly #datapath: SocketDatapath;
  readonly #open = new Map<string, Shared>();

  constructor(datapath: SocketDatapath) {
    this.#datapath = datapath;
  }

  /** Number of open sockets. */
  get size(): number {
    return this.#open.size;
  }

  /** The socket that listens there, opened if need be. Each call needs one `release`. */
  acquire(listen: Endpoint): SocketIndex {
    const key = formatEndpoint(listen);
    const shared = this.#open.get(key) ?? this.#add(key, listen);
    shared.users++;
    return shared.index;
  }

  /** Lets go of it; the last one closes it, when no worker touches it any more. */
  async release(listen: Endpoint): Promise<void> {
    const key = formatEndpoint(listen);
    const shared = this.#open.get(key);
    if (shared === undefined) return;
    shared.users--;
    if (shared.users > 0) return;
    this.#open.delete(key);
    await this.#datapath.removeSocket(shared.index);
    shared.udp.close();
  }

  /** The datapath has ended: closes everything. */
  closeAll(): void {
    for (const { udp } of this.#open.values()) udp.close();
    this.#open.clear();
  }

  #add(key: string, listen: Endpoint): Shared {
    const udp = openUnderlay({ listen, ...ONE_SOCKET });
    try {
      const shared = { udp, index: this.#datapath.addSocket(udp.listeners[0]!), users: 0 };
      this.#open.set(key, shared);
      return shared;
    } catch (thrown) {
      udp.close();
      throw thrown;
    }
  }
}
