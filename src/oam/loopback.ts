/**
 * Loopback of Ethernet OAM (IEEE 802.1Q clauses 20.2 and 21.7, from 802.1ag; ITU-T G.8013/Y.1731): a message (LBM) that
 * whoever it is for sends back as a reply (LBR), byte by byte but for the addresses and the OpCode.
 *
 *   0                               6                               12              14
 *   | destination                   | source                        | 0x8902        |
 *   | level 3b, version 5b | OpCode | flags | first TLV offset = 4  | transaction identifier (4) | TLVs … | End TLV 0 |
 *
 * TLVs: Sender ID (type 1), whose management address says at which UDP port the sender is a VTEP; Data (type 3), which
 * makes the frame as long as it is to be.
 */
import { createHash } from 'node:crypto';
import { type Endpoint, ipBytes, ipFamily, ipFromBytes } from '../address.js';
import { ETH_DESTINATION, ETH_HLEN, ETH_SOURCE, ETH_TYPE, MAC_LEN, readMac, viewOf, writeMac } from '../proxy/bytes.js';

const ETHERTYPE_CFM = 0x8902;
/** Between the VTEPs themselves; guests have the levels above. */
const MD_LEVEL = 0;
const OPCODE_LBR = 2;
const OPCODE_LBM = 3;

const CFM_OPCODE = ETH_HLEN + 1;
const CFM_FLAGS = CFM_OPCODE + 1;
const CFM_TLV_OFFSET = CFM_FLAGS + 1;
/** What the offset is counted from. */
const CFM_HEADER_END = CFM_TLV_OFFSET + 1;
const TRANSACTION = CFM_HEADER_END;
const TRANSACTION_LEN = 4;
const TLVS = TRANSACTION + TRANSACTION_LEN;
const TLV_HLEN = 3;
const TLV_END = 0;
const TLV_SENDER_ID = 1;
const TLV_DATA = 3;

/** OBJECT IDENTIFIER transportDomainUdpIpv4, transportDomainUdpIpv6 (RFC 3419 section 4), in BER. */
const DOMAINS = { 4: [6, 8, 0x2b, 6, 1, 2, 1, 100, 1, 1], 6: [6, 8, 0x2b, 6, 1, 2, 1, 100, 1, 2] } as const;
const ADDRESS_LEN = { 4: 4, 6: 16 } as const;

export interface Loopback {
  readonly isReply: boolean;
  /** Canonical MACs. */
  readonly destination: string;
  readonly source: string;
  readonly transaction: number;
  /** Where its sender says it is a VTEP; null: it does not. */
  readonly sender: Endpoint | null;
}

const VTEP_PREFIX = '02:76:';

