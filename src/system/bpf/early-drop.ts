/**
 * Early drop: what the datapath would drop is dropped before it takes a place in a socket's queue, or in the underlay
 * TAP's. The datapath's rules in its order, as far as the outer headers tell:
 *
 *  1. length     the tunnel's header and a whole Ethernet header
 *  2. header     the I flag, where its kind has one; a VNI that an overlay on this socket has; its reserved bits, where
 *                the overlay is strict, if it is plain VXLAN
 *  3. sender     a VTEP that the overlay knows, where it wants that
 *
 * What breaks a rule is not dropped as such: so many of a period still pass ({@link BUDGET}), for the datapath to
 * decide. It names senders, asks search plugins about them, and captures. Beyond that they are dropped and counted:
 * those that the kernel has joined, if they are alike, or if their sender is nobody whom an overlay on this socket can
 * take a datagram from.
 *
 *  registers   r6 the context   r7 the socket, later the period, then datagrams
 *              r8 the slot of the rule that was broken   r9 bytes of the datagram behind the UDP header
 */

import {
  ALL_SLOT,
  ANY_OVERLAY,
  ANYBODY_KEY,
  CHECKS_SENDER,
  type EarlyDropTables,
  IS_STRICT,
  OVERLAY_RULES,
  PAUSE_KEY,
  SENDER_SLOT_BITS,
  SLOT_BYTES,
  SLOT_DATAGRAMS,
  SLOT_PASSED,
  WITHOUT_FLAG_I,
} from './early-drop-tables.js';
import {
  add,
  and,
  atomicAdd,
  call,
  copy,
  exit,
  FP,
  jump,
  jumpIfEqual,
  jumpIfLess,
  jumpIfSame,
  jumpUnlessEqual,
  jumpUnlessLess,
  type Line,
  label,
  load,
  loadMap,
  multiply,
  R0,
  R1,
  R2,
  R3,
  R4,
  R5,
  R6,
  R7,
  R8,
  R9,
  type Register,
  set,
  shiftRight,
  store,
  storeRegister,
  xor,
} from './instructions.js';
import { compareJoined, countJoined } from './joined.js';

// helpers
const MAP_LOOKUP_ELEM = 1;
const KTIME_GET_NS = 5;
const SKB_LOAD_BYTES = 26;
const SKB_LOAD_BYTES_RELATIVE = 68; // since Linux 4.18
const FROM_IP_HEADER = 1; // BPF_HDR_START_NET

// struct __sk_buff
const SKB_LEN = 0;

const UDP_HLEN = 8;
const VXLAN_HLEN = 8;
const ETH_HLEN = 14;
const FLAG_I = 0x08; // of the first byte

/** Datagrams that break a rule and pass all the same, in a period of 2^27 ns; the queue of a TAP takes 1000. */
export const BUDGET = {
  /** Of one sender, and those whose addresses have the same hash. */
  sender: 256,
  /** Of one rule of one overlay. */
  rule: 512,
  all: 1024,
} as const;
const PERIOD_SHIFT = 27;

// The stack, below what the program of an interface has there.
const VXLAN = -56;
const VNI_KEY = -60;
const SLOT_KEY = -64;
const VTEP_KEY = -84;
const ADDRESS = VTEP_KEY + 4; // a multiple of 8
const IPV4_ADDRESS = ADDRESS + 12;
const NEXT_VXLAN = -96;
const VXLAN_AT = -100; // u32 where the VXLAN header is, in bytes from the context's start
const SOCKET_KEY = -104; // of those who take anybody, on this socket
const MAPPED = 0xffff_0000; // of ::ffff:0:0/96: 00 00 ff ff

const lookUp = (map: number, key: number): Line[] => [
  ...loadMap(R1, map),
  copy(R2, FP),
  add(R2, key),
  call(MAP_LOOKUP_ELEM),
];

