/**
 * The datapath as a daemon sets it up (release module, tables, a full FDB), with its worker's instance started in this
 * thread and nobody making system calls: a case puts frames where readv or recvmmsg would, and says that what the
 * module wants sent was sent.
 */
import {
  BATCH_MAX,
  C_DELIVERED,
  C_ENCAP_OUT,
  CACHE_LINE,
  CMSG_SPACE,
  FdbKind,
  MMSGHDR_SIZE,
  MSG_LEN,
  RECVMSG_HLEN,
  RX_MAX,
  RX_NAME_SIZE,
  RX_SLOT_SIZE,
  TAP_READ_MAX,
  VNET_SIZE,
  VXLAN_HLEN,
  W_COUNTERS,
  W_OUT_COUNT,
  W_OUT_PLANNED,
  W_RX_MMSG,
  W_RX_NAMES,
  W_RX_SLOTS,
  W_TAP_BUFFER,
  WORKERS_BASE,
} from '../assembly/layout.js';
import { Endpoints } from '../src/datapath/endpoints.js';
import { FloodLists } from '../src/datapath/flood-lists.js';
import type { Views } from '../src/datapath/memory.js';
import { compileModule, type DatapathExports, instantiate } from '../src/datapath/module.js';
import { Tables } from '../src/datapath/tables.js';
import type { OverlayConfig } from '../src/datapath/types.js';
import { PROTECTIONS } from '../src/link-protection.js';
import { DEFAULT_OUTER } from '../src/outer-header.js';
import { sockaddrOf } from '../src/system/sockaddr.js';
import { shapeInner, shapeOwn } from './flow-frames.js';
import { RECEIVE_HLEN, Ring } from './ring.js';
import { expect, prepareTestbed, SCRATCH, type Testbed } from './testbed.js';

const ENTRIES = 65_536;
const ENDPOINTS = 256; // at most
const VNICS = 64;
const VNI = 23;
/** Source ports of a daemon that is not told otherwise. */
export const SOURCES = 16;
/** Bytes of a frame: MTU 1400. */
export const FRAME_LEN = 1414;
const KEY_SIZE = 8;
const KEYS = SCRATCH;
const VNIC_KEYS = SCRATCH + (8 << 20);
const DRAWN_VNICS = SCRATCH + (12 << 20); // 4 MiB
const DRAWN = SCRATCH + (16 << 20);
const DRAWN_COUNT = 1 << 20;
const DRAWN_VNICS_COUNT = 1 << 19;
const SENDERS = DRAWN + DRAWN_COUNT * KEY_SIZE;
const CMSG_DATA = 16; // bytes before the data of a control message
const IP_TOS = 1; // of level 0, SOL_IP
const ALLOWED = ['10.0.0.1/32', '10.0.0.2/32', 'fd00::/64', '10.0.0.3/32'];
const NOT_A_DESCRIPTOR = -1; // nothing is sent
/** Where the frames of a batch stand, one behind the other as the module asks for them. */
const TAP_FRAMES = WORKERS_BASE + W_TAP_BUFFER + CACHE_LINE;
const TAP_SLOTS_AT = WORKERS_BASE + W_TAP_BUFFER;
const OUT_COUNT = (WORKERS_BASE + W_OUT_COUNT) >> 2;
const OUT_PLANNED = (WORKERS_BASE + W_OUT_PLANNED) >> 2;
const DATAGRAMS = WORKERS_BASE + W_RX_SLOTS;
const INNER = DATAGRAMS + VXLAN_HLEN;
const INNER_OF_RING = INNER + RECEIVE_HLEN;

const NOW_MS = 1000;
export const BATCH = BATCH_MAX;
/** Endpoints that the flooding overlay has. */
export const FLOODED = 8;
/** Datagrams of one recvmmsg. */
export const RECEIVED = RX_MAX;
/** Batches of one timed call. */
export const RUN_BATCHES = 256;

