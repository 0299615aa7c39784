// Solicitations and DHCP messages that are right in everything but what a test asks for, checksums included.

import { ipBytes } from '../../src/address.js';
import { slowChecksum } from '../support/bytes.js';
import { DHCP_DISCOVER, NS } from '../wire/frames.js';

const IP = 14;
const IPV4_LEN = 20;
const ICMPV6 = IP + 40;
const UDP = IP + IPV4_LEN;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
const SOURCE_LLADDR = [1, 1, 2, 0, 0, 0, 0, 10];
const NONCE = [14, 1, 1, 2, 3, 4, 5, 6];

/** A source link-layer option behind a nonce. */
export const withOption = [...NONCE, ...SOURCE_LLADDR];

/** Writes a 16-bit field. */
function put16(frame: Uint8Array, offset: number, value: number): void {
  frame[offset] = value >> 8;
  frame[offset + 1] = value & 0xff;
}

/** A neighbour solicitation; `cut` takes bytes off its end before the checksum is made. */
export function ns(change: {
  src?: string;
  dst?: string;
  target?: string;
  code?: number;
  options?: number[];
  cut?: number;
}): Uint8Array {
  const message = [...NS.slice(ICMPV6, ICMPV6 + 24), ...(change.options ?? SOURCE_LLADDR)];
  const whole = Uint8Array.of(...NS.slice(0, ICMPV6), ...message);
  const frame = whole.slice(0, whole.length - (change.cut ?? 0));
  const length = frame.length - ICMPV6;
  put16(frame, IP + 4, length);
  if (change.src !== undefined) frame.set(ipBytes(change.src), IP + 8);
  if (change.dst !== undefined) frame.set(ipBytes(change.dst), IP + 24);
  if (change.target !== undefined) frame.set(ipBytes(change.target), ICMPV6 + 8);
  if (change.code !== undefined) frame[ICMPV6 + 1] = change.code;
  if (length < 4) return frame;
  put16(frame, ICMPV6 + 2, 0);
  const pseudo = Uint8Array.of(...frame.slice(IP + 8, ICMPV6), 0, 0, 0, length, 0, 0, 0, PROTOCOL_ICMPV6);
  put16(frame, ICMPV6 + 2, slowChecksum(Uint8Array.of(...pseudo, ...frame.slice(ICMPV6))));
  return frame;
}

/** udhcpc's request with `length` bytes of DHCP message and options in the IPv4 header. */
export function dhcp(change: { length?: number; ipOptions?: number[] }): Uint8Array {
  const options = change.ipOptions ?? [];
  const end = change.length === undefined ? DHCP_DISCOVER.length : UDP + 8 + change.length;
  const frame = Uint8Array.of(...DHCP_DISCOVER.slice(0, UDP), ...options, ...DHCP_DISCOVER.slice(UDP, end));
  const headerLength = IPV4_LEN + options.length;
  frame[IP] = 0x40 | (headerLength / 4);
  put16(frame, IP + 2, frame.length - IP);
  put16(frame, IP + headerLength + 4, frame.length - IP - headerLength);
  return fixed(frame);
}

/** `frame`, a UDP datagram in IPv4, with both checksums made right for what its length fields say. */
export function fixed(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  const headerLength = (bytes[IP]! & 0x0f) * 4;
  put16(bytes, IP + 10, 0);
  put16(bytes, IP + 10, slowChecksum(bytes.slice(IP, IP + headerLength)));
  const udp = IP + headerLength;
  const length = (bytes[udp + 4]! << 8) | bytes[udp + 5]!;
  put16(bytes, udp + 6, 0);
  const pseudo = Uint8Array.of(...bytes.slice(IP + 12, IP + 20), 0, PROTOCOL_UDP, length >> 8, length & 0xff);
  put16(bytes, udp + 6, slowChecksum(Uint8Array.of(...pseudo, ...bytes.slice(udp, udp + length))) || 0xffff);
  return bytes;
}