/** From the IP header. */
const readAddress = (family: 4 | 6): Line[] => [
  ...(family === 4
    ? [store('u32', FP, ADDRESS, 0), store('u32', FP, ADDRESS + 4, 0), store('u32', FP, ADDRESS + 8, MAPPED)]
    : []),
  copy(R1, R6),
  set(R2, family === 4 ? 12 : 8),
  copy(R3, FP),
  add(R3, family === 4 ? IPV4_ADDRESS : ADDRESS),
  set(R4, family === 4 ? 4 : 16),
  set(R5, FROM_IP_HEADER),
  call(SKB_LOAD_BYTES_RELATIVE),
];

/** From where r2 says. Too short a datagram leaves zeroes. */
const readVxlan: readonly Line[] = [
  storeRegister('u32', FP, VXLAN_AT, R2),
  copy(R1, R6),
  copy(R3, FP),
  add(R3, VXLAN),
  set(R4, VXLAN_HLEN),
  call(SKB_LOAD_BYTES),
];

/** For 'refuse', with the slot of the rule; or jumps to 'keep'. */
const judge = ({ vnis, vteps, places }: EarlyDropTables): Line[] => [
  set(R8, places.rule(0, 'truncated')),
  jumpIfLess(R9, VXLAN_HLEN + ETH_HLEN, 'refuse'),
  copy(R1, R7),
  and(R1, WITHOUT_FLAG_I),
  jumpUnlessEqual(R1, 0, 'VNI'),
  set(R8, places.rule(0, 'bad_vxlan_header')),
  load('u8', R1, FP, VXLAN),
  and(R1, FLAG_I),
  jumpIfEqual(R1, 0, 'refuse'),
  label('VNI'),

  set(R8, places.rule(0, 'unknown_vni')),
  load('u32', R1, FP, VXLAN + 4),
  storeRegister('u32', FP, VNI_KEY, R1),
  storeRegister('u8', FP, VNI_KEY + 3, R7),
  ...lookUp(vnis, VNI_KEY),
  jumpIfEqual(R0, 0, 'refuse'),

  load('u32', R8, R0, 0),
  storeRegister('u32', FP, VTEP_KEY, R8),
  load('u32', R1, R0, 4),
  copy(R2, R1),
  and(R2, IS_STRICT),
  jumpIfEqual(R2, 0, 'sender'),
  load('u32', R2, FP, VXLAN),
  and(R2, ~FLAG_I),
  jumpUnlessEqual(R2, 0, 'reserved bits'),
  load('u8', R2, FP, VXLAN + 7),
  jumpIfEqual(R2, 0, 'sender'),
  label('reserved bits'),
  add(R8, OVERLAY_RULES.indexOf('reserved_bits')),
  jump('refuse'),

  label('sender'),
  and(R1, CHECKS_SENDER),
  jumpIfEqual(R1, 0, 'keep'),
  ...lookUp(vteps, VTEP_KEY),
  jumpUnlessEqual(R0, 0, 'keep'),
];

/** One more passes in the slot whose number is in `slot`, or jumps to 'drop'. Processors may count one for two. */
const spend = (slots: number, slot: Register, most: number): Line[] => [
  storeRegister('u32', FP, SLOT_KEY, slot),
  ...lookUp(slots, SLOT_KEY),
  jumpIfEqual(R0, 0, 'keep'),
  load('u32', R1, R0, 0),
  jumpIfSame(R1, R7, `the same period, ${most}`),
  storeRegister('u32', R0, 0, R7),
  store('u32', R0, SLOT_PASSED, 0),
  label(`the same period, ${most}`),
  load('u32', R1, R0, SLOT_PASSED),
  jumpUnlessLess(R1, most, 'drop'),
  add(R1, 1),
  storeRegister('u32', R0, SLOT_PASSED, R1),
];

