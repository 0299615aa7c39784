// The real datapath module in this thread, without a worker and without I/O: frames are placed where readv would have
// put them, and the output list is read where sendmmsg and writev would have found it. Time is an argument.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  BATCH_MAX,
  CMSG_SIZE,
  HDR_MEMORY_BASE,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  MSG_CONTROLLEN,
  MSG_FLAGS,
  MSG_IOV,
  MSG_IOVLEN,
  MSG_LEN,
  OUT_ENDPOINT,
  OUT_SIZE,
  OUT_VNIC,
  RX_MAX,
  RX_SLOT_SIZE,
  SEGMENTS_MAX,
  UDP_PAYLOAD_MAX,
  VNET_SIZE,
  W_CLOCK,
  W_DELIVER_COUNT,
  W_DELIVER_FIRST,
  W_DELIVER_IOV,
  W_DELIVER_IOVS,
  W_DELIVER_OUT,
  W_DELIVER_RESULT,
  W_OUT,
  W_RX_CONTROL,
  W_RX_MMSG,
  W_RX_SLOTS,
  W_TAP_IOV,
  W_TX_CONTROL,
  W_TX_COUNT,
  W_TX_MMSG,
  W_TX_OUT,
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

import { settleSends } from './sends.js';

export type Build = 'debug' | 'release';
export const BUILDS: readonly Build[] = ['debug', 'release'];

const CLOCK = (WORKERS_BASE + W_CLOCK) >> 3;

/** Something the datapath wants sent: a datagram, cut out of its message as the kernel would, or a write to a TAP. */
export type Output =
  | { readonly to: string; readonly datagram: Buffer }
  | { readonly vnic: number; readonly frame: Buffer; readonly vnet?: Buffer };

