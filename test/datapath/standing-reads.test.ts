// The standing reads of the uring engine follow VNICs and sockets, however reads end and those come and go: each VNIC
// and each socket has one read under way, one that is gone has none, and the host is told that a change has been
// adopted only when that is so. A socket that refused is read again when the host says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  HDR_CONFIG_GENERATION,
  SOCKETS_MAX,
  SQ_ENTRIES,
  SQE_SIZE,
  W_CONFIG_SEEN,
  W_REFUSED_SOCKET,
  W_RINGS,
  W_SOCKET_FDS,
  W_SQ_TAIL,
  W_SQES,
  W_VNIC_FDS,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { Ring } from '../../bench/ring.js';
import { BUILDS, type Build, Core, OVERLAY } from '../support/core.js';

const ENOBUFS = 105;
const ECONNREFUSED = 111;
const ECANCELED = 125;
const IORING_OP_RECVMSG = 10;
const IORING_OP_ASYNC_CANCEL = 14;
const IORING_OP_READ_MULTISHOT = 49;
const URING_SOCKET_REFUSED = 4;
/** The highest half of user data. */
const RECEIVE = 2 << 24;
/** One refusal is told of in a turn. */
const TURNS_MAX = SOCKETS_MAX + 10;
/** More than there is room for among the submissions of a turn. */
const MANY = 200;
const word = (offset: number): number => (WORKERS_BASE + offset) >> 2;

/** A worker and a kernel that keeps its reads, by VNIC and by socket, with the descriptor each is of. */
class Standing {
  readonly core: Core;
  readonly live: number[] = [];
  readonly reads = new Map<number, number>();
  readonly open: number[] = [OVERLAY.socket];
  readonly receives = new Map<number, number>();
  /** Open sockets that the host has been told of. */
  readonly #refused = new Set<number>();
  readonly #ring: Ring;
  readonly #overlay: number;
  #closed: number[] = [];
  #nextFd = 10_000;
  #taken: number;
  #macs = 0;

  constructor(build: Build) {
    this.core = new Core(build);
    this.#overlay = this.core.overlay();
    this.#taken = 0;
    this.#ring = new Ring(this.core.views, this.core.module);
    this.#take();
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
    const vnic = nth(this.reads, which);
    if (vnic !== undefined) this.#over(vnic, ENOBUFS);
  }