/** The MAC of the VTEP at an underlay address: locally administered; of IPv4 the address, of IPv6 a hash of it. */
export function vtepMac(ip: string): string {
  const bytes = ipBytes(ip);
  const last = bytes.length === 4 ? bytes : createHash('sha256').update(bytes).digest().subarray(0, 4);
  return VTEP_PREFIX + Array.from(last, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Whether it is the MAC of a VTEP at one of these addresses. */
export function isVtepMac(mac: string, ips: Iterable<string>): boolean {
  return mac.startsWith(VTEP_PREFIX) && [...ips].some((ip) => vtepMac(ip) === mac);
}

/**
 * A message from the VTEP `from` to the one at `to`, `size` bytes, 64 at least, behind its Ethernet header. Its data
 * begin with `fill`.
 */
export function loopbackMessage(
  to: string,
  from: Endpoint,
  transaction: number,
  size: number,
  fill: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(ETH_HLEN + size);
  const view = viewOf(frame);
  writeMac(frame, ETH_DESTINATION, vtepMac(to));
  writeMac(frame, ETH_SOURCE, vtepMac(from.ip));
  view.setUint16(ETH_TYPE, ETHERTYPE_CFM);
  frame[ETH_HLEN] = MD_LEVEL << 5;
  frame[CFM_OPCODE] = OPCODE_LBM;
  frame[CFM_TLV_OFFSET] = TRANSACTION_LEN;
  view.setUint32(TRANSACTION, transaction);
  const sender = senderId(from);
  putTlv(frame, TLVS, TLV_SENDER_ID, sender);
  const data = TLVS + TLV_HLEN + sender.length;
  const room = frame.length - data - TLV_HLEN - 1;
  putTlv(frame, data, TLV_DATA, fill.subarray(0, room), room);
  return frame; // the last byte is the End TLV
}

/** `length`: of the whole value, which ends with zeros. */
function putTlv(frame: Uint8Array, at: number, type: number, value: Uint8Array, length = value.length): void {
  frame[at] = type;
  viewOf(frame).setUint16(at + 1, length);
  frame.set(value, at + TLV_HLEN);
}

/** No chassis, but a management address. */
function senderId({ ip, port }: Endpoint): Uint8Array {
  const family = ipFamily(ip);
  const address = [...ipBytes(ip), port >> 8, port & 0xff];
  return Uint8Array.from([0, DOMAINS[family].length, ...DOMAINS[family], address.length, ...address]);
}

/** null: it is neither a message nor a reply between VTEPs, or not well formed. */
export function readLoopback(frame: Uint8Array): Loopback | null {
  if (frame.length < TLVS + 1 || viewOf(frame).getUint16(ETH_TYPE) !== ETHERTYPE_CFM) return null;
  const opcode = frame[CFM_OPCODE];
  if (frame[ETH_HLEN]! >> 5 !== MD_LEVEL || (opcode !== OPCODE_LBM && opcode !== OPCODE_LBR)) return null;
  const source = readMac(frame, ETH_SOURCE);
  const tlvs = readTlvs(frame, CFM_HEADER_END + frame[CFM_TLV_OFFSET]!);
  if (!source.startsWith(VTEP_PREFIX) || frame[CFM_TLV_OFFSET]! < TRANSACTION_LEN || tlvs === null) return null;
  return {
    isReply: opcode === OPCODE_LBR,
    destination: readMac(frame, ETH_DESTINATION),
    source,
    transaction: viewOf(frame).getUint32(TRANSACTION),
    sender: readSender(tlvs.get(TLV_SENDER_ID)),
  };
}

/** By type, the first of each; null: one is longer than the frame. */
function readTlvs(frame: Uint8Array, start: number): Map<number, Uint8Array> | null {
  const found = new Map<number, Uint8Array>();
  for (let at = start; at < frame.length && frame[at] !== TLV_END; ) {
    if (at + TLV_HLEN > frame.length) return null;
    const end = at + TLV_HLEN + viewOf(frame).getUint16(at + 1);
    if (end > frame.length) return null;
    if (!found.has(frame[at]!)) found.set(frame[at]!, frame.subarray(at + TLV_HLEN, end));
    at = end;
  }
  return found;
}

/** A chassis is of no use here and is passed over. */
function readSender(value: Uint8Array | undefined): Endpoint | null {
  if (value === undefined || value.length === 0) return null;
  const domain = value[0] === 0 ? 1 : 2 + value[0]!;
  const domainLength = value[domain] ?? 0;
  const address = domain + 1 + domainLength;
  for (const family of [4, 6] as const) {
    const length = ADDRESS_LEN[family];
    const bytes = value.subarray(address + 1, address + 1 + length + 2);
    const isOf = DOMAINS[family].every((byte, index) => value[domain + 1 + index] === byte);
    if (domainLength !== DOMAINS[family].length || !isOf || value[address] !== length + 2) continue;
    if (bytes.length < length + 2) return null;
    const port = viewOf(bytes).getUint16(length);
    return port === 0 ? null : { ip: ipFromBytes(bytes.subarray(0, length)), port };
  }
  return null;
}

/** What a message is answered with: as long as it is. */
export function loopbackReply(message: Uint8Array): Uint8Array {
  const reply = Uint8Array.from(message);
  reply.set(message.subarray(ETH_SOURCE, ETH_SOURCE + MAC_LEN), ETH_DESTINATION);
  reply.set(message.subarray(ETH_DESTINATION, ETH_DESTINATION + MAC_LEN), ETH_SOURCE);
  reply[CFM_OPCODE] = OPCODE_LBR;
  return reply;
}
