/** The host's end of the FDB: entries as plain data. The table itself is assembly/table. */
import { setImmediate } from 'node:timers/promises';
import {
  Drop,
  FDB_BUCKET_SIZE,
  FDB_FLAG_LEARNED,
  FDB_FLAG_STATIC,
  FDB_VALUES,
  FDB_WAYS,
  FdbKind,
  HDR_FDB_BASE,
  HDR_FDB_BUCKETS,
  HDR_FDB_COUNT,
  HDR_FDB_VTEPS,
  HDR_SOCKADDR,
} from '../../assembly/layout.js';
import { macFromNumber, macToNumber } from '../address.js';
import { sockaddrOf } from '../system/sockaddr.js';
import type { Endpoints } from './endpoints.js';
import { macWord } from './mac.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import type { FdbEntry, FdbTarget, OverlayIndex, SocketIndex, VnicIndex } from './types.js';

const NOWHERE = 0xffff_ffff;
const TENTH_MS = 100;
const BUCKET_WORDS = FDB_BUCKET_SIZE / 4;
/** Slots: a millisecond or so. */
const PURGED_AT_ONCE = 1 << 16;

const high = (mac: number): number => Math.floor(mac / 2 ** 32);
const low = (mac: number): number => mac >>> 0;

/** Whose word an entry is; a plugin's by default. */
export interface PutOptions {
  /** The operator's, or a VNIC's. */
  readonly isStatic?: boolean;
  /** A frame's that came from there. */
  readonly isLearned?: boolean;
}

export class Fdb {
  readonly #datapath: DatapathExports;
  readonly #views: Views;
  readonly #endpoints: Endpoints;

  readonly #socketOf: (overlay: OverlayIndex) => SocketIndex;

  constructor(
    datapath: DatapathExports,
    views: Views,
    endpoints: Endpoints,
    socketOf: (overlay: OverlayIndex) => SocketIndex,
  ) {
    this.#datapath = datapath;
    this.#views = views;
    this.#endpoints = endpoints;
    this.#socketOf = socketOf;
  }

  get count(): number {
    return this.#views.u32[HDR_FDB_COUNT >> 2]!;
  }

  /** VTEPs that overlays know, each of each. */
  get vteps(): number {
    return this.#views.u32[HDR_FDB_VTEPS >> 2]!;
  }

  /** How many more there may be, of all overlays together. */
  get vtepRoom(): number {
    return this.#datapath.vtepRoom() >>> 0;
  }

  /** The overlay knows the VTEP at `ip` from now on. False: there is no room for more. */
  putVtep(overlay: OverlayIndex, ip: string, nowMs: number): boolean {
    this.#writeSockaddr(ip);
    return Boolean(this.#datapath.vtepPut(overlay, nowMs));
  }

  /** It no longer does. */
  removeVtep(overlay: OverlayIndex, ip: string): void {
    this.#writeSockaddr(ip);
    this.#datapath.vtepRemove(overlay);
  }

  #writeSockaddr(ip: string): void {
    this.#views.u8.set(sockaddrOf({ ip, port: 0 }), HDR_SOCKADDR);
  }

  /** False: the FDB is full of static entries, or the endpoint table is full. */
  put(overlay: OverlayIndex, mac: string, target: FdbTarget, options: PutOptions, nowMs: number): boolean {
    const [kind, index] = this.#encode(overlay, target);
    if (kind === FdbKind.none) return false;
    const value = macWord(mac);
    const flags = (options.isStatic ? FDB_FLAG_STATIC : 0) | (options.isLearned ? FDB_FLAG_LEARNED : 0);
    return Boolean(this.#datapath.fdbPut(overlay, high(value), low(value), kind, flags, index, nowMs));
  }

  #encode(overlay: OverlayIndex, target: FdbTarget): [kind: FdbKind, index: number] {
    if (target.kind === 'local') return [FdbKind.local, target.vnic];
    if (target.kind === 'drop') return [FdbKind.drop, Drop[target.reason as keyof typeof Drop]];
    const endpoint = this.#endpoints.intern(target.endpoint, this.#socketOf(overlay));
    return endpoint === 0 ? [FdbKind.none, 0] : [FdbKind.remote, endpoint];
  }

  remove(overlay: OverlayIndex, mac: string): boolean {
    const value = macWord(mac);
    return Boolean(this.#datapath.fdbRemove(overlay, high(value), low(value)));
  }

  get(overlay: OverlayIndex, mac: string): FdbEntry | null {
    const slot = this.#locate(overlay, mac);
    return slot === NOWHERE ? null : this.#decode(slot);
  }

  has(overlay: OverlayIndex, mac: string): boolean {
    return this.#locate(overlay, mac) !== NOWHERE;
  }

  #locate(overlay: OverlayIndex, mac: string): number {
    const value = macWord(mac);
    return this.#datapath.fdbLocate(overlay, high(value), low(value)) >>> 0;
  }

