/**
 * Reading the counters of all workers. A worker never resets one: when an index names something new, the host remembers
 * what it stood at (`restart`), and counts from there.
 */
import {
  C_COPIES,
  C_DECAP_IN,
  C_DECAP_IN_BYTES,
  C_DELIVERED,
  C_DELIVERED_BYTES,
  C_ENCAP_IN,
  C_ENCAP_IN_BYTES,
  C_ENCAP_OUT,
  C_ENCAP_OUT_BYTES,
  C_HELD,
  C_HELD_BYTES,
  C_INJECTED,
  C_IO_REFUSED,
  C_LEARN_SKIPPED,
  C_LEARNS,
  C_TOO_BIG_ANSWERS,
  C_UNKNOWN_FROM,
  C_UNKNOWN_VNI,
  C_UPCALLED,
  C_UPCALLS,
  DROP_REASONS_MAX,
  Drop,
  EC_BYTES,
  EC_FRAMES,
  EC_SIZE,
  EP_SOCKADDR_MAX,
  OC_DECAP_BYTES,
  OC_DECAP_FRAMES,
  OC_DROPS,
  OC_ENCAP_BYTES,
  OC_ENCAP_FRAMES,
  OC_FRAGMENTS,
  OC_SIZE,
  OVERLAYS_BASE,
  OVERLAYS_MAX,
  OVL_INCARNATION,
  OVL_SIZE,
  SC_BYTES,
  SC_FRAMES,
  SC_LOST,
  SC_SIZE,
  VC_DROPS,
  VC_DROPS_EXPECTED,
  VC_RX_BYTES,
  VC_RX_FRAMES,
  VC_SIZE,
  VC_TX_BYTES,
  VC_TX_FRAMES,
  W_COUNTERS,
  W_ENDPOINT_COUNTERS,
  W_OVERLAY_COUNTERS,
  W_SENDER_COUNTERS,
  W_SIZE,
  W_VNIC_COUNTERS,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { ipOfSockaddr } from '../system/sockaddr.js';
import { DROP_TEXT } from './drops.js';
import type { Views } from './memory.js';
import type { DropReason, EndpointTraffic, OverlayCounters, TrafficCount, UnknownVni, VnicCounters } from './types.js';

const TOTALS = {
  encapIn: C_ENCAP_IN,
  encapInBytes: C_ENCAP_IN_BYTES,
  encapOut: C_ENCAP_OUT,
  encapOutBytes: C_ENCAP_OUT_BYTES,
  decapIn: C_DECAP_IN,
  decapInBytes: C_DECAP_IN_BYTES,
  delivered: C_DELIVERED,
  deliveredBytes: C_DELIVERED_BYTES,
  injected: C_INJECTED,
  copies: C_COPIES,
  held: C_HELD,
  heldBytes: C_HELD_BYTES,
  upcalls: C_UPCALLS,
  upcalled: C_UPCALLED,
  learns: C_LEARNS,
  learnSkipped: C_LEARN_SKIPPED,
  ioRefused: C_IO_REFUSED,
  tooBigAnswers: C_TOO_BIG_ANSWERS,
} as const;

/** Names of what each worker counts. */
export type WorkerCounter = keyof typeof TOTALS;

const REASONS = Object.keys(DROP_TEXT) as DropReason[];

export class Counters {
  readonly #views: Views;
  readonly #workers: number;
  readonly #zeros = new Map<number, Float64Array>();
  readonly #hostDrops = new Map<number, number>(); // overlay << 8 | reason: frames the host dropped
  /** Overlay << 8 | reason: datagrams that were dropped before a worker could read them. */
  readonly #earlyDrops = new Map<number, number>();
  #earlyDropped = 0;
  #earlyDroppedBytes = 0;
  #answered = 0;

  constructor(views: Views, workers: number) {
    this.#views = views;
    this.#workers = workers;
  }

  /** A u64 of the worker areas at `offset`, summed. Exact up to 2^53. */
  #sum(offset: number): number {
    let total = 0;
    for (let worker = 0; worker < this.#workers; worker++) total += this.#of(worker, offset);
    return total;
  }

  #of(worker: number, offset: number): number {
    const { u32, u64 } = this.#views;
    const at = WORKERS_BASE + worker * W_SIZE + offset;
    // Nearly all counters of drops are zero, and a BigInt for each would hold up the control thread.
    return u32[at >> 2] === 0 && u32[(at >> 2) + 1] === 0 ? 0 : Number(u64[at >> 3]!);
  }

  /** What one worker has counted since the start of the daemon. */
  worker(index: number): Record<WorkerCounter, number> {
    const counted = Object.entries(TOTALS).map(([name, offset]) => [name, this.#of(index, W_COUNTERS + offset)]);
    return Object.fromEntries(counted) as Record<WorkerCounter, number>;
  }

  #since(block: number, field: number): number {
    return this.#sum(block + field) - (this.#zeros.get(block)?.[field >> 3] ?? 0);
  }

  #restart(block: number, size: number): void {
    const zeros = Float64Array.from({ length: size >> 3 }, (_, word) => this.#sum(block + word * 8));
    if (zeros.some((zero) => zero > 0)) this.#zeros.set(block, zeros);
  }

  restartOverlay(index: number): void {
    this.#restart(W_OVERLAY_COUNTERS + index * OC_SIZE, OC_SIZE);
    forgetOverlay(this.#hostDrops, index);
    forgetOverlay(this.#earlyDrops, index);
  }

  restartVnic(index: number): void {
    this.#restart(W_VNIC_COUNTERS + index * VC_SIZE, VC_DROPS_EXPECTED + 8);
  }

  restartEndpoint(index: number): void {
    this.#restart(W_ENDPOINT_COUNTERS + index * EC_SIZE, EC_SIZE);
    this.#restart(W_SENDER_COUNTERS + index * SC_SIZE, SC_SIZE);
  }

  /** The host dropped a frame that was handed to it for a proxy. */
  countDrop(overlay: number, reason: DropReason): void {
    const key = (overlay << 8) | Drop[reason];
    this.#hostDrops.set(key, (this.#hostDrops.get(key) ?? 0) + 1);
  }

  /** So many datagrams were dropped before a worker could read them. `overlay`: 0, none. */
  countEarlyDrops(overlay: number, reason: DropReason, datagrams: number, bytes: number): void {
    const key = (overlay << 8) | Drop[reason];
    this.#earlyDrops.set(key, (this.#earlyDrops.get(key) ?? 0) + datagrams);
    this.#earlyDropped += datagrams;
    this.#earlyDroppedBytes += bytes;
  }

  /** The host answered or redirected a frame that was handed to it for a proxy. */
  countAnswered(): void {
    this.#answered++;
  }

  /**
   * Frames, bytes and upcalls of the whole datapath. Two books balance, give or take what is under way:
   * encapIn + decapIn + earlyDropped + injected + copies + tooBigAnswers = encapOut + delivered + dropped + held +
   * upcalled, and upcalled = answered + proxyDropped.
   */
  totals(): Record<string, number> {
    const totals: Record<string, number> = {};
    for (const [name, offset] of Object.entries(TOTALS)) totals[name] = this.#sum(W_COUNTERS + offset);
    totals.earlyDropped = this.#earlyDropped;
    totals.earlyDroppedBytes = this.#earlyDroppedBytes;
    totals.dropped = this.#workerDrops().reduce((sum, frames) => sum + frames, this.#earlyDropped);
    totals.answered = this.#answered;
    totals.proxyDropped = [...this.#hostDrops.values()].reduce((sum, count) => sum + count, 0);
    return totals;
  }

  /** By number of the reason. One walk in the order of memory: the other way round, the control thread feels it. */
  #workerDrops(): Float64Array {
    const drops = new Float64Array(DROP_REASONS_MAX);
    const { u32 } = this.#views;
    for (let overlay = 0; overlay < OVERLAYS_MAX; overlay++) {
      const wasUsed = u32[(OVERLAYS_BASE + overlay * OVL_SIZE + OVL_INCARNATION) >> 2] !== 0;
      if (overlay !== 0 && !wasUsed) continue;
      const block = W_OVERLAY_COUNTERS + overlay * OC_SIZE + OC_DROPS;
      for (let reason = 0; reason <= REASONS.length; reason++) drops[reason]! += this.#sum(block + reason * 8);
    }
    return drops;
  }

  /** Drops since the start, of every overlay there ever was and of frames that belong to none. */
  drops(): Partial<Record<DropReason, number>> {
    const drops: Partial<Record<DropReason, number>> = {};
    const counts = this.#workerDrops();
    for (const [key, frames] of [...this.#hostDrops, ...this.#earlyDrops]) counts[key & 0xff]! += frames;
    for (const reason of REASONS) {
      const count = counts[Drop[reason]]!;
      if (count > 0) drops[reason] = count;
    }
    return drops;
  }

  /** The last one that each worker has seen. */
  unknownVnis(): UnknownVni[] {
    const { u32, u8 } = this.#views;
    return Array.from({ length: this.#workers }, (_, worker) => {
      const note = WORKERS_BASE + worker * W_SIZE + W_COUNTERS + C_UNKNOWN_VNI;
      const from = note + C_UNKNOWN_FROM - C_UNKNOWN_VNI;
      const vni = u32[note >> 2]! - 1;
      return vni < 0 ? [] : [{ vni, ip: ipOfSockaddr(u8.slice(from, from + EP_SOCKADDR_MAX)) }];
    }).flat();
  }

  /** 0: of what belongs to no overlay. */
  overlay(index: number): OverlayCounters {
    const block = W_OVERLAY_COUNTERS + index * OC_SIZE;
    const drops: Partial<Record<DropReason, number>> = {};
    for (const reason of REASONS) {
      const key = (index << 8) | Drop[reason];
      const elsewhere = (this.#hostDrops.get(key) ?? 0) + (this.#earlyDrops.get(key) ?? 0);
      const count = this.#since(block, OC_DROPS + Drop[reason] * 8) + elsewhere;
      if (count > 0) drops[reason] = count;
    }
    return {
      encap: this.#traffic(block, OC_ENCAP_FRAMES, OC_ENCAP_BYTES),
      decap: this.#traffic(block, OC_DECAP_FRAMES, OC_DECAP_BYTES),
      fragments: this.#since(block, OC_FRAGMENTS),
      drops,
    };
  }

  vnic(index: number): VnicCounters {
    const block = W_VNIC_COUNTERS + index * VC_SIZE;
    return {
      tx: this.#traffic(block, VC_TX_FRAMES, VC_TX_BYTES),
      rx: this.#traffic(block, VC_RX_FRAMES, VC_RX_BYTES),
      drops: this.#since(block, VC_DROPS),
      expectedDrops: this.#since(block, VC_DROPS_EXPECTED),
    };
  }

  endpoint(index: number): EndpointTraffic {
    const block = W_SENDER_COUNTERS + index * SC_SIZE;
    return {
      encap: this.#traffic(W_ENDPOINT_COUNTERS + index * EC_SIZE, EC_FRAMES, EC_BYTES),
      decap: this.#traffic(block, SC_FRAMES, SC_BYTES),
      drops: this.#since(block, SC_LOST),
    };
  }

  /** Received from senders that are no endpoint. */
  otherSenders(): TrafficCount {
    return this.#traffic(W_SENDER_COUNTERS, SC_FRAMES, SC_BYTES);
  }

  #traffic(block: number, frames: number, bytes: number): TrafficCount {
    return { frames: this.#since(block, frames), bytes: this.#since(block, bytes) };
  }
}

/** What was counted of an overlay is nobody's from now on: another has its index. */
function forgetOverlay(counts: Map<number, number>, index: number): void {
  for (const [key, frames] of [...counts].filter(([each]) => each >> 8 === index)) {
    counts.set(key & 0xff, (counts.get(key & 0xff) ?? 0) + frames);
    counts.delete(key);
  }
}
