/** TAPs that several VNICs share, each with the frames of a VLAN id; see assembly/datapath/trunk.ts. */
import {
  HDR_TRUNKS,
  TRUNK_SIZE,
  TRUNKS_BASE,
  TRUNKS_MAX,
  VNIC_SIZE,
  VNIC_TAG,
  VNIC_TRUNK,
  VNIC_UNTAGGED,
  VNICS_BASE,
} from '../../assembly/layout.js';
import { tableFull } from '../errors.js';
import { Indexes } from './indexes.js';
import type { Views } from './memory.js';
import type { VnicConfig, VnicIndex } from './types.js';

type Member = NonNullable<VnicConfig['trunk']>;

/** Priority 0, and not to be dropped first. */
const tagOf = (vlan: number): number =>
  vlan === 0 ? VNIC_UNTAGGED : (0x81 | ((vlan >> 8) << 16) | ((vlan & 0xff) << 24)) >>> 0;
const wordOf = (index: VnicIndex, field: number): number => (VNICS_BASE + index * VNIC_SIZE + field) >> 2;

export class Trunks {
  readonly #views: Views;
  readonly #places = new Indexes(TRUNKS_MAX);
  /** By VNIC, the word that names it. */
  readonly #members = new Map<VnicIndex, number>();

  constructor(views: Views) {
    this.#views = views;
  }

  /** The record is that of a trunk. Throws when there are too many. */
  add(index: VnicIndex): void {
    const place = this.#places.take();
    if (place === 0) throw tableFull('trunks', TRUNKS_MAX - 1);
    Atomics.add(this.#views.u32, HDR_TRUNKS >> 2, 1);
    Atomics.store(this.#views.u32, wordOf(index, VNIC_TRUNK), place);
    Atomics.store(this.#views.u32, wordOf(index, VNIC_TAG), 0);
  }

  /** No worker reads it any more, nor the record of a VNIC of it. */
  release(index: VnicIndex): void {
    Atomics.sub(this.#views.u32, HDR_TRUNKS >> 2, 1);
    this.#places.give(this.#views.u32[wordOf(index, VNIC_TRUNK)]!);
  }

  /** The record of a VNIC, which no worker sees yet, has this tag; null: none, and a TAP to itself. */
  tag(index: VnicIndex, member: Member | null): void {
    Atomics.store(this.#views.u32, wordOf(index, VNIC_TRUNK), 0);
    Atomics.store(this.#views.u32, wordOf(index, VNIC_TAG), member === null ? 0 : tagOf(member.vlan));
  }

  /** The VNIC gets the frames with its tag from now on. */
  join(index: VnicIndex, { trunk, vlan }: Member): void {
    const place = this.#views.u32[wordOf(trunk, VNIC_TRUNK)]!;
    const word = (TRUNKS_BASE + place * TRUNK_SIZE + vlan * 4) >> 2;
    this.#members.set(index, word);
    Atomics.store(this.#views.u32, word, index);
  }

  /** Those go nowhere any more, if it is of a trunk. */
  leave(index: VnicIndex): void {
    const word = this.#members.get(index);
    if (word === undefined) return;
    this.#members.delete(index);
    Atomics.store(this.#views.u32, word, 0);
  }
}
