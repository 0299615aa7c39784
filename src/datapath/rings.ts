/** The host's ends of a worker's rings: upcalls are read, frames are injected. */
import {
  EP_SOCKADDR_MAX,
  Inject,
  OVERLAYS_BASE,
  OVL_INCARNATION,
  OVL_SIZE,
  REC_ENDPOINT,
  REC_ETHERTYPE,
  REC_FRAME,
  REC_FRAME_LEN,
  REC_FRAMES,
  REC_INCARNATION,
  REC_LEARN_SIZE,
  REC_MAC,
  REC_OVERLAY,
  REC_SENDER,
  REC_SOCKADDR,
  REC_SOURCE_MAC,
  REC_TYPE,
  REC_VLAN,
  REC_VNIC,
  RING_CAPACITY,
  RING_HEAD,
  RING_READ,
  RING_TAIL,
  Upcall,
  VNIC_INCARNATION,
  VNIC_SIZE,
  VNICS_BASE,
  W_INJECT_RING,
  W_SIZE,
  W_UPCALL_RING,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { ipOfSockaddr } from '../system/sockaddr.js';
import { macOfWord } from './mac.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import type {
  AddressUpcall,
  EndpointIndex,
  LoopbackUpcall,
  OverlayIndex,
  ProxyUpcall,
  UpcallRecord,
  VnicIndex,
} from './types.js';

const UPCALLS_PER_TICK_MAX = 256; // then the event loop has its turn

/** What is done with a frame that has to do with a VNIC. */
export type FromVnic = Inject.deliver | Inject.encap | Inject.flood;

/** Bytes that each ring takes. */
export const RING_BYTES = RING_CAPACITY;

export class Rings {
  readonly #datapath: DatapathExports;
  readonly #views: Views;
  readonly #upcalls: number;
  readonly #inject: number;
  #isClosed = false;

  constructor(datapath: DatapathExports, views: Views, worker: number) {
    this.#datapath = datapath;
    this.#views = views;
    this.#upcalls = WORKERS_BASE + worker * W_SIZE + W_UPCALL_RING;
    this.#inject = WORKERS_BASE + worker * W_SIZE + W_INJECT_RING;
  }

  /**
   * The next upcall, null when there is none; of overlay 0 if its own is gone. Frames are copied, so the ring's bytes
   * are given back at once.
   */
  read(): UpcallRecord | null {
    const record = this.#datapath.ringRead(this.#upcalls);
    if (record === 0) return null;
    const upcall = this.#decode(record);
    this.#datapath.ringRelease(this.#upcalls);
    return upcall;
  }

  #decode(record: number): UpcallRecord {
    const { u32, u8 } = this.#views;
    const field = (offset: number): number => u32[(record + offset) >> 2]!;
    const mac = (offset: number): string => macOfWord(field(offset + 4) * 2 ** 32 + field(offset));
    const kind = Upcall[field(REC_TYPE)] as UpcallRecord['kind'];
    if (kind === 'too_long') return { kind, overlay: 0, endpoint: field(REC_ENDPOINT) };
    const overlay = this.#isOfNow(field(REC_OVERLAY), field(REC_INCARNATION)) ? field(REC_OVERLAY) : 0;
    if (kind === 'learn' || kind === 'stranger') {
      const heard = { overlay, mac: mac(REC_MAC) };
      const address = u8.subarray(record + REC_SOCKADDR, record + REC_LEARN_SIZE);
      if (kind === 'stranger') return { kind, ...heard, ip: ipOfSockaddr(address), frames: field(REC_FRAMES) };
      return { kind, ...heard, ip: field(REC_VNIC) === 0 ? ipOfSockaddr(address) : null };
    }
    if (kind === 'loopback') return this.#loopback(overlay, record);
    const common = {
      overlay,
      vnic: field(REC_VNIC),
      sourceMac: mac(REC_SOURCE_MAC),
      vlan: field(REC_VLAN),
    };
    if (kind === 'miss') return { kind, ...common, mac: mac(REC_MAC), etherType: field(REC_ETHERTYPE) };
    return { kind, ...common, frame: this.#frame(record) } satisfies ProxyUpcall | AddressUpcall;
  }

