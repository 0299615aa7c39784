// The real datapath module in this thread, without a worker and without I/O: frames are placed where readv would have
// put them, and the output list is read where sendmmsg and writev would have found it. Time is an argument.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  BATCH_MAX,
  HEADROOM,
  MMSGHDR_SIZE,
  MSG_FLAGS,
  MSG_LEN,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_LEN,
  OUT_SIZE,
  OUT_VNIC,
  SLOT_SIZE,
  VXLAN_HLEN,
  W_CLOCK,
  W_DELIVER_COUNT,
  W_DELIVER_OUT,
  W_DELIVER_RESULT,
  W_OUT,
  W_OUT_COUNT,
  W_RX_MMSG,
  W_RX_SLOTS,
  W_TAP_LEN,
  W_TAP_SLOTS,
  W_TX_COUNT,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { type Endpoint, formatEndpoint } from '../../src/address.js';
import { Counters } from '../../src/datapath/counters.js';
import { Endpoints } from '../../src/datapath/endpoints.js';
import { Fdb } from '../../src/datapath/fdb.js';
import { createMemory, type Views, viewsOf } from '../../src/datapath/memory.js';
import { type DatapathExports, instantiate } from '../../src/datapath/module.js';
import { Rings } from '../../src/datapath/rings.js';
import { Tables } from '../../src/datapath/tables.js';
import type { FdbTarget, OverlayConfig, UpcallRecord } from '../../src/datapath/types.js';

export type Build = 'debug' | 'release';
export const BUILDS: readonly Build[] = ['debug', 'release'];

const CLOCK = (WORKERS_BASE + W_CLOCK) >> 3;

/** Something the datapath listed for output. */
export type Output =
  | { readonly to: string; readonly datagram: Buffer }
  | { readonly vnic: number; readonly frame: Buffer };

export const OVERLAY: OverlayConfig = {
  vni: 23,
  socket: 1,
  strictHeader: false,
  vlan: 'pass',
  point: null,
  lookup: true,
  proxyArp: true,
  proxyNdp: true,
  proxyDhcp: true,
};

export class Core {
  readonly memory: WebAssembly.Memory;
  readonly module: DatapathExports;
  readonly views: Views;
  readonly tables: Tables;
  readonly endpoints: Endpoints;
  readonly fdb: Fdb;
  readonly rings: Rings;
  readonly counters: Counters;
  /** Outputs are accounted for, but not copied and answered. */
  quiet = false;
  #nextFd = 100;

  constructor(build: Build, fdbSize = 1024, socketFd = 3) {
    this.memory = createMemory(1, fdbSize);
    const file = new URL(`../../../build/${build}.wasm`, import.meta.url);
    this.module = instantiate(new WebAssembly.Module(readFileSync(file)), this.memory);
    this.views = viewsOf(this.memory);
    this.nowMs = 1_000_000;
    this.module.startHost();
    this.module.startWorker(0);
    this.tables = new Tables(this.views);
    this.endpoints = new Endpoints(this.views, () => {});
    this.fdb = new Fdb(this.module, this.views, this.endpoints);
    this.rings = new Rings(this.module, this.views, 0);
    this.counters = new Counters(this.views, 1);
    assert.equal(this.tables.addSocket(socketFd), OVERLAY.socket);
  }

  /** Milliseconds of the monotonic clock, as a worker's loop would have read them. */
  get nowMs(): number {
    return Number(this.views.u64[CLOCK]! * 1000n + this.views.u64[CLOCK + 1]! / 1_000_000n);
  }

  set nowMs(now: number) {
    this.views.u64[CLOCK] = BigInt(Math.floor(now / 1000));
    this.views.u64[CLOCK + 1] = BigInt(now % 1000) * 1_000_000n;
  }

  overlay(config: Partial<OverlayConfig> = {}): number {
    const full = { ...OVERLAY, ...config };
    const point = full.point === null || full.point === 'drop' ? 0 : this.endpoints.intern(full.point);
    const index = this.tables.addOverlay(full, point);
    this.module.vniPut(full.vni, index);
    return index;
  }