export interface Batches {
  readonly views: Views;
  readonly worker: DatapathExports;
  readonly socket: number;
  /** The VNIC that sends in the encap bench. */
  readonly vnic: number;
  /** A VNIC with the same MAC, in an overlay that knows nobody and floods. */
  readonly floodingVnic: number;
  /** Whether the overlay learns from now on. Every MAC is where the datagrams come from. */
  learn(on: boolean): void;
  /** Gives all datagrams one inner source, of the MACs in the FDB. */
  oneSender(): void;
  /** Gives the datagrams their next inner sources, of the MACs in the FDB. */
  nextSenders(): void;
  /** Gives the 64 frames in the TAP buffer their next destinations. */
  nextFrames(): void;
  /** Tells the module of 64 reads, as the loop does. */
  readFrames(): void;
  /** Gives the 64 slots of the uring engine frames with their next destinations, as reads that have completed. */
  completeReads(): void;
  /** Takes back what completeReads gave. */
  forgetReads(): void;
  /** Gives the 64 slots of the uring engine datagrams to their next inner destinations, and from their next sources. */
  completeReceives(senders: 'same' | 'drawn'): void;
  forgetReceives(): void;
  /** A turn of the uring engine: what was submitted before is settled, and those frames are made ready to be sent. */
  turn(): void;
  /** Gives the 64 datagrams in the receive slots their next inner destinations. */
  nextDatagrams(): void;
  /** Empties the output list without doing anything with it. */
  forget(): void;
  /** Datagrams sent and frames delivered so far, by the worker's own counters. */
  readonly sent: bigint;
  readonly delivered: bigint;
}

export interface Shape {
  /** Entries of the FDB. */
  readonly entries?: number;
  /** Endpoints they lead to. */
  readonly endpoints?: number;
  /** Bytes of a frame. */
  readonly frameLen?: number;
  /** Source ports of the socket. */
  readonly sources?: number;
  /** What datagrams carry: UDP, each of its slot's flow, as tenants' are (default); or what is of no flow. */
  readonly datagrams?: 'udp' | 'no flow';
  /** Whether the VNIC has all link protection there is. */
  readonly isProtected?: boolean;
}

/**
 * Frames from the TAP, each of its slot's flow of UDP, go to MACs behind remote endpoints; those of datagrams to the
 * MACs of 64 VNICs of this host.
 */
