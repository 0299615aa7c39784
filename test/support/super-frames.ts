// TCP and UDP frames from a description, byte by byte: the slow twin of segmentation. A super-frame and the frames it
// stands for are built from the same description, never from each other.

import { slowChecksum } from './bytes.js';

export const TCP = 6;
export const UDP = 17;
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const CWR = 0x80;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
export const GSO_ECN = 0x80;

export interface Flow {
  readonly version: 4 | 6;
  readonly protocol: typeof TCP | typeof UDP;
  /** Destination and source MAC. */
  readonly macs: Uint8Array;
  /** TPID and tag control information as one u32 each, outermost first. */
  readonly tags: readonly number[];
  /** Source and destination: 8 or 32 bytes. */
  readonly addresses: Uint8Array;
  readonly ports: readonly [number, number];
  /** TTL or hop limit. */
  readonly ttl: number;
  /** TOS or traffic class. */
  readonly tos: number;
  readonly flowLabel: number;
  readonly df: boolean;
  readonly id: number;
  /** IPv4 options, a multiple of 4; or IPv6 extension headers, a multiple of 8. */
  readonly ipOptions: Uint8Array;
  /** What the first IPv6 extension header is; hop-by-hop options when not given. */
  readonly firstExtension?: number;
  /** Addresses of the pseudo header, where a source route makes them differ from those of the IP header. */
  readonly routedAddresses?: Uint8Array | undefined;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly flags: number;
  /** A multiple of 4. */
  readonly tcpOptions: Uint8Array;
}

const be16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value)];
export const concat = (...parts: (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
const put16 = (bytes: Uint8Array, at: number, value: number): void => bytes.set(be16(value), at);

function sumOf(...parts: Uint8Array[]): number {
  return slowChecksum(concat(...parts)) ^ 0xffff;
}

/** The pseudo header of RFC 768, RFC 9293 and RFC 8200. */
export function pseudoHeader(addresses: Uint8Array, protocol: number, length: number): Uint8Array {
  return concat(addresses, be32(length), be32(protocol));
}

export const l3Of = (flow: Flow): number => 14 + 4 * flow.tags.length;
export const l4Of = (flow: Flow): number => l3Of(flow) + (flow.version === 4 ? 20 : 40) + flow.ipOptions.length;
export const headerLengthOf = (flow: Flow): number =>
  l4Of(flow) + (flow.protocol === TCP ? 20 + flow.tcpOptions.length : 8);

function ethernetHeader(flow: Flow): Uint8Array {
  return concat(flow.macs, flow.tags.flatMap(be32), be16(flow.version === 4 ? 0x0800 : 0x86dd));
}

function ipHeader(flow: Flow, length: number): Uint8Array {
  const { ipOptions, ttl, tos, addresses } = flow;
  const size = (flow.version === 4 ? 20 : 0) + ipOptions.length + length;
  if (flow.version === 6) {
    const next = ipOptions.length > 0 ? (flow.firstExtension ?? 0) : flow.protocol;
    const first = ((6 << 28) | (tos << 20) | flow.flowLabel) >>> 0;
    return concat(be32(first), be16(size > 0xffff ? 0 : size), [next, ttl], addresses, ipOptions);
  }
  const words = (20 + ipOptions.length) / 4;
  const fragment = flow.df ? 0x4000 : 0;
  const begin = [0x40 | words, tos, ...be16(size > 0xffff ? 0 : size), ...be16(flow.id), ...be16(fragment)];
  const header = concat(begin, [ttl, flow.protocol, 0, 0], addresses, ipOptions);
  put16(header, 10, slowChecksum(header));
  return header;
}

function transportHeader(flow: Flow, payload: Uint8Array): Uint8Array {
  const ports = flow.ports.flatMap(be16);
  const length = 8 + payload.length;
  if (flow.protocol === UDP) return concat(ports, be16(length > 0xffff ? 0 : length), [0, 0]);
  const offset = (20 + flow.tcpOptions.length) / 4;
  const begin = [...ports, ...be32(flow.seq), ...be32(flow.ack), offset << 4, flow.flags];
  return concat(begin, be16(flow.window), [0, 0, 0, 0], flow.tcpOptions);
}

/** One complete frame; `partial`: its checksum field holds the sum of the pseudo header alone. */
export function buildFrame(flow: Flow, payload: Uint8Array, partial = false): Uint8Array {
  const header = transportHeader(flow, payload);
  const addresses = flow.routedAddresses ?? flow.addresses;
  const pseudo = pseudoHeader(addresses, flow.protocol, header.length + payload.length);
  const at = flow.protocol === TCP ? 16 : 6;
  const made = slowChecksum(concat(pseudo, header, payload));
  if (partial) put16(header, at, sumOf(pseudo));
  else put16(header, at, made === 0 && flow.protocol === UDP ? 0xffff : made);
  return concat(ethernetHeader(flow), ipHeader(flow, header.length + payload.length), header, payload);
}

/** The struct virtio_net_hdr of a super-frame; `changes` make it lie. */
export function vnetOf(flow: Flow, gsoSize: number, changes: Partial<Vnet> = {}): Uint8Array {
  const tcp = flow.version === 4 ? GSO_TCPV4 : GSO_TCPV6;
  return vnetBytes({
    flags: 1,
    gsoType: flow.protocol === TCP ? tcp : GSO_UDP_L4,
    hdrLen: headerLengthOf(flow),
    gsoSize,
    csumStart: l4Of(flow),
    csumOffset: flow.protocol === TCP ? 16 : 6,
    ...changes,
  });
}

export interface Vnet {
  readonly flags: number;
  readonly gsoType: number;
  readonly hdrLen: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
}

function vnetBytes(vnet: Vnet): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, vnet.flags);
  view.setUint8(1, vnet.gsoType);
  view.setUint16(2, vnet.hdrLen, true);
  view.setUint16(4, vnet.gsoSize, true);
  view.setUint16(6, vnet.csumStart, true);
  view.setUint16(8, vnet.csumOffset, true);
  return bytes;
}

export function readVnet(bytes: Uint8Array): Vnet {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 10);
  return {
    flags: view.getUint8(0),
    gsoType: view.getUint8(1),
    hdrLen: view.getUint16(2, true),
    gsoSize: view.getUint16(4, true),
    csumStart: view.getUint16(6, true),
    csumOffset: view.getUint16(8, true),
  };
}

/** The flow as segment `index` of `count` has it, `size` payload bytes each but for the last. */
export function segmentOf(flow: Flow, index: number, count: number, size: number): Flow {
  let { flags } = flow;
  if (index > 0) flags &= ~CWR;
  if (index < count - 1) flags &= ~(FIN | PSH);
  return { ...flow, id: (flow.id + index) & 0xffff, seq: (flow.seq + index * size) >>> 0, flags };
}

/** The frames that a super-frame of this flow and payload stands for. */
export function segmentsOf(flow: Flow, payload: Uint8Array, size: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(payload.length / size));
  return Array.from({ length: count }, (_, index) =>
    buildFrame(segmentOf(flow, index, count, size), payload.subarray(index * size, (index + 1) * size)),
  );
}