  openSocket(): void {
    if (this.open.length + this.#closed.length >= SOCKETS_MAX - 1) return;
    const fd = this.#nextFd++;
    const sources = [[{ withChecksum: fd, withoutChecksum: fd }]];
    this.open.push(this.core.tables.addSocket({ listeners: [fd], sources }));
  }

  closeSocket(which: number): void {
    if (this.open.length === 0) return;
    const [socket] = this.open.splice(which % this.open.length, 1);
    this.core.tables.removeSocket(socket!);
    this.#refused.delete(socket!);
    this.#closed.push(socket!);
  }

  endReceive(which: number): void {
    const socket = nth(this.receives, which);
    if (socket !== undefined) this.#receiveOver(socket, ENOBUFS);
  }

  refuse(which: number): void {
    const socket = nth(this.receives, which);
    if (socket !== undefined) this.#receiveOver(socket, ECONNREFUSED);
  }

  retry(): void {
    this.core.module.uringRetry();
    this.#refused.clear();
  }

  turn(): void {
    const answer = this.#ring.turn();
    this.#take();
    const { u32 } = this.core.views;
    const refused = u32[word(W_REFUSED_SOCKET)]!;
    if (answer & URING_SOCKET_REFUSED && this.open.includes(refused)) this.#refused.add(refused);
    for (const socket of this.#refused) assert.ok(!this.receives.has(socket), 'it waits until the host says so');
    if (!this.isAdopted()) return;
    assert.deepEqual(this.unwanted(), []);
    for (const socket of this.#closed) this.core.tables.releaseSocket(socket);
    this.#closed = [];
  }

  /** The kernel takes what was submitted. */
  #take(): void {
    const { u8, u32 } = this.core.views;
    for (; this.#taken !== this.#tail(); this.#taken++) {
      const sqe = word(W_SQES + (this.#taken % SQ_ENTRIES) * SQE_SIZE);
      const opcode = u8[sqe << 2];
      if (opcode === IORING_OP_READ_MULTISHOT) stand(this.reads, u32[sqe + 8]!, u32[sqe + 1]!);
      else if (opcode === IORING_OP_RECVMSG) stand(this.receives, u32[sqe + 8]!, u32[sqe + 1]!);
      else if (opcode === IORING_OP_ASYNC_CANCEL) this.#cancel(u32[sqe + 5]!, u32[sqe + 4]!);
    }
  }

  /** What has ended by itself has its last completion on the way. */
  #cancel(request: number, index: number): void {
    if (request === RECEIVE) {
      if (this.receives.has(index)) this.#receiveOver(index, ECANCELED);
    } else if (this.reads.has(index)) this.#over(index, ECANCELED);
  }

  isAdopted(): boolean {
    const { u32 } = this.core.views;
    return u32[word(W_CONFIG_SEEN)] === u32[HDR_CONFIG_GENERATION >> 2];
  }

  unwanted(): number[] {
    const vnics = [...this.reads.keys()].filter((vnic) => !this.live.includes(vnic));
    return [...vnics, ...[...this.receives.keys()].filter((socket) => !this.open.includes(socket))];
  }

  wanted(): [number, number][] {
    return this.live.map((vnic) => [vnic, this.core.views.u32[word(W_VNIC_FDS + vnic * 4)]!]);
  }

  wantedReceives(): [number, number][] {
    const wanted = this.open.filter((socket) => !this.#refused.has(socket));
    return wanted.map((socket) => [socket, this.core.views.u32[word(W_SOCKET_FDS + socket * 4)]!]);
  }

  #over(vnic: number, errno: number): void {
    this.reads.delete(vnic);
    this.#ring.endRead(vnic, errno);
  }

  #receiveOver(socket: number, errno: number): void {
    this.receives.delete(socket);
    this.#ring.endReceive(socket, errno);
  }

  #tail(): number {
    const { u32 } = this.core.views;
    return u32[word(W_RINGS + u32[word(W_SQ_TAIL)]!)]!;
  }
}

function nth(standing: ReadonlyMap<number, number>, which: number): number | undefined {
  return [...standing.keys()][which % standing.size];
}

function stand(standing: Map<number, number>, index: number, fd: number): void {
  assert.ok(!standing.has(index), 'no second read of one descriptor');
  standing.set(index, fd);
}

const which = fc.nat(1000);
const WEIGHTS = {
  ...{ add: 3, remove: 1, end: 3, turn: 3 },
  ...{ openSocket: 3, closeSocket: 1, endReceive: 3, refuse: 1, retry: 1 },
} as const;
const kinds = Object.entries(WEIGHTS) as [keyof typeof WEIGHTS, number][];
const steps = fc.array(
  fc.oneof(...kinds.map(([does, weight]) => ({ weight, arbitrary: fc.record({ does: fc.constant(does), which }) }))),
  { maxLength: 300 },
);

for (const build of BUILDS) {
  test(`each VNIC and each socket has one standing read, in the ${build} build`, () => {
    fc.assert(
      fc.property(fc.constantFrom(0, MANY), steps, (first, list) => {
        const standing = new Standing(build);
        for (let count = 0; count < first; count++) standing.add();
        for (const { does, which } of list) standing[does](which);
        for (let turn = 0; turn < TURNS_MAX; turn++) standing.turn();
        assert.deepEqual([...standing.receives].sort(), standing.wantedReceives().sort());
        standing.retry();
        for (let turn = 0; turn < TURNS_MAX; turn++) standing.turn();
        assert.ok(standing.isAdopted());
        assert.deepEqual([...standing.reads].sort(), standing.wanted().sort());
        assert.deepEqual([...standing.receives].sort(), standing.wantedReceives().sort());
      }),
      { numRuns: 60 },
    );
  });
}
