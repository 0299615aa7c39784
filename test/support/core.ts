// The real datapath module in this thread, without a worker and without I/O: frames are placed where readv would have
// put them, and the output list is read where sendmmsg and writev would have found it. Time is an argument.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  BATCH_MAX,
  CMSG_SPACE,
  CONTROL_SIZE,
  COPIES_MAX,
  HDR_MEMORY_BASE,
  MMSGHDR_SIZE,
  MSG_CONTROLLEN,
  MSG_FLAGS,
  MSG_LEN,
  RX_MAX,
  RX_NAME_SIZE,
  RX_SLOT_SIZE,
  UNDERLAY_TAP,
  VNET_SIZE,
  W_CLOCK,
  W_COPIES_LEFT,
  W_RX_CONTROL,
  W_RX_MMSG,
  W_RX_NAMES,
  W_RX_SLOTS,
  W_TAP_IOV,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import type { Endpoint } from '../../src/address.js';
import { Counters } from '../../src/datapath/counters.js';
import { Endpoints } from '../../src/datapath/endpoints.js';
import { Fdb } from '../../src/datapath/fdb.js';
import { FloodLists } from '../../src/datapath/flood-lists.js';
import { createMemory, type Views, viewsOf } from '../../src/datapath/memory.js';
import { type DatapathExports, instantiate } from '../../src/datapath/module.js';
import { Rings } from '../../src/datapath/rings.js';
import { type OverlayTargets, Tables } from '../../src/datapath/tables.js';
import type { FdbTarget, OverlayConfig, UpcallRecord } from '../../src/datapath/types.js';
import { DEFAULT_OUTER } from '../../src/outer-header.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';
import { assertBooks } from './books.js';
import { deliveriesOf, messagesOf, type Output, type Placed } from './outputs.js';
import { settleSends } from './sends.js';

export type { Output } from './outputs.js';

export type Build = 'debug' | 'release';
export const BUILDS: readonly Build[] = ['debug', 'release'];

const CLOCK = (WORKERS_BASE + W_CLOCK) >> 3;

const NO_VNET = Buffer.alloc(VNET_SIZE);
const SOL_UDP = 17;
const UDP_GRO = 104;
const CMSG_DATA = 16;

/** What recvmmsg says of messages. */
export interface ReceiveOptions {
  readonly socket?: number;
  readonly truncated?: boolean;
  /** Each is several datagrams of that size. */
  readonly joined?: number;
  /** The outer source address, of all of them or of each. */
  readonly from?: string | readonly string[];
  /** The TOS or traffic class of the outer header; default: 0. */
  readonly tos?: number;
  /** They came in fragments, the longest of so many bytes. */
  readonly fragment?: number;
  readonly isIpv6?: boolean;
}