  #loopback(overlay: OverlayIndex, record: number): LoopbackUpcall {
    const sender = this.#views.u8.subarray(record + REC_SENDER, record + REC_SENDER + EP_SOCKADDR_MAX);
    return { kind: 'loopback', overlay, vnic: 0, ip: ipOfSockaddr(sender), frame: this.#frame(record) };
  }

  #frame(record: number): Uint8Array {
    const { u32, u8 } = this.#views;
    const start = record + REC_FRAME;
    return u8.slice(start, start + u32[(record + REC_FRAME_LEN) >> 2]!);
  }

  /** Whether the index has not been given to another overlay since the record was written. */
  #isOfNow(overlay: OverlayIndex, incarnation: number): boolean {
    return this.#views.u32[(OVERLAYS_BASE + overlay * OVL_SIZE + OVL_INCARNATION) >> 2] === incarnation;
  }

  /** Hands on every upcall as it comes, until {@link close}. */
  async readAll(take: (upcall: UpcallRecord) => void): Promise<void> {
    while (!this.#isClosed) {
      for (let count = 0; count < UPCALLS_PER_TICK_MAX; count++) {
        const upcall = this.read();
        if (upcall === null) break;
        take(upcall);
      }
      await new Promise(setImmediate);
      await this.#moved();
    }
  }

  /** Resolves when there is more to read, or nobody will any more. */
  async #moved(): Promise<void> {
    const { i32 } = this.#views;
    const wait = Atomics.waitAsync(i32, (this.#upcalls + RING_HEAD) >> 2, i32[(this.#upcalls + RING_READ) >> 2]!);
    if (wait.async) await wait.value;
  }

  /** Bytes that wait in each. */
  get waiting(): { upcall: number; inject: number } {
    return { upcall: this.#fill(this.#upcalls), inject: this.#fill(this.#inject) };
  }

  #fill(ring: number): number {
    const { u32 } = this.#views;
    return (Atomics.load(u32, (ring + RING_HEAD) >> 2) - Atomics.load(u32, (ring + RING_TAIL) >> 2)) >>> 0;
  }

  /** Nothing is read any more. */
  close(): void {
    this.#isClosed = true;
    Atomics.notify(this.#views.i32, (this.#upcalls + RING_HEAD) >> 2);
  }

  /**
   * Puts a frame into the inject ring; false when it is full, or the overlay has its share of it. The worker has to be
   * woken.
   */
  inject(type: FromVnic, overlay: OverlayIndex, vnic: VnicIndex, frame: Uint8Array): boolean {
    const { u32 } = this.#views;
    return this.#put(type, overlay, frame, (record) => {
      u32[(record + REC_VNIC) >> 2] = vnic;
      u32[(record + REC_INCARNATION) >> 2] = u32[(VNICS_BASE + vnic * VNIC_SIZE + VNIC_INCARNATION) >> 2]!;
    });
  }

  /** The same of a frame of nobody's, for an endpoint. */
  tunnel(overlay: OverlayIndex, endpoint: EndpointIndex, frame: Uint8Array): boolean {
    const { u32 } = this.#views;
    return this.#put(Inject.tunnel, overlay, frame, (record) => {
      u32[(record + REC_VNIC) >> 2] = 0;
      u32[(record + REC_INCARNATION) >> 2] = u32[(OVERLAYS_BASE + overlay * OVL_SIZE + OVL_INCARNATION) >> 2]!;
      u32[(record + REC_ENDPOINT) >> 2] = endpoint;
    });
  }

  #put(type: Inject, overlay: OverlayIndex, frame: Uint8Array, describe: (record: number) => void): boolean {
    const size = REC_FRAME + frame.length;
    const record = this.#datapath.ringReserveFor(this.#inject, type, size, overlay, RING_CAPACITY) >>> 0;
    if (record === 0) return false;
    const { u32, u8 } = this.#views;
    describe(record);
    u32[(record + REC_FRAME_LEN) >> 2] = frame.length;
    u8.set(frame, record + REC_FRAME);
    this.#datapath.ringPublish(this.#inject);
    return true;
  }
}
