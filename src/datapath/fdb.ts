/** The host's end of the FDB: entries as plain data. The table itself is assembly/table. */
import {
  Drop,
  FDB_FLAG_LEARNED,
  FDB_FLAG_STATIC,
  FDB_SLOT_SIZE,
  FDB_VALUE,
  FdbKind,
  HDR_FDB_BASE,
  HDR_FDB_COUNT,
  HDR_FDB_MASK,
} from '../../assembly/layout.js';
import type { Endpoints } from './endpoints.js';
import { macOfWord, macWord } from './mac.js';
import type { Views } from './memory.js';
import type { DatapathExports } from './module.js';
import type { FdbEntry, FdbTarget, OverlayIndex } from './types.js';

const NOWHERE = 0xffff_ffff;
const TENTH_MS = 100;

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

  constructor(datapath: DatapathExports, views: Views, endpoints: Endpoints) {
    this.#datapath = datapath;
    this.#views = views;
    this.#endpoints = endpoints;
  }

  get count(): number {
    return this.#views.u32[HDR_FDB_COUNT >> 2]!;
  }

  /** False: the FDB is full of static entries, or the endpoint table is full. */
  put(overlay: OverlayIndex, mac: string, target: FdbTarget, options: PutOptions, nowMs: number): boolean {
    const [kind, index] = this.#encode(target);
    if (kind === FdbKind.none) return false;
    const value = macWord(mac);
    const flags = (options.isStatic ? FDB_FLAG_STATIC : 0) | (options.isLearned ? FDB_FLAG_LEARNED : 0);
    return Boolean(this.#datapath.fdbPut(overlay, high(value), low(value), kind, flags, index, nowMs));
  }

  #encode(target: FdbTarget): [kind: FdbKind, index: number] {
    if (target.kind === 'local') return [FdbKind.local, target.vnic];
    if (target.kind === 'drop') return [FdbKind.drop, Drop[target.reason as keyof typeof Drop]];
    const endpoint = this.#endpoints.intern(target.endpoint);
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

  /** Every entry of the overlay, sorted by MAC. */
  entries(overlay: OverlayIndex): FdbEntry[] {
    const slots = this.#views.u32[HDR_FDB_MASK >> 2]! + 1;
    const found: FdbEntry[] = [];
    for (let slot = 0; ; slot++) {
      slot = this.#datapath.fdbWalk(overlay, slot, slots) >>> 0;
      if (slot === NOWHERE) break;
      found.push(this.#decode(slot));
    }
    return found.sort((a, b) => (a.mac < b.mac ? -1 : 1));
  }

  #decode(slot: number): FdbEntry {
    const { u32 } = this.#views;
    const word = (u32[HDR_FDB_BASE >> 2]! + slot * FDB_SLOT_SIZE) / 4; // >> would turn large offsets negative
    const meta = u32[word + (FDB_VALUE >> 2)]!;
    const index = u32[word + (FDB_VALUE >> 2) + 1]!;
    const lastUse = this.#datapath.fdbLastUse(slot) >>> 0;
    return {
      mac: macOfWord((u32[word + 1]! & 0xffff) * 2 ** 32 + u32[word]!),
      target: this.#target(meta & 0xff, index),
      isStatic: ((meta >> 8) & FDB_FLAG_STATIC) !== 0,
      isLearned: ((meta >> 8) & FDB_FLAG_LEARNED) !== 0,
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
    const first = u32[HDR_FDB_BASE >> 2]! / 4;
    const words = ((u32[HDR_FDB_MASK >> 2]! + 1) * FDB_SLOT_SIZE) / 4;
    const used = new Set<number>();
    for (let word = first; word < first + words; word += FDB_SLOT_SIZE >> 2) {
      if ((u32[word + (FDB_VALUE >> 2)]! & 0xff) === FdbKind.remote) used.add(u32[word + (FDB_VALUE >> 2) + 1]!);
    }
    return used;
  }
}
