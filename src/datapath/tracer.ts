/**
 * Traces: what the datapath would do with a frame. The same module decides, in an instance of its own over the same
 * tables, with a worker's area of its own behind those of the workers: what it lists is sent by nobody, its counters
 * are nobody's, and what it would ask or tell the host stays in its rings. Times when FDB entries were used and heard
 * of are put back as they were.
 */
import {
  CACHE_LINE,
  CAPTURES_MAX,
  CF_SIZE,
  CF_SNAPLEN,
  FDB_BUCKET_SIZE,
  FDB_STAMP_SIZE,
  FDB_USED,
  FDB_WAYS,
  HDR_CAPTURE_FILTERS,
  HDR_FDB_BASE,
  HDR_FDB_BUCKETS,
  MSG_CONTROLLEN,
  MSG_FLAGS,
  MSG_LEN,
  OVERLAYS_BASE,
  OVL_HEADER,
  OVL_SIZE,
  VNET_SIZE,
  VXLAN_HLEN,
  W_CAPTURE_RING,
  W_CAPTURES,
  W_CLOCK,
  W_RX_MMSG,
  W_RX_NAMES,
  W_RX_SLOTS,
  W_SIZE,
  W_TAP_BUFFER,
  W_TX_COUNT,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { sockaddrOf } from '../system/sockaddr.js';
import { CaptureRecords } from './capture-records.js';
import type { CapturedFrame } from './capture-types.js';
import { macWord } from './mac.js';
import type { Views } from './memory.js';
import { type DatapathExports, instantiate } from './module.js';
import { Rings } from './rings.js';
import type { OverlayIndex, SocketIndex, UpcallRecord, VnicIndex } from './types.js';

/** Where a frame that is traced comes from. */
export type TraceSource =
  | { readonly vnic: VnicIndex }
  /** A VTEP, and the socket that its datagram comes to. */
  | { readonly ip: string; readonly socket: SocketIndex };

export interface Trace {
  /** As a capture of everything would have it: the frame as it came, and then each place that it would leave to. */
  readonly frames: readonly CapturedFrame[];
  /** What the host would be asked or told. */
  readonly upcalls: readonly UpcallRecord[];
}

/** The source port of a datagram from a VTEP says nothing. */
const SOURCE_PORT = 50_000;
const NOT_FOUND = 0xffff_ffff;
const WHOLE = 1 << 18;

export class Tracer {
  readonly #views: Views;
  readonly #instantiate: () => DatapathExports;
  readonly #worker: number;
  readonly #area: number;
  readonly #records: CaptureRecords;
  #made: { readonly datapath: DatapathExports; readonly rings: Rings } | null = null;

  /** `workers`: how many there are; the area behind theirs is the tracer's. */
  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, views: Views, workers: number) {
    this.#views = views;
    this.#worker = workers;
    this.#area = WORKERS_BASE + workers * W_SIZE;
    this.#records = new CaptureRecords(views);
    this.#instantiate = () => instantiate(module, memory);
  }

  /** `nowNs`: of the monotonic clock. The frame is whole, without a super-frame's header. */
  trace(overlay: OverlayIndex, source: TraceSource, frame: Uint8Array, nowNs: bigint): Trace {
    this.#made ??= this.#make();
    const { datapath, rings } = this.#made;
    const { u32, u64 } = this.#views;
    u64[(this.#area + W_CLOCK) >> 3] = nowNs / 1_000_000_000n;
    u64[(this.#area + W_CLOCK + 8) >> 3] = nowNs % 1_000_000_000n;
    datapath.startWorker(this.#worker); // whatever waited for the last trace is forgotten
    u32[(HDR_CAPTURE_FILTERS + CAPTURES_MAX * CF_SIZE + CF_SNAPLEN) >> 2] = WHOLE;
    u32[(this.#area + W_CAPTURES) >> 2] = 1 << CAPTURES_MAX;
    const putBack = this.#stampsOf(datapath, overlay, frame);
    datapath.turn();
    if ('vnic' in source) this.#fromVnic(datapath, source.vnic, frame);
    else this.#fromUnderlay(datapath, overlay, source, frame);
    this.#settle(datapath);
    putBack();
    return { frames: this.#mirrored(datapath), upcalls: upcallsOf(rings) };
  }

  #make(): { readonly datapath: DatapathExports; readonly rings: Rings } {
    const datapath = this.#instantiate();
    return { datapath, rings: new Rings(datapath, this.#views, this.#worker) };
  }

  #fromVnic(datapath: DatapathExports, vnic: VnicIndex, frame: Uint8Array): void {
    const at = this.#area + W_TAP_BUFFER + CACHE_LINE - VNET_SIZE; // where the first read of a batch goes
    this.#views.u8.fill(0, at, at + VNET_SIZE);
    this.#views.u8.set(frame, at + VNET_SIZE);
    datapath.tapBegin();
    datapath.tapTook(VNET_SIZE + frame.length);
    datapath.encapBatch(vnic, 0);
  }

  /** Behind the header that the overlay itself sends: its encapsulation, its VNI and its policy group. */
  #fromUnderlay(
    datapath: DatapathExports,
    overlay: OverlayIndex,
    source: Extract<TraceSource, { ip: string }>,
    frame: Uint8Array,
  ): void {
    const { u8, u32 } = this.#views;
    const at = this.#area + W_RX_SLOTS;
    const own = OVERLAYS_BASE + overlay * OVL_SIZE + OVL_HEADER;
    u8.copyWithin(at, own, own + VXLAN_HLEN);
    u8.set(frame, at + VXLAN_HLEN);
    u8.set(sockaddrOf({ ip: source.ip, port: SOURCE_PORT }), this.#area + W_RX_NAMES);
    const header = this.#area + W_RX_MMSG;
    u32[(header + MSG_LEN) >> 2] = VXLAN_HLEN + frame.length;
    u32[(header + MSG_FLAGS) >> 2] = 0;
    u32[(header + MSG_CONTROLLEN) >> 2] = 0;
    datapath.decapBatch(source.socket, 0, 1);
  }

  /** As if the kernel had taken all. */
  #settle(datapath: DatapathExports): void {
    while (datapath.prepare() !== 0) {
      datapath.sent(0, this.#views.u32[(this.#area + W_TX_COUNT) >> 2]!);
      datapath.delivered();
    }
  }

  #mirrored(datapath: DatapathExports): CapturedFrame[] {
    const ring = this.#area + W_CAPTURE_RING;
    const frames: CapturedFrame[] = [];
    for (let record = datapath.captureRead(ring); record !== 0; record = datapath.captureRead(ring)) {
      const one = this.#records.decode(record >>> 0);
      frames.push({ ...one, bytes: Uint8Array.from(one.bytes) });
    }
    datapath.ringRelease(ring);
    return frames;
  }

  /** Remembers when the entries of the frame's MACs were used and heard of; answers how to put that back. */
  #stampsOf(datapath: DatapathExports, overlay: OverlayIndex, frame: Uint8Array): () => void {
    const { u32 } = this.#views;
    const base = u32[HDR_FDB_BASE >> 2]!;
    const buckets = u32[HDR_FDB_BUCKETS >> 2]!;
    const words = [0, 6].flatMap((at) => {
      const mac = [...frame.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
      const word = frame.length < at + 6 ? 0 : macWord(mac);
      const slot = datapath.fdbLocate(overlay, Math.floor(word / 2 ** 32), word | 0) >>> 0;
      if (slot === NOT_FOUND) return [];
      const used = base + Math.floor(slot / FDB_WAYS) * FDB_BUCKET_SIZE + FDB_USED + (slot % FDB_WAYS) * 4;
      const heard = base + buckets * FDB_BUCKET_SIZE + (buckets * FDB_WAYS + slot) * FDB_STAMP_SIZE;
      return [used >> 2, heard >> 2];
    });
    const before = words.map((word) => u32[word]!);
    return () => {
      for (const [index, word] of words.entries()) u32[word] = before[index]!;
    };
  }
}

function upcallsOf(rings: Rings): UpcallRecord[] {
  const upcalls: UpcallRecord[] = [];
  for (let record = rings.read(); record !== null; record = rings.read()) upcalls.push(record);
  return upcalls;
}