export function prepareBatches(shape: Shape = {}): Batches {
  const entries = shape.entries ?? ENTRIES;
  const endpoints = shape.endpoints ?? ENDPOINTS;
  const frameLen = shape.frameLen ?? FRAME_LEN;
  const hasFlows = shape.datagrams !== 'no flow';
  const tapStride = (CACHE_LINE + frameLen + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
  const testbed = prepareTestbed(entries);
  const { memory, views, loops } = testbed;
  const module = compileModule();
  const host = instantiate(module, memory);
  host.startHost();
  const worker = instantiate(module, memory);
  worker.startWorker(0);
  const { overlay, socket, vnics, floodingVnic, learn } = fillTables(testbed, host, shape);
  expect(Boolean(loops.fill(KEYS, overlay, entries - VNICS, endpoints)), true, 'the FDB takes every entry');
  loops.draw(KEYS, entries - VNICS, DRAWN, DRAWN_COUNT);
  loops.draw(VNIC_KEYS, VNICS, DRAWN_VNICS, DRAWN_VNICS_COUNT);
  loops.draw(KEYS, entries - VNICS, SENDERS, DRAWN_COUNT);
  shapeSlots(testbed, tapStride, frameLen, hasFlows);
  let turn = 0;
  let ring: Ring | null = null;
  const kernel = (): Ring => {
    if (ring !== null) return ring;
    shapeRing(testbed, frameLen, hasFlows);
    ring = new Ring(views, worker);
    return ring;
  };
  const nextKeys = (): number => (turn = (turn + BATCH) % DRAWN_COUNT);
  const nextVnics = (): number => nextKeys() % DRAWN_VNICS_COUNT;
  const counter = (offset: number): bigint => views.u64[(WORKERS_BASE + W_COUNTERS + offset) >> 3]!;
  return {
    views,
    worker,
    socket,
    vnic: vnics[0]!,
    floodingVnic,
    learn,
    oneSender: () => {
      for (let slot = 0; slot < RECEIVED; slot++) loops.nameSenders(INNER + slot * RX_SLOT_SIZE, 0, 1, SENDERS, 0);
    },
    nextSenders: () => loops.nameSenders(INNER, RX_SLOT_SIZE, RECEIVED, SENDERS, nextKeys()),
    nextFrames: () => loops.addressFrames(TAP_FRAMES, tapStride, BATCH, DRAWN, nextKeys()),
    readFrames: () => {
      worker.tapBegin();
      while (worker.tapTook(VNET_SIZE + frameLen));
    },
    completeReads: () => {
      loops.readFrames(TAP_SLOTS_AT, TAP_READ_MAX, BATCH, DRAWN, nextKeys());
      kernel().read(vnics[0]!, BATCH, VNET_SIZE + frameLen);
    },
    forgetReads: () => kernel().forget(BATCH, 0),
    completeReceives: (senders) => {
      loops.addressDatagrams(INNER_OF_RING, RX_SLOT_SIZE, RECEIVED, DRAWN_VNICS, nextVnics(), VNI);
      if (senders === 'drawn') loops.nameSenders(INNER_OF_RING, RX_SLOT_SIZE, RECEIVED, SENDERS, nextKeys());
      kernel().receive(socket, RECEIVED, RECEIVE_HLEN + VXLAN_HLEN + frameLen);
    },
    forgetReceives: () => kernel().forget(0, RECEIVED),
    turn: () => void kernel().turn(),
    nextDatagrams: () => loops.addressDatagrams(INNER, RX_SLOT_SIZE, RECEIVED, DRAWN_VNICS, nextVnics(), VNI),
    forget: () => {
      views.u32[OUT_COUNT] = 0;
      views.u32[OUT_PLANNED] = 0;
    },
    get sent() {
      return counter(C_ENCAP_OUT);
    },
    get delivered() {
      return counter(C_DELIVERED);
    },
  };
}

/** One overlay on one socket, 256 endpoints, 64 VNICs with their static entries; and one that floods. */
function fillTables({ views }: Testbed, host: DatapathExports, { sources = SOURCES, isProtected = false }: Shape) {
  const tables = new Tables(views, 1);
  const endpoints = new Endpoints(host, views, () => {});
  for (let index = 0; index < ENDPOINTS; index++) endpoints.intern({ ip: `10.0.0.${index}`, port: 4789 }, 1);
  const source = { withChecksum: NOT_A_DESCRIPTOR, withoutChecksum: NOT_A_DESCRIPTOR };
  const ports = Array.from({ length: sources }, () => source);
  const socket = tables.addSocket({ listeners: [NOT_A_DESCRIPTOR], sources: [ports] });
  const proxies = { proxyArp: true, proxyNdp: true, proxyDhcp: true };
  const offloads = { segment: true, coalesceTcp: true, coalesceUdp: true };
  const size = { mtu: 1450, acceptPartial: true, outer: DEFAULT_OUTER };
  const rules = { strictHeader: false, vlan: 'pass', point: null, lookup: true, flood: null } as const;
  const config: OverlayConfig = { vni: VNI, socket, learn: false, ...size, ...rules, ...proxies, ...offloads };
  const overlay = tables.addOverlay(config, { point: 0, flood: 0 });
  host.vniPut(overlay);
  const learn = (on: boolean): void => tables.setOverlay(overlay, { ...config, learn: on }, { point: 0, flood: 0 });
  const list = Array.from({ length: FLOODED }, (_, index) => ({ ip: `10.0.0.${index}`, port: 4789 }));
  const flooding = { ...config, vni: VNI + 1, lookup: false, flood: { endpoints: list, unknown: true } };
  const flood = new FloodLists(views, endpoints).write(list, 0, 1);
  const flat = tables.addOverlay(flooding, { point: 0, flood });
  host.vniPut(flat);
  const vnics = Array.from({ length: VNICS }, (_, index) => {
    const mac = macOfVnic(index);
    const vnic = tables.addVnic({ overlay, fds: [NOT_A_DESCRIPTOR], mac, allowAnyMac: false });
    const stored = host.fdbPut(overlay, index << 8, 2, FdbKind.local, 1, vnic, NOW_MS);
    expect(Boolean(stored), true, 'the FDB takes the VNIC');
    views.u64[(VNIC_KEYS + index * KEY_SIZE) >> 3] = (BigInt(overlay) << 48n) | (BigInt(index) << 40n) | 2n;
    return vnic;
  });
  const mac = macOfVnic(0);
  const floodingVnic = tables.addVnic({ overlay: flat, fds: [NOT_A_DESCRIPTOR], mac, allowAnyMac: false });
  if (isProtected) tables.setVnicProtection(vnics[0]!, { kinds: PROTECTIONS, allowed: ALLOWED });
  return { overlay, socket, vnics, floodingVnic, learn };
}

const macOfVnic = (index: number): string => `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`;

/** Frames of the first VNIC in the TAP buffer; datagrams from a remote MAC in the receive slots. */
function shapeSlots({ views }: Testbed, tapStride: number, frameLen: number, hasFlows: boolean): void {
  for (let slot = 0; slot < BATCH; slot++) shapeOwn(views, TAP_FRAMES + slot * tapStride, frameLen, slot);
  for (let slot = 0; slot < RECEIVED; slot++) {
    views.u32[(WORKERS_BASE + W_RX_MMSG + slot * MMSGHDR_SIZE + MSG_LEN) >> 2] = VXLAN_HLEN + frameLen;
    shapeInner(views, INNER + slot * RX_SLOT_SIZE, frameLen, hasFlows ? slot : null);
    views.u8.set(sockaddrOf({ ip: '10.0.0.0', port: 50_000 }), WORKERS_BASE + W_RX_NAMES + slot * RX_NAME_SIZE);
    views.u8.set([0x08, 0, 0, 0, 0, 0, VNI, 0], DATAGRAMS + slot * RX_SLOT_SIZE);
  }
}

/** The same where the uring engine has them. */
function shapeRing({ views }: Testbed, frameLen: number, hasFlows: boolean): void {
  for (let slot = 0; slot < BATCH; slot++) {
    shapeOwn(views, TAP_SLOTS_AT + slot * TAP_READ_MAX + VNET_SIZE, frameLen, slot);
  }
  const name = sockaddrOf({ ip: '10.0.0.0', port: 50_000 });
  for (let slot = 0; slot < RECEIVED; slot++) {
    const at = DATAGRAMS + slot * RX_SLOT_SIZE;
    views.u8.fill(0, at, at + RECEIVE_HLEN);
    views.u32.set([name.length, CMSG_SPACE, VXLAN_HLEN + frameLen], at >> 2);
    const control = at + RECVMSG_HLEN + RX_NAME_SIZE;
    views.u32.set([CMSG_DATA + 1, 0, 0, IP_TOS, 0], control >> 2); // which the kernel always tells
    views.u8.set(name, at + RECVMSG_HLEN);
    views.u8.set([0x08, 0, 0, 0, 0, 0, VNI, 0], at + RECEIVE_HLEN);
    shapeInner(views, INNER_OF_RING + slot * RX_SLOT_SIZE, frameLen, hasFlows ? slot : null);
  }
}