  vnic(overlay: number, mac: string, allowAnyMac = false): number {
    const index = this.tables.addVnic({ overlay, mac, allowAnyMac, fd: this.#nextFd++ });
    this.put(overlay, mac, { kind: 'local', vnic: index }, true);
    return index;
  }

  put(overlay: number, mac: string, target: FdbTarget, isStatic = false): void {
    assert.ok(this.fdb.put(overlay, mac, target, isStatic, this.nowMs));
  }

  remote(overlay: number, mac: string, endpoint: Endpoint): void {
    this.put(overlay, mac, { kind: 'remote', endpoint });
  }

  /** Puts at most BATCH_MAX frames where readv would have. */
  place(frames: readonly Uint8Array[]): void {
    for (const [index, frame] of frames.entries()) {
      this.views.u8.set(frame, WORKERS_BASE + W_TAP_SLOTS + HEADROOM + index * SLOT_SIZE);
      this.#word(W_TAP_LEN + index * 4, frame.length);
    }
  }

  /** The VNIC sends frames; what comes out, in order. */
  encap(vnic: number, frames: readonly Uint8Array[]): Output[] {
    return this.#inBatches(frames, (batch) => {
      this.place(batch);
      return (from) => this.module.encapBatch(vnic, from, batch.length);
    });
  }

  /** The socket receives datagrams; what comes out, in order. */
  decap(datagrams: readonly Uint8Array[], options: { socket?: number; truncated?: boolean } = {}): Output[] {
    return this.#inBatches(datagrams, (batch) => {
      for (const [index, datagram] of batch.entries()) {
        this.views.u8.set(datagram, WORKERS_BASE + W_RX_SLOTS + index * SLOT_SIZE);
        this.#word(W_RX_MMSG + index * MMSGHDR_SIZE + MSG_LEN, datagram.length);
        this.#word(W_RX_MMSG + index * MMSGHDR_SIZE + MSG_FLAGS, options.truncated ? 0x20 : 0);
      }
      return (from) => this.module.decapBatch(options.socket ?? OVERLAY.socket, from, batch.length);
    });
  }

  /** A turn of the loop without I/O: held frames, deadlines, injected frames. */
  turn(): Output[] {
    const outputs: Output[] = [];
    while (!this.module.turn()) outputs.push(...this.#collect());
    return [...outputs, ...this.#collect()];
  }

  upcalls(): UpcallRecord[] {
    const records: UpcallRecord[] = [];
    for (let record = this.rings.read(); record !== null; record = this.rings.read()) records.push(record);
    return records;
  }

  /** Asserts that every frame is accounted for. */
  checkBooks(): void {
    const t = this.counters.totals();
    const taken = t.encapIn! + t.decapIn! + t.injected! + t.copies!;
    assert.equal(taken, t.encapOut! + t.delivered! + t.dropped! + t.held! + t.upcalled!, JSON.stringify(t));
  }

  #word(offset: number, value: number): void {
    this.views.u32[(WORKERS_BASE + offset) >> 2] = value;
  }

  #inBatches(
    all: readonly Uint8Array[],
    prepare: (batch: readonly Uint8Array[]) => (from: number) => number,
  ): Output[] {
    const outputs: Output[] = [];
    for (let start = 0; start < all.length; start += BATCH_MAX) {
      const batch = all.slice(start, start + BATCH_MAX);
      const take = prepare(batch);
      for (let from = 0; from < batch.length; ) {
        from = take(from);
        outputs.push(...this.#collect());
      }
    }
    return outputs;
  }

  #collect(): Output[] {
    const { u32 } = this.views;
    const word = (offset: number): number => u32[(WORKERS_BASE + offset) >> 2]!;
    const outputs: Output[] = [];
    for (let index = 0; !this.quiet && index < word(W_OUT_COUNT); index++) {
      const out = W_OUT + index * OUT_SIZE;
      const start = word(out + OUT_FRAME);
      const end = start + word(out + OUT_LEN);
      const endpoint = word(out + OUT_ENDPOINT);
      if (endpoint === 0)
        outputs.push({ vnic: word(out + OUT_VNIC), frame: Buffer.from(this.views.u8.slice(start, end)) });
      else {
        const datagram = Buffer.from(this.views.u8.slice(start - VXLAN_HLEN, end));
        outputs.push({ to: formatEndpoint(this.endpoints.at(endpoint)), datagram });
      }
    }
    this.#account(word);
    return outputs;
  }

  /** Tells the module that everything was sent. */
  #account(word: (offset: number) => number): void {
    if (this.module.prepare() === 0) return;
    this.module.sent(0, word(W_TX_COUNT));
    for (let index = 0; index < word(W_DELIVER_COUNT); index++) {
      assert.ok(word(W_DELIVER_OUT + index * 4) >= 0);
      this.#word(W_DELIVER_RESULT + index * 4, 0);
    }
    this.module.delivered();
  }
}
