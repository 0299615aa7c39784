/**
 * Captures: frames that the workers mirror into their rings (assembly/datapath/capture.ts), handed to those who watch.
 * What each wants is written into the shared memory, so a frame that nobody wants is not mirrored. Nothing is read, and
 * nobody wakes, while no capture is open.
 */
import {
  CAP_DATA,
  CAPTURES_MAX,
  CF_ADDRESS,
  CF_MAC,
  CF_OVERLAY,
  CF_OVERLAY_INCARNATION,
  CF_REASONS,
  CF_SIZE,
  CF_SNAPLEN,
  CF_VNIC,
  CF_VNIC_INCARNATION,
  Drop,
  HDR_CAPTURE_FILTERS,
  HDR_CAPTURE_FRAME,
  OVERLAYS_BASE,
  OVL_INCARNATION,
  OVL_SIZE,
  PROXY_FRAME_MAX,
  RING_HEAD,
  RING_READ,
  VNIC_INCARNATION,
  VNIC_SIZE,
  VNICS_BASE,
  W_CAPTURE_LOST,
  W_CAPTURE_RING,
  W_CAPTURES,
  W_SIZE,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { ipBytes } from '../address.js';
import { tooManyCaptures } from '../errors.js';
import { CaptureRecords } from './capture-records.js';
import type { CapturedFrame, CaptureFilter, OpenCapture } from './capture-types.js';
import { macWord } from './mac.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import type { DropReason, OverlayIndex, VnicIndex } from './types.js';

/** Bytes of records that are read at a stretch; then the event loop has its turn, which answers upcalls. */
const READ_AT_ONCE = 1 << 16;

export class Captures {
  readonly #datapath: DatapathExports;
  readonly #views: Views;
  readonly #records: CaptureRecords;
  readonly #rings: readonly number[];
  readonly #quiesce: () => Promise<void>;
  /** By place in the shared memory. */
  readonly #open = new Map<number, (frame: CapturedFrame) => void>();
  /** Those that were closed, whose bit may still stand in a record. */
  readonly #closing = new Set<number>();
  /** Raised when reading begins or ends: a reader of before does not go on. */
  #epoch = 0;

  /** `quiesce`: resolves when every worker has begun a new turn. */
  constructor(datapath: DatapathExports, views: Views, workers: number, quiesce: () => Promise<void>) {
    this.#datapath = datapath;
    this.#views = views;
    this.#records = new CaptureRecords(views);
    this.#rings = Array.from({ length: workers }, (_, worker) => WORKERS_BASE + worker * W_SIZE + W_CAPTURE_RING);
    this.#quiesce = quiesce;
  }

  /** How many are open. */
  get count(): number {
    return this.#open.size;
  }

  /** Calls back for every frame from now on; its bytes are borrowed for the call. Throws when there are too many. */
  open(filter: CaptureFilter, onFrame: (frame: CapturedFrame) => void): OpenCapture {
    const slots = Array.from({ length: CAPTURES_MAX }, (_, slot) => slot);
    const slot = slots.find((each) => !this.#open.has(each) && !this.#closing.has(each));
    if (slot === undefined) throw tooManyCaptures(CAPTURES_MAX);
    this.#write(HDR_CAPTURE_FILTERS + slot * CF_SIZE, filter);
    if (this.#open.size === 0) this.#startReading();
    this.#open.set(slot, onFrame);
    this.#mirror();
    const before = this.#lost(slot);
    let after: number | null = null;
    return {
      lost: () => (after ?? this.#lost(slot)) - before,
      close: async () => {
        await this.#close(slot);
        after ??= this.#lost(slot);
      },
    };
  }

  /** A bit for each that is open. */
  get #on(): number {
    const slots = [...this.#open.keys()].filter((slot) => !this.#closing.has(slot));
    return slots.reduce((bits, slot) => bits | (1 << slot), 0);
  }

  /** Tells the workers. */
  #mirror(): void {
    for (const worker of this.#rings.keys()) {
      Atomics.store(this.#views.u32, (WORKERS_BASE + worker * W_SIZE + W_CAPTURES) >> 2, this.#on);
    }
  }

  #write(at: number, { overlay, vnic, mac, ip, reasons, snapLength }: CaptureFilter): void {
    const { u8, u32, u64 } = this.#views;
    u32[(at + CF_OVERLAY) >> 2] = overlay ?? 0;
    u32[(at + CF_OVERLAY_INCARNATION) >> 2] = this.#overlayIncarnation(overlay ?? 0);
    u32[(at + CF_VNIC) >> 2] = vnic ?? 0;
    u32[(at + CF_VNIC_INCARNATION) >> 2] = this.#vnicIncarnation(vnic ?? 0);
    u64[(at + CF_MAC) >> 3] = mac === null ? 0n : BigInt(macWord(mac));
    u64[(at + CF_REASONS) >> 3] = reasons.reduce((bits, reason) => bits | (1n << BigInt(Drop[reason])), 0n);
    u32[(at + CF_SNAPLEN) >> 2] = snapLength;
    u8.fill(0, at + CF_ADDRESS, at + CF_ADDRESS + 16);
    if (ip === null) return;
    const bytes = ipBytes(ip);
    if (bytes.length === 4) u8.fill(0xff, at + CF_ADDRESS + 10, at + CF_ADDRESS + 12);
    u8.set(bytes, at + CF_ADDRESS + 16 - bytes.length);
  }

  #overlayIncarnation(overlay: OverlayIndex): number {
    return this.#views.u32[(OVERLAYS_BASE + overlay * OVL_SIZE + OVL_INCARNATION) >> 2]!;
  }

  #vnicIncarnation(vnic: VnicIndex): number {
    return this.#views.u32[(VNICS_BASE + vnic * VNIC_SIZE + VNIC_INCARNATION) >> 2]!;
  }

  #lost(slot: number): number {
    const words = this.#rings.map((_, worker) => (WORKERS_BASE + worker * W_SIZE + W_CAPTURE_LOST + slot * 4) >> 2);
    return words.reduce((sum, word) => sum + this.#views.u32[word]!, 0);
  }

  /** What was mirrored before has been handed over when it resolves; then the place is another one's. */
  async #close(slot: number): Promise<void> {
    if (!this.#open.has(slot) || this.#closing.has(slot)) return;
    this.#closing.add(slot);
    this.#mirror();
    await this.#quiesce();
    for (const ring of this.#rings) this.#read(ring, Number.POSITIVE_INFINITY);
    this.#open.delete(slot);
    this.#closing.delete(slot);
    if (this.#open.size === 0) this.stop();
  }

  /**
   * The host drops a frame that was handed to it, which `vnic` sent. It is never longer than PROXY_FRAME_MAX.
   */
  dropped(overlay: OverlayIndex, vnic: VnicIndex, frame: Uint8Array, reason: DropReason, timeNs: bigint): void {
    if (this.#open.size === 0 || frame.length > PROXY_FRAME_MAX) return;
    this.#views.u8.set(frame, HDR_CAPTURE_FRAME);
    const wanted = this.#datapath.captureWanted(this.#on, frame.length, overlay, vnic, Drop[reason]) >>> 0;
    if (wanted !== 0) this.#hand(wanted, this.#records.dropped(overlay, vnic, frame, reason, timeNs));
  }

  #startReading(): void {
    this.#epoch++;
    for (const ring of this.#rings) void this.#readAll(ring);
  }

  async #readAll(ring: number): Promise<void> {
    const epoch = this.#epoch;
    while (this.#epoch === epoch) {
      if (this.#read(ring, READ_AT_ONCE)) await new Promise(setImmediate);
      else await this.#moved(ring);
    }
  }

  /** Hands over what is in a ring, up to `most` bytes and a record. Whether there may be more. */
  #read(ring: number, most: number): boolean {
    let bytes = 0;
    while (bytes < most) {
      const record = this.#datapath.captureRead(ring) >>> 0;
      if (record === 0) break;
      const frame = this.#records.decode(record);
      bytes += CAP_DATA + frame.bytes.length;
      this.#hand(this.#records.wanted(record), frame);
    }
    this.#datapath.ringRelease(ring);
    return bytes >= most;
  }

  #hand(wanted: number, frame: CapturedFrame): void {
    for (const [slot, onFrame] of this.#open) if ((wanted >>> slot) & 1) onFrame(frame);
  }

  /** Resolves when there is more to read, or nobody will any more. */
  async #moved(ring: number): Promise<void> {
    const { i32 } = this.#views;
    const wait = Atomics.waitAsync(i32, (ring + RING_HEAD) >> 2, i32[(ring + RING_READ) >> 2]!);
    if (wait.async) await wait.value;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#epoch++;
    for (const ring of this.#rings) Atomics.notify(this.#views.i32, (ring + RING_HEAD) >> 2);
  }
}