  heardAtMs(overlay: OverlayIndex, mac: string): number | null {
    const slot = this.#locate(overlay, mac);
    return slot === NOWHERE ? null : this.#heardAtMs(slot);
  }

  #heardAtMs(slot: number): number | null {
    const lastHeard = this.#datapath.fdbLastHeard(slot) >>> 0;
    return lastHeard === 0 ? null : lastHeard * TENTH_MS;
  }

  /** Ways of all buckets. */
  get #slots(): number {
    return this.#views.u32[HDR_FDB_BUCKETS >> 2]! * FDB_WAYS;
  }

  /**
   * The overlay's entries with the `limit` lowest MACs above `after`, in that order; all of them when there are fewer.
   * Entries that stay throughout are met once each by a walk over pages, whatever else comes and goes.
   */
  page(overlay: OverlayIndex, after: string | null, limit: number): FdbEntry[] {
    const first = after === null ? 0 : macToNumber(after) + 1;
    const macs = new Float64Array(limit * 2);
    let count = 0;
    let below = 2 ** 48; // no MAC from here on is on the page
    for (let slot = 0; ; slot++) {
      slot = this.#datapath.fdbWalk(overlay, high(first), low(first), high(below), low(below), slot) >>> 0;
      if (slot === NOWHERE) break;
      macs[count++] = this.#macAt(slot);
      if (count < limit * 2) continue;
      macs.sort();
      count = limit;
      below = macs[limit - 1]!;
    }
    return Array.from(
      macs.subarray(0, count).sort().subarray(0, limit),
      (mac) => this.get(overlay, macFromNumber(mac))!,
    );
  }

  /**
   * Removes the overlay's entries; only those that lead to the VNIC, if one is given. No more of them may come. Other
   * work has its turn meanwhile; what that moved to where nobody looks any more goes in the end, in one go.
   */
  async purge(overlay: OverlayIndex, vnic: VnicIndex = 0): Promise<void> {
    const movesBefore = this.#datapath.fdbMoves();
    for (let from = 0; from < this.#slots; from += PURGED_AT_ONCE) {
      if (from > 0) await setImmediate();
      this.#datapath.fdbPurge(overlay, vnic, from, from + PURGED_AT_ONCE);
    }
    if (this.#datapath.fdbMoves() !== movesBefore) this.#datapath.fdbPurge(overlay, vnic, 0, this.#slots);
  }

  /** Index of the bucket's first word in the 32-bit view. */
  #bucketWord(bucket: number): number {
    return (this.#views.u32[HDR_FDB_BASE >> 2]! + bucket * FDB_BUCKET_SIZE) / 4; // >> would turn large offsets negative
  }

  /** As {@link macToNumber} has it. */
  #macAt(slot: number): number {
    const { u32 } = this.#views;
    const way = slot % FDB_WAYS;
    const key = this.#bucketWord((slot - way) / FDB_WAYS) + way * 2;
    const [word, last] = [u32[key]!, u32[key + 1]!];
    const first = ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
    return first * 2 ** 16 + ((last & 0xff) << 8) + ((last >>> 8) & 0xff);
  }

  #decode(slot: number): FdbEntry {
    const { u32 } = this.#views;
    const way = slot % FDB_WAYS;
    const bucket = this.#bucketWord((slot - way) / FDB_WAYS);
    const value = u32[bucket + (FDB_VALUES >> 2) + way]!;
    const lastUse = this.#datapath.fdbLastUse(slot) >>> 0;
    return {
      mac: macFromNumber(this.#macAt(slot)),
      target: this.#target(value & 0xff, value >>> 16),
      isStatic: ((value >> 8) & FDB_FLAG_STATIC) !== 0,
      isLearned: ((value >> 8) & FDB_FLAG_LEARNED) !== 0,
      heardAtMs: this.#heardAtMs(slot),
      usedAtMs: lastUse === 0 ? null : lastUse * TENTH_MS,
    };
  }

  #target(kind: FdbKind, index: number): FdbTarget {
    if (kind === FdbKind.local) return { kind: 'local', vnic: index };
    if (kind === FdbKind.drop) return { kind: 'drop', reason: Drop[index]! };
    return { kind: 'remote', endpoint: this.#endpoints.at(index) };
  }

  /** The indexes of the endpoints that entries point to. */
  endpointsInUse(): Set<number> {
    const { u32 } = this.#views;
    const first = this.#bucketWord(0);
    const used = new Set<number>();
    for (let bucket = first; bucket < first + (this.#slots / FDB_WAYS) * BUCKET_WORDS; bucket += BUCKET_WORDS) {
      for (let way = 0; way < FDB_WAYS; way++) {
        const value = u32[bucket + (FDB_VALUES >> 2) + way]!;
        const isLive = u32[bucket + way * 2 + 1] !== 0;
        if (isLive && (value & 0xff) === FdbKind.remote) used.add(value >>> 16);
      }
    }
    return used;
  }
}
