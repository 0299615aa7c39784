// The standing reads of the uring engine follow the VNICs, however reads end and VNICs come and go: each VNIC has one
// read under way, one that is gone has none, and the host is told that a change has been adopted only when that is so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  HDR_CONFIG_GENERATION,
  SQ_ENTRIES,
  SQE_SIZE,
  W_CONFIG_SEEN,
  W_RINGS,
  W_SQ_TAIL,
  W_SQES,
  W_VNIC_FDS,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { Ring } from '../../bench/ring.js';
import { BUILDS, type Build, Core } from '../support/core.js';

const ENOBUFS = 105;
const ECANCELED = 125;
const IORING_OP_ASYNC_CANCEL = 14;
const IORING_OP_READ_MULTISHOT = 49;
const TURNS_MAX = 10;
/** More than there is room for among the submissions of a turn. */
const MANY = 200;
const word = (offset: number): number => (WORKERS_BASE + offset) >> 2;

/** A worker and a kernel that keeps its reads, by VNIC, with the descriptor each is of. */
class Standing {
  readonly core: Core;
  readonly live: number[] = [];
  readonly reads = new Map<number, number>();
  readonly #ring: Ring;
  readonly #overlay: number;
  #taken: number;
  #macs = 0;

  constructor(build: Build) {
    this.core = new Core(build);
    this.#overlay = this.core.overlay();
    this.#ring = new Ring(this.core.views, this.core.module);
    this.#taken = this.#tail();
  }

  add(): void {
    const number = this.#macs++;
    const [high, low] = [number >> 8, number & 255].map((byte) => byte.toString(16).padStart(2, '0'));
    this.live.push(this.core.vnic(this.#overlay, `02:00:00:00:${high}:${low}`));
  }

  remove(which: number): void {
    if (this.live.length === 0) return;
    const [vnic] = this.live.splice(which % this.live.length, 1);
    this.core.tables.removeVnic(vnic!);
  }

  end(which: number): void {
    const vnic = [...this.reads.keys()][which % this.reads.size];
    if (vnic !== undefined) this.#over(vnic, ENOBUFS);
  }

  turn(): void {
    this.#ring.turn();
    const { u8, u32 } = this.core.views;
    for (; this.#taken !== this.#tail(); this.#taken++) {
      const sqe = word(W_SQES + (this.#taken % SQ_ENTRIES) * SQE_SIZE);
      const opcode = u8[sqe << 2];
      if (opcode === IORING_OP_READ_MULTISHOT) {
        const vnic = u32[sqe + 8]!;
        assert.ok(!this.reads.has(vnic), 'no second read of one TAP');
        this.reads.set(vnic, u32[sqe + 1]!);
      } else if (opcode === IORING_OP_ASYNC_CANCEL) {
        const vnic = u32[sqe + 4]!;
        if (this.reads.has(vnic)) this.#over(vnic, ECANCELED); // else its last completion is on the way
      }
    }
    if (this.isAdopted()) assert.deepEqual(this.unwanted(), []);
  }

  isAdopted(): boolean {
    const { u32 } = this.core.views;
    return u32[word(W_CONFIG_SEEN)] === u32[HDR_CONFIG_GENERATION >> 2];
  }

  unwanted(): number[] {
    return [...this.reads.keys()].filter((vnic) => !this.live.includes(vnic));
  }

  wanted(): [number, number][] {
    return this.live.map((vnic) => [vnic, this.core.views.u32[word(W_VNIC_FDS + vnic * 4)]!]);
  }

  #over(vnic: number, errno: number): void {
    this.reads.delete(vnic);
    this.#ring.endRead(vnic, errno);
  }

  #tail(): number {
    const { u32 } = this.core.views;
    return u32[word(W_RINGS + u32[word(W_SQ_TAIL)]!)]!;
  }
}

const which = fc.nat(1000);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ does: fc.constant('add' as const), which }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('remove' as const), which }) },
    { weight: 3, arbitrary: fc.record({ does: fc.constant('end' as const), which }) },
    { weight: 3, arbitrary: fc.record({ does: fc.constant('turn' as const), which }) },
  ),
  { maxLength: 150 },
);

for (const build of BUILDS) {
  test(`each VNIC has one standing read, in the ${build} build`, () => {
    fc.assert(
      fc.property(fc.constantFrom(0, MANY), steps, (first, list) => {
        const standing = new Standing(build);
        for (let count = 0; count < first; count++) standing.add();
        for (const { does, which } of list) standing[does](which);
        for (let turn = 0; turn < TURNS_MAX; turn++) standing.turn();
        assert.ok(standing.isAdopted());
        assert.deepEqual([...standing.reads].sort(), standing.wanted().sort());
      }),
      { numRuns: 60 },
    );
  });
}