/** At 'refuse'. Jumps to 'keep', or to 'drop'. */
const spare = ({ vnis, slots, spread }: EarlyDropTables): Line[] => [
  store('u32', FP, VNI_KEY, PAUSE_KEY),
  ...lookUp(vnis, VNI_KEY),
  jumpUnlessEqual(R0, 0, 'keep'),
  store('u32', FP, SOCKET_KEY, ANYBODY_KEY),
  storeRegister('u8', FP, SOCKET_KEY, R7),
  call(KTIME_GET_NS),
  copy(R7, R0),
  shiftRight(R7, PERIOD_SHIFT),
  load('u64', R1, FP, ADDRESS),
  load('u64', R2, FP, ADDRESS + 8),
  xor(R1, R2),
  multiply(R1, spread),
  shiftRight(R1, 64 - SENDER_SLOT_BITS),
  add(R1, 1),
  ...spend(slots, R1, BUDGET.sender),
  ...spend(slots, R8, BUDGET.rule),
  set(R1, ALL_SLOT),
  ...spend(slots, R1, BUDGET.all),
  jump('keep'),
];

const book = (slots: number, slot: Register): Line[] => [
  storeRegister('u32', FP, SLOT_KEY, slot),
  ...lookUp(slots, SLOT_KEY),
  jumpIfEqual(R0, 0, 'dropped'),
  atomicAdd(R0, SLOT_DATAGRAMS, R7),
  atomicAdd(R0, SLOT_BYTES, R9),
];

/** At 'drop'. What the kernel has joined counts as the datagrams it was. */
const count = (slots: number, listener: number | null): Line[] => [
  ...countJoined(R9, 'counted to book'),
  ...book(slots, R8),
  ...(listener === null ? [] : [set(R1, listener), ...book(slots, R1)]),
  set(R1, ALL_SLOT),
  ...book(slots, R1),
];

/** Of several, one of which breaks a rule: a sender nobody knows does with each, unless one here takes anybody. */
const keepOfKnown = ({ vnis, vteps }: EarlyDropTables): Line[] => [
  ...lookUp(vnis, SOCKET_KEY),
  jumpUnlessEqual(R0, 0, 'keep'),
  store('u32', FP, VTEP_KEY, ANY_OVERLAY),
  ...lookUp(vteps, VTEP_KEY),
  jumpUnlessEqual(R0, 0, 'keep'),
];

const decide = (tables: EarlyDropTables, listener: number | null): Line[] => [
  ...judge(tables),
  label('refuse'),
  ...spare(tables),
  label('drop'),
  ...compareJoined({ length: R9, header: VXLAN, headerAt: VXLAN_AT, next: NEXT_VXLAN, unlike: 'unlike' }),
  jump('count'),
  label('unlike'),
  ...keepOfKnown(tables),
  label('count'),
  ...count(tables.slots, listener),
  label('dropped'),
];

/** Of a listener of a socket, which is known by `socket` (socketWord); `listener`: its slot. */
export const onListener = (tables: EarlyDropTables, family: 4 | 6, socket: number, listener: number): Line[] => [
  copy(R6, R1),
  set(R7, socket),
  load('u32', R9, R6, SKB_LEN),
  add(R9, -UDP_HLEN),
  ...readAddress(family),
  set(R2, UDP_HLEN),
  ...readVxlan,
  ...decide(tables, listener),
  set(R0, 0),
  exit(),
  label('keep'),
  set(R0, -1),
  exit(),
];

/**
 * Of a datagram that an interface brings, its UDP header behind an IP header without options of r8 bytes; r7: what its
 * socket is known by (socketWord). Comes out at its end with what is dropped, and jumps to 'keep' with the rest.
 */
export const onInterface = (tables: EarlyDropTables): Line[] => [
  load('u32', R9, R6, SKB_LEN),
  add(R9, -ETH_HLEN - UDP_HLEN - 20),
  jumpIfEqual(R8, 20, 'IPv4 sender'),
  add(R9, -20),
  ...readAddress(6),
  jump('VXLAN header'),
  label('IPv4 sender'),
  ...readAddress(4),
  label('VXLAN header'),
  copy(R2, R8),
  add(R2, ETH_HLEN + UDP_HLEN),
  ...readVxlan,
  ...decide(tables, null),
];
