/**
 * The two programs of an underlay TAP (tcx ingress, Linux 6.6). Names and numbers are those of linux/bpf.h.
 *
 *   toWire     at the TAP: what the daemon writes there leaves by the interface that its source MAC names
 *   fromWire   at an interface: datagrams for a listener of ours go to the TAP, all else goes on to the stack
 */

import type { Endpoint } from '../../address.js';
import { ipBytes, ipFamily } from '../../address.js';
import { onInterface } from './early-drop.js';
import type { EarlyDropTables } from './early-drop-tables.js';
import {
  add,
  and,
  call,
  copy,
  exit,
  FP,
  jump,
  jumpIfEqual,
  jumpUnlessEqual,
  type Line,
  label,
  load,
  loadMap,
  R0,
  R1,
  R2,
  R3,
  R4,
  R6,
  R7,
  R8,
  set,
  store,
  storeRegister,
} from './instructions.js';

// helpers
const MAP_LOOKUP_ELEM = 1;
const REDIRECT = 23;
const SKB_LOAD_BYTES = 26;
const REDIRECT_NEIGH = 152; // since Linux 5.10

// what a program answers
const TCX_NEXT = -1;
const TCX_DROP = 2;

// struct __sk_buff
const SKB_PKT_TYPE = 4;
const SKB_PROTOCOL = 16; // as on the wire
const SKB_VLAN_PRESENT = 20;

const PACKET_HOST = 0;
const ETH_HLEN = 14;
const ETH_P_IP = 0x0008; // as on the wire
const ETH_P_IPV6 = 0xdd86;
const IPPROTO_UDP = 17;
const UDP_HLEN = 8;

/** Where in the source MAC of an outgoing frame its interface stands: the index, u32, host byte order. */
export const IFINDEX_IN_FRAME = 8;

/**
 * The kernel finds the next hop on that interface and its MAC, and writes both MACs of the frame; no sysctl, firewall
 * or routing policy has a part in it. An interface that is gone: the frame is dropped.
 */
export const toWire: readonly Line[] = [
  copy(R6, R1),
  set(R2, IFINDEX_IN_FRAME),
  copy(R3, FP),
  add(R3, -8),
  set(R4, 4),
  call(SKB_LOAD_BYTES),
  jumpUnlessEqual(R0, 0, 'drop'),
  load('u32', R1, FP, -8),
  set(R2, 0),
  set(R3, 0),
  set(R4, 0),
  call(REDIRECT_NEIGH),
  exit(),
  label('drop'),
  set(R0, TCX_DROP),
  exit(),
];

//  A key of the listeners:  0                        16     18     19
//                          | IPv6 address, or the   | zero | port |     as on the wire
//                          | IPv4 one as ::ffff:…   |      |      |
export const LISTENER_KEY_SIZE = 20;
/** The interface index of the TAP and the index of the socket, u32, host byte order. */
export const LISTENER_VALUE_SIZE = 8;

/** The key under which a listener is found. */
export function listenerKey({ ip, port }: Endpoint): Buffer {
  const key = Buffer.alloc(LISTENER_KEY_SIZE);
  if (ipFamily(ip) === 4) key.writeUInt16BE(0xffff, 10);
  key.set(ipBytes(ip), ipFamily(ip) === 4 ? 12 : 0);
  key.writeUInt16BE(port, 18);
  return key;
}

// The IP and UDP headers stand on the stack. Destination address and port have in them the places that they have in a
// key; what is before and between them is overwritten once it has been looked at.
const IP = -48;
const IPV4_HLEN = 20;
const IPV4_FRAGMENT = IP + 6;
const IPV4_PROTOCOL = IP + 9;
const IPV4_PREFIX = IP + 4; // twelve bytes before the destination address
const IPV4_SRC_PORT = IP + 20;
const PLAIN_IPV4 = 0x45; // no options
const FRAGMENT_BITS = 0xff3f; // more fragments, and the offset: as on the wire
const MAPPED = 0xffff_0000; // of ::ffff:0:0/96: 00 00 ff ff
const IPV6_HLEN = 40;
const IPV6_NEXT_HEADER = IP + 6;
const IPV6_DESTINATION = IP + 24;
const IPV6_SRC_PORT = IP + 40;
/** The interface index of the TAP; below is the early drop's. */
const TAP = -88;

const readIp = (length: number): Line[] => [
  copy(R1, R6),
  set(R2, ETH_HLEN),
  copy(R3, FP),
  add(R3, IP),
  set(R4, length + UDP_HLEN),
  call(SKB_LOAD_BYTES),
  jumpUnlessEqual(R0, 0, 'next'),
];

const isNot = (width: 'u8' | 'u16', offset: number, value: number): Line[] => [
  load(width, R1, FP, offset),
  jumpUnlessEqual(R1, value, 'next'),
];

/**
 * `listeners`: descriptor of a {@link BpfMap} from {@link listenerKey} to the TAP and the listener's socket. For the
 * stack, and so for the listener's own queue, are fragments, options and extension headers, tagged frames, and frames
 * for another MAC. What `earlyDrop` drops is for nobody.
 */
export const fromWire = (listeners: number, earlyDrop: EarlyDropTables | null = null): readonly Line[] => [
  copy(R6, R1),
  load('u32', R1, R6, SKB_PKT_TYPE),
  jumpUnlessEqual(R1, PACKET_HOST, 'next'),
  load('u32', R1, R6, SKB_VLAN_PRESENT),
  jumpUnlessEqual(R1, 0, 'next'),
  load('u32', R1, R6, SKB_PROTOCOL),
  jumpIfEqual(R1, ETH_P_IP, 'ipv4'),
  jumpUnlessEqual(R1, ETH_P_IPV6, 'next'),

  ...readIp(IPV6_HLEN),
  ...isNot('u8', IPV6_NEXT_HEADER, IPPROTO_UDP),
  store('u16', FP, IPV6_SRC_PORT, 0),
  set(R8, IPV6_HLEN),
  copy(R2, FP),
  add(R2, IPV6_DESTINATION),
  jump('look up'),

  label('ipv4'),
  ...readIp(IPV4_HLEN),
  ...isNot('u8', IP, PLAIN_IPV4),
  load('u16', R1, FP, IPV4_FRAGMENT),
  and(R1, FRAGMENT_BITS),
  jumpUnlessEqual(R1, 0, 'next'),
  ...isNot('u8', IPV4_PROTOCOL, IPPROTO_UDP),
  store('u32', FP, IPV4_PREFIX, 0),
  store('u32', FP, IPV4_PREFIX + 4, 0),
  store('u32', FP, IPV4_PREFIX + 8, MAPPED),
  store('u16', FP, IPV4_SRC_PORT, 0),
  set(R8, IPV4_HLEN),
  copy(R2, FP),
  add(R2, IPV4_PREFIX),

  label('look up'),
  ...loadMap(R1, listeners),
  call(MAP_LOOKUP_ELEM),
  jumpIfEqual(R0, 0, 'next'),
  load('u32', R1, R0, 0),
  storeRegister('u32', FP, TAP, R1),
  ...(earlyDrop === null
    ? []
    : [load('u32', R7, R0, 4), ...onInterface(earlyDrop), set(R0, TCX_DROP), exit(), label('keep')]),
  load('u32', R1, FP, TAP),
  set(R2, 0),
  call(REDIRECT),
  exit(),

  label('next'),
  set(R0, TCX_NEXT),
  exit(),
];