export const OVERLAY: OverlayConfig = {
  vni: 23,
  socket: 1,
  strictHeader: false,
  vlan: 'pass',
  mtu: 1450,
  acceptPartial: false, // a right checksum is taken for a partial one now and then, which random tests would see
  outer: DEFAULT_OUTER,
  point: null,
  lookup: true,
  flood: null,
  learn: false,
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
  readonly floods: FloodLists;
  readonly fdb: Fdb;
  readonly rings: Rings;
  readonly counters: Counters;
  /** Outputs are accounted for, but not copied and answered. */
  quiet = false;
  /** What the kernel answers to a send of so many datagrams: 0, or an errno. */
  answerSend: (datagrams: number) => number = () => 0;
  #nextFd = 100;

  /** `change`: the module is not taken as it was built. `areas`: of workers, of which the first alone runs. */
  constructor(build: Build, fdbSize = 1024, socketFd = 3, change = (wasm: Buffer): Buffer => wasm, areas = 1) {
    this.memory = createMemory(areas, fdbSize);
    const file = new URL(`../../../build/${build}.wasm`, import.meta.url);
    this.module = instantiate(new WebAssembly.Module(change(readFileSync(file))), this.memory);
    this.views = viewsOf(this.memory);
    this.nowMs = 1_000_000;
    this.module.startHost();
    this.module.startWorker(0);
    this.tables = new Tables(this.views, 1);
    this.endpoints = new Endpoints(this.module, this.views, () => {});
    this.floods = new FloodLists(this.views, this.endpoints);
    this.fdb = new Fdb(this.module, this.views, this.endpoints, (overlay) => this.tables.socketOf(overlay));
    this.rings = new Rings(this.module, this.views, 0);
    this.counters = new Counters(this.views, 1);
    const sources = [[{ withChecksum: socketFd, withoutChecksum: socketFd }]];
    const listen = { ip: '192.0.2.1', port: 4789 };
    const names = { listen, ports: [50_001], checksum: 'fragmentable' as const, acceptZeroChecksum6: false };
    assert.equal(this.tables.addSocket({ listeners: [socketFd], sources, names }), OVERLAY.socket);
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
    const index = this.tables.addOverlay(full, this.#targets(full, 0));
    this.module.vniPut(index);
    return index;
  }

  /** What an overlay names may change; nobody waits for a worker, as there is none. */
  setOverlay(index: number, config: Partial<OverlayConfig>): void {
    const full = { ...OVERLAY, ...config };
    const before = this.tables.targetsOf(index).flood;
    const targets = this.#targets(full, before);
    this.tables.setOverlay(index, full, targets);
    this.module.overlayStamp(index);
    if (targets.flood !== before) this.floods.release(before);
  }

  #targets({ point, flood, socket }: OverlayConfig, current: number): OverlayTargets {
    const isNone = point === null || point === 'drop';
    return {
      point: isNone ? 0 : this.endpoints.intern(point, socket),
      flood: this.floods.write(flood?.endpoints ?? [], current, socket),
    };
  }

  vnic(overlay: number, mac: string, allowAnyMac = false): number {
    const index = this.tables.addVnic({ overlay, mac, allowAnyMac, fds: [this.#nextFd++] });
    this.put(overlay, mac, { kind: 'local', vnic: index }, true);
    return index;
  }

  put(overlay: number, mac: string, target: FdbTarget, isStatic = false): void {
    assert.ok(this.fdb.put(overlay, mac, target, { isStatic }, this.nowMs));
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
    this.#word(W_COPIES_LEFT, COPIES_MAX); // a turn has just begun
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

  /** The underlay TAP has frames of the underlay, each behind a header of 24 bytes; what comes out, in order. */
  underlay(reads: readonly Uint8Array[]): Output[] {
    const outputs: Output[] = [];
    const base = Number(this.views.u64[HDR_MEMORY_BASE >> 3]!);
    for (const read of reads) {
      this.module.tapBegin();
      this.views.u8.set(read, Number(this.views.u64[(WORKERS_BASE + W_TAP_IOV) >> 3]!) - base);
      this.module.tapTook(read.length);
      while (this.module.encapBatch(UNDERLAY_TAP, 0) === 0) outputs.push(...this.#collect());
      outputs.push(...this.#collect());
    }
    return outputs;
  }

  /** The socket receives messages: datagrams, or with `joined` several of that size each; what comes out, in order. */
  decap(messages: readonly Uint8Array[], options: ReceiveOptions = {}): Output[] {
    const outputs: Output[] = [];
    this.#word(W_COPIES_LEFT, COPIES_MAX);
    for (let start = 0; start < messages.length; start += RX_MAX) {
      const batch = messages.slice(start, start + RX_MAX);
      for (const [index, message] of batch.entries()) {
        const from = typeof options.from === 'object' ? options.from[start + index] : options.from;
        this.#receive(index, message, options, from);
      }
      for (let from = 0; from < batch.length; ) {
        from = this.module.decapBatch(options.socket ?? OVERLAY.socket, from, batch.length);
        outputs.push(...this.#collect());
      }
    }
    return outputs;
  }

  /** What recvmmsg leaves behind. */
  #receive(index: number, message: Uint8Array, options: ReceiveOptions, from: string | undefined): void {
    const header = W_RX_MMSG + index * MMSGHDR_SIZE;
    this.views.u8.set(message, WORKERS_BASE + W_RX_SLOTS + index * RX_SLOT_SIZE);
    this.#word(header + MSG_LEN, message.length);
    this.#word(header + MSG_FLAGS, options.truncated ? 0x20 : 0);
    if (from !== undefined) {
      const name = sockaddrOf({ ip: from, port: 50_000 });
      this.views.u8.set(name, WORKERS_BASE + W_RX_NAMES + index * RX_NAME_SIZE);
    }
    const said: number[][] = [];
    if (options.joined !== undefined) said.push([SOL_UDP, UDP_GRO, 4, options.joined]);
    const tos = options.tos ?? 0; // which the kernel always tells
    said.push(options.isIpv6 ? [41, 67, 4, tos] : [0, 1, 1, tos]);
    if (options.fragment !== undefined) said.push([...(options.isIpv6 ? [41, 77] : [0, 25]), 4, options.fragment]);
    for (const [at, [level, type, bytes, value]] of said.entries()) {
      const control = W_RX_CONTROL + index * CONTROL_SIZE + at * CMSG_SPACE;
      for (const [word, each] of [CMSG_DATA + bytes!, 0, level!, type!, value!].entries()) {
        this.#word(control + word * 4, each);
      }
    }
    this.#word(header + MSG_CONTROLLEN, said.length * CMSG_SPACE);
  }

  /** A turn of the loop without I/O: copies of what waits for them, held frames, deadlines, injected frames. */
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
    assertBooks(this.counters.totals());
  }

  #word(offset: number, value: number): void {
    this.views.u32[(WORKERS_BASE + offset) >> 2] = value;
  }

  #collect(): Output[] {
    const outputs: Placed[] = [];
    while (this.module.prepare() !== 0) {
      const messages = this.quiet ? [] : messagesOf(this.views, this.endpoints);
      if (!this.quiet) outputs.push(...deliveriesOf(this.views));
      const sent = settleSends(this.module, this.views, this.answerSend);
      outputs.push(...sent.flatMap((index) => messages[index] ?? []));
      this.module.delivered(); // each write succeeds unless a test says something else
    }
    return outputs.sort((a, b) => a.entry - b.entry).map(({ output }) => output);
  }
}
