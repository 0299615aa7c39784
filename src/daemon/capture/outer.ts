/**
 * The outer headers of a datagram that was captured: made anew from what is known of it, since the kernel writes and
 * reads them. Addresses, ports, TOS and VXLAN header are as on the wire; so are TTL and DF of what leaves. The IPv4
 * identification, the TTL and the flow label of what came, and UDP checksums are not known: they are 0.
 */
import { type Endpoint, ipBytes, ipFamily, NO_PORT } from '../../address.js';
import type { CapturedUnderlay } from '../../datapath/capture-types.js';

const IPV4_HLEN = 20;
const IPV6_HLEN = 40;
const UDP_HLEN = 8;
const PROTOCOL_UDP = 17;
const PROTOCOL_GRE = 47;
const DONT_FRAGMENT = 0x4000;
/** A length field has no more; a super-frame may be a little longer than that. */
const LENGTH_MAX = 0xffff;
const UNKNOWN = { 4: '0.0.0.0', 6: '::' } as const;

/** IP, UDP and tunnel headers before `length` bytes of frame; without UDP where the tunnel has no ports. */
export function outerHeaders(underlay: CapturedUnderlay, length: number, isSent: boolean): Buffer {
  const { listen, sourcePort, peer, vxlanHeader } = underlay;
  const family = ipFamily((peer ?? listen).ip);
  const own = { ip: ipFamily(listen.ip) === family ? listen.ip : UNKNOWN[family], port: sourcePort ?? listen.port };
  const other = peer ?? { ip: UNKNOWN[family], port: 0 };
  const [from, to] = isSent ? [own, other] : [other, own];
  const isUdp = listen.port !== NO_PORT;
  const payload = vxlanHeader.length + length;
  const udp = isUdp ? udpHeader(from, to, payload) : Buffer.alloc(0);
  const datagram = udp.length + payload;
  const header = family === 4 ? ipv4(underlay, datagram, isSent) : ipv6(underlay, datagram);
  header[family === 4 ? 9 : 6] = isUdp ? PROTOCOL_UDP : PROTOCOL_GRE;
  header.set(ipBytes(from.ip), family === 4 ? 12 : 8);
  header.set(ipBytes(to.ip), family === 4 ? 16 : 24);
  if (family === 4) header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, udp, vxlanHeader]);
}

function udpHeader(from: Endpoint, to: Endpoint, payload: number): Buffer {
  const header = Buffer.alloc(UDP_HLEN);
  header.writeUInt16BE(from.port, 0);
  header.writeUInt16BE(to.port, 2);
  header.writeUInt16BE(Math.min(UDP_HLEN + payload, LENGTH_MAX - IPV4_HLEN), 4);
  return header;
}

function ipv4({ tos, ttl, mayBeFragmented }: CapturedUnderlay, datagram: number, isSent: boolean): Buffer {
  const header = Buffer.alloc(IPV4_HLEN);
  header[0] = 0x45;
  header[1] = tos;
  header.writeUInt16BE(Math.min(IPV4_HLEN + datagram, LENGTH_MAX), 2);
  header.writeUInt16BE(isSent && !mayBeFragmented ? DONT_FRAGMENT : 0, 6);
  header[8] = ttl ?? 0;
  return header;
}

function ipv6({ tos, ttl }: CapturedUnderlay, datagram: number): Buffer {
  const header = Buffer.alloc(IPV6_HLEN);
  header.writeUInt32BE(((6 << 28) | (tos << 20)) >>> 0, 0);
  header.writeUInt16BE(Math.min(datagram, LENGTH_MAX - IPV4_HLEN), 4);
  header[7] = ttl ?? 0;
  return header;
}

/** RFC 1071, of a header whose own field is 0. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