const NO_VNET = Buffer.alloc(VNET_SIZE);
const SOL_UDP = 17;
const UDP_GRO = 104;
const CMSG_DATA = 16;

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
  segment: false,
  coalesceTcp: false,
  coalesceUdp: false,
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
  /** What the kernel answers to a send of so many datagrams: 0, or an errno. */
  answerSend: (datagrams: number) => number = () => 0;
  #nextFd = 100;

  constructor(build: Build, fdbSize = 1024, socketFd = 3) {
    this.memory = createMemory(1, fdbSize);
    const file = new URL(`../../../build/${build}.wasm`, import.meta.url);
    this.module = instantiate(new WebAssembly.Module(readFileSync(file)), this.memory);
    this.views = viewsOf(this.memory);
    this.nowMs = 1_000_000;
    this.module.startHost();
    this.module.startWorker(0);
    this.tables = new Tables(this.views, 1);
    this.endpoints = new Endpoints(this.views, () => {});
    this.fdb = new Fdb(this.module, this.views, this.endpoints);
    this.rings = new Rings(this.module, this.views, 0);
    this.counters = new Counters(this.views, 1);
    const sources = [[{ withChecksum: socketFd, withoutChecksum: socketFd }]];
    assert.equal(this.tables.addSocket({ listeners: [socketFd], sources }), OVERLAY.socket);
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
    const index = this.tables.addVnic({ overlay, mac, allowAnyMac, fds: [this.#nextFd++] });
    this.put(overlay, mac, { kind: 'local', vnic: index }, true);
    return index;
  }

  put(overlay: number, mac: string, target: FdbTarget, isStatic = false): void {
    assert.ok(this.fdb.put(overlay, mac, target, isStatic, this.nowMs));
  }

  remote(overlay: number, mac: string, endpoint: Endpoint): void {
    this.put(overlay, mac, { kind: 'remote', endpoint });
  }

  /** Puts at most BATCH_MAX frames where readv would have, as far as there is room; answers how many. */
  place(frames: readonly Uint8Array[], vnets: readonly Uint8Array[] = []): number {
    const base = Number(this.views.u64[HDR_MEMORY_BASE >> 3]!);
    this.module.tapBegin();
    for (const [index, frame] of frames.entries()) {
      const at = Number(this.views.u64[(WORKERS_BASE + W_TAP_IOV) >> 3]!) - base;
      this.views.u8.set(vnets[index] ?? NO_VNET, at);
      this.views.u8.set(frame, at + VNET_SIZE);
      if (!this.module.tapTook(VNET_SIZE + frame.length)) return index + 1;
    }
    return frames.length;
  }

  /** The VNIC sends frames, each with its virtio_net_hdr or a plain one; what comes out, in order. */
  encap(vnic: number, frames: readonly Uint8Array[], vnets: readonly Uint8Array[] = []): Output[] {
    const outputs: Output[] = [];
    for (let start = 0; start < frames.length; ) {
      const placed = this.place(frames.slice(start, start + BATCH_MAX), vnets.slice(start, start + BATCH_MAX));
      for (let from = 0; from < placed; ) {
        from = this.module.encapBatch(vnic, from);
        outputs.push(...this.#collect());
      }
      start += placed;
    }
    return outputs;
  }

  /** The socket receives messages: datagrams, or with `joined` several of that size each; what comes out, in order. */
  decap(
    messages: readonly Uint8Array[],
    options: { socket?: number; truncated?: boolean; joined?: number } = {},
  ): Output[] {
    const outputs: Output[] = [];
    for (let start = 0; start < messages.length; start += RX_MAX) {
      const batch = messages.slice(start, start + RX_MAX);
      for (const [index, message] of batch.entries()) this.#receive(index, message, options);
      for (let from = 0; from < batch.length; ) {
        from = this.module.decapBatch(options.socket ?? OVERLAY.socket, from, batch.length);
        outputs.push(...this.#collect());
      }
    }
    return outputs;
  }

  /** What recvmmsg leaves behind. */
  #receive(index: number, message: Uint8Array, options: { truncated?: boolean; joined?: number }): void {
    const header = W_RX_MMSG + index * MMSGHDR_SIZE;
    this.views.u8.set(message, WORKERS_BASE + W_RX_SLOTS + index * RX_SLOT_SIZE);
    this.#word(header + MSG_LEN, message.length);
    this.#word(header + MSG_FLAGS, options.truncated ? 0x20 : 0);
    this.#word(header + MSG_CONTROLLEN, options.joined === undefined ? 0 : CMSG_SIZE - 8);
    const control = W_RX_CONTROL + index * CMSG_SIZE;
    for (const [offset, value] of [CMSG_DATA + 4, 0, SOL_UDP, UDP_GRO, options.joined ?? 0].entries()) {
      this.#word(control + offset * 4, value);
    }
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

  #read(offset: number): number {
    return this.views.u32[(WORKERS_BASE + offset) >> 2]!;
  }

  /** The bytes of `count` iovecs. */
  #gather(vectors: number, count: number): Buffer {
    const base = this.views.address;
    const parts = Array.from({ length: count }, (_, index) => {
      const word = (vectors + index * IOVEC_SIZE) >> 3;
      const start = Number(this.views.u64[word]!) - base;
      return this.views.u8.slice(start, start + Number(this.views.u64[word + 1]!));
    });
    return Buffer.concat(parts);
  }

  #collect(): Output[] {
    const outputs: { entry: number; output: Output }[] = [];
    while (this.module.prepare() !== 0) {
      const messages = this.quiet ? [] : this.#messages();
      if (!this.quiet) outputs.push(...this.#deliveries());
      const sent = settleSends(this.module, this.views, this.answerSend);
      outputs.push(...sent.flatMap((index) => messages[index] ?? []));
      this.#delivered();
    }
    return outputs.sort((a, b) => a.entry - b.entry).map(({ output }) => output);
  }

  /** One list a message; each must be one that the kernel takes. */
  #messages(): { entry: number; output: Output }[][] {
    return Array.from({ length: this.#read(W_TX_COUNT) }, (_, index) => {
      const header = WORKERS_BASE + W_TX_MMSG + index * MMSGHDR_SIZE;
      const vectors = Number(this.views.u64[(header + MSG_IOV) >> 3]!) - this.views.address;
      const bytes = this.#gather(vectors, Number(this.views.u64[(header + MSG_IOVLEN) >> 3]!));
      const isCut = this.views.u64[(header + MSG_CONTROLLEN) >> 3] !== 0n;
      const size = isCut ? this.#read(W_TX_CONTROL + index * CMSG_SIZE + CMSG_DATA) : bytes.length;
      const entry = this.#read(W_TX_OUT + index * 4);
      const to = formatEndpoint(this.endpoints.at(this.#read(W_OUT + entry * OUT_SIZE + OUT_ENDPOINT)));
      const datagrams = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.subarray(n * size, (n + 1) * size),
      );
      assert.ok(datagrams.length <= SEGMENTS_MAX && bytes.length <= UDP_PAYLOAD_MAX, `${bytes.length} bytes`);
      return datagrams.map((datagram) => ({ entry, output: { to, datagram } }));
    });
  }

  #deliveries(): { entry: number; output: Output }[] {
    return Array.from({ length: this.#read(W_DELIVER_COUNT) }, (_, index) => {
      const vectors = WORKERS_BASE + W_DELIVER_IOV + this.#read(W_DELIVER_FIRST + index * 4) * IOVEC_SIZE;
      const bytes = this.#gather(vectors, this.#read(W_DELIVER_IOVS + index * 4));
      const entry = this.#read(W_DELIVER_OUT + index * 4);
      const vnic = this.#read(W_OUT + entry * OUT_SIZE + OUT_VNIC);
      const [vnet, frame] = [bytes.subarray(0, VNET_SIZE), bytes.subarray(VNET_SIZE)];
      return { entry, output: vnet.equals(NO_VNET) ? { vnic, frame } : { vnic, frame, vnet } };
    });
  }

  #delivered(): void {
    for (let index = 0; index < this.#read(W_DELIVER_COUNT); index++) this.#word(W_DELIVER_RESULT + index * 4, 0);
    this.module.delivered();
  }
}
