// What link protection says of a frame, written a second time: slowly, over numbers, and without a thought for speed.

import type { Protection } from '../../src/link-protection.js';
import { EUI64, MAC, macBytes, type Sent } from './protect-frames.js';

type Verdict = string | null;

/** The reason a frame is dropped for, null: it passes. Its addresses are right. */
export function judge({ frame, vnet }: Sent, kinds: ReadonlySet<Protection>, allowed: readonly string[]): Verdict {
  let at = 12;
  let tags: Verdict = null;
  while (tags === null && (word(frame, at) === 0x8100 || word(frame, at) === 0x88a8)) {
    at += 4;
    if (at > 20) tags = 'bad_vlan';
    if (at + 2 > frame.length) [tags, at] = ['truncated', 12];
  }
  const start = vnet[6]! | (vnet[7]! << 8);
  const field = vnet[0]! & 1 ? start + (vnet[8]! | (vnet[9]! << 8)) : null;
  if (field !== null && start < at + 2) return 'bad_offload';
  if (tags !== null) return tags;
  const { packet, made } = { packet: frame.subarray(at + 2), made: field === null ? null : field - at - 2 };
  const reason = kinds.size === 0 ? null : ofType(word(frame, at), { packet, made, kinds, allowed });
  // what passes has its checksum made
  const isInside = field === null || (start < frame.length && field + 2 <= frame.length);
  return reason ?? (isInside ? null : 'bad_offload');
}

interface Looked {
  readonly packet: Uint8Array;
  /** Where a checksum will be written, from the start of the packet. */
  readonly made: number | null;
  readonly kinds: ReadonlySet<Protection>;
  readonly allowed: readonly string[];
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const text = (bytes: Uint8Array): string => [...bytes].join(' ');
const OWN = macBytes(MAC).join(' ');

function ofType(etherType: number, looked: Looked): Verdict {
  const { kinds } = looked;
  const has = (...some: Protection[]) => some.some((kind) => kinds.has(kind));
  if (etherType === 0x0806) return has('mac-nospoof', 'ip-nospoof') ? ofArp(looked) : null;
  if (etherType === 0x0800) return has('ip-nospoof', 'dhcp-nospoof') ? ofIpv4(looked) : null;
  if (etherType === 0x86dd) return has('mac-nospoof', 'ip-nospoof', 'dhcp-nospoof', 'ra-guard') ? ofIpv6(looked) : null;
  return has('restricted') ? 'restricted_type' : null;
}

function isAllowed(address: Uint8Array, { kinds, allowed }: Looked): boolean {
  if (!kinds.has('ip-nospoof')) return true;
  const bits = (bytes: Iterable<number>) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const own = bits(address);
  return allowed.some((prefix) => {
    const [network = '', length] = prefix.split('/');
    if (network.includes(':') !== (address.length === 16)) return false;
    return own.startsWith(bits(bytesOf(network)).slice(0, Number(length)));
  });
}

function bytesOf(ip: string): number[] {
  if (!ip.includes(':')) return ip.split('.').map(Number);
  const [head = '', tail = ''] = ip.split('::');
  const words = (side: string) => (side === '' ? [] : side.split(':').map((each) => Number.parseInt(each, 16)));
  const [front, back] = [words(head), words(tail)];
  const all = [...front, ...new Array(8 - front.length - back.length).fill(0), ...back];
  return all.flatMap((each) => [each >> 8, each & 0xff]);
}

function ofArp(looked: Looked): Verdict {
  const { packet, made, kinds } = looked;
  if (made !== null) return 'bad_offload';
  if (packet.length < 28 || text(packet.subarray(0, 6)) !== '0 1 8 0 6 4') return 'bad_arp';
  if (kinds.has('mac-nospoof') && text(packet.subarray(8, 14)) !== OWN) return 'spoofed_lladdr';
  const sender = packet.subarray(14, 18);
  return text(sender) === '0 0 0 0' || isAllowed(sender, looked) ? null : 'spoofed_ip';
}

function ofIpv4(looked: Looked): Verdict {
  const { packet, made, kinds } = looked;
  const header = (packet[0]! & 15) * 4;
  const total = word(packet, 2);
  const isSane = packet.length >= 20 && packet[0]! >> 4 === 4 && header >= 20;
  if (!isSane || header > packet.length || header > total) return 'bad_headers';
  const source = packet.subarray(12, 16);
  if (text(source) !== '0 0 0 0' && !isAllowed(source, looked)) return 'spoofed_ip';
  const fragment = word(packet, 6);
  const isUdp = packet[9] === 17 && (fragment & 0x1fff) === 0;
  if (made !== null && made < header + (isUdp ? 6 : 0)) return 'bad_offload';
  if (!isUdp || !kinds.has('dhcp-nospoof')) return null;
  const datagram = packet.subarray(header, total);
  if (datagram.length < 8) return 'bad_headers';
  const [to, length] = [word(datagram, 2), word(datagram, 4)];
  if (to === 68) return 'rogue_dhcp';
  if (to !== 67) return null;
  if (fragment & 0x2000 || length < 8 || length > datagram.length) return 'spoofed_dhcp';
  if (made !== null && made !== header + 6) return 'bad_offload';
  return ofDhcp(datagram.subarray(8, length));
}

function ofDhcp(message: Uint8Array): Verdict {
  if (message.length < 240 || text(message.subarray(236, 240)) !== '99 130 83 99') return 'spoofed_dhcp';
  if (word(message, 1) !== 0x0106) return 'spoofed_dhcp';
  if (message[0] !== 1) return 'rogue_dhcp';
  if (text(message.subarray(28, 34)) !== OWN) return 'spoofed_dhcp';
  const ids: Uint8Array[] = [];
  for (let rest = message.subarray(240); rest.length > 0 && rest[0] !== 255; ) {
    if (rest[0] === 0) {
      rest = rest.subarray(1);
      continue;
    }
    const size = rest[1];
    if (size === undefined || 2 + size > rest.length || rest[0] === 52) return 'spoofed_dhcp';
    if (rest[0] === 61) ids.push(rest.subarray(2, 2 + size));
    rest = rest.subarray(2 + size);
  }
  const [id, ...more] = ids;
  if (id === undefined) return null;
  if (more.length > 0 || id.length === 0) return 'spoofed_dhcp';
  if (id[0] === 1) return text(id.subarray(1)) === OWN ? null : 'spoofed_dhcp';
  return id[0] === 255 && id.length >= 5 && !isFine(id.subarray(5)) ? 'spoofed_dhcp' : null;
}

/** A DUID. */
function isFine(duid: Uint8Array): boolean {
  if (duid.length < 4) return false;
  if (word(duid, 2) !== 1) return true;
  if (word(duid, 0) === 1) return text(duid.subarray(8)) === OWN;
  return word(duid, 0) !== 3 || text(duid.subarray(4)) === OWN;
}

function ofIpv6(looked: Looked): Verdict {
  const { packet, made, kinds } = looked;
  if (packet.length < 40 || packet[0]! >> 4 !== 6) return 'bad_headers';
  const source = packet.subarray(8, 24);
  const isUnspecified = source.every((byte) => byte === 0);
  const isOwn = (address: Uint8Array) => text(address) === EUI64.join(' ') || isAllowed(address, looked);
  if (!isUnspecified && !isOwn(source)) return 'spoofed_ip';
  const end = Math.min(packet.length, 40 + word(packet, 4));
  let [next, at, isFragment] = [packet[6]!, 40, false];
  while ([0, 43, 44, 51, 60, 135, 139, 140].includes(next)) {
    if (at + 8 > end) return 'bad_headers';
    const units = packet[at + 1]!;
    const size = next === 44 ? 8 : next === 51 ? (units + 2) * 4 : (units + 1) * 8;
    isFragment ||= next === 44;
    if (next === 44 && word(packet, at + 2) >> 3 !== 0) return made !== null && made < at + 8 ? 'bad_offload' : null;
    next = packet[at]!;
    at += size;
  }
  if (next >= 148 || (next === 59 ? at > end : at >= end)) return 'bad_headers';
  if (made !== null && made < at + (next === 17 ? 6 : 0)) return 'bad_offload';
  const upper = packet.subarray(at, end);
  const isWhole = !isFragment && 40 + word(packet, 4) <= packet.length;
  if (next === 58 && made !== null && made !== at + 2) return 'bad_offload';
  if (next === 58) return ofIcmpv6(upper, isWhole, looked, isUnspecified, isOwn);
  if (next !== 17 || !kinds.has('dhcp-nospoof')) return null;
  return ofDhcpv6(upper, !isFragment, made === null || made === at + 6);
}

function ofIcmpv6(
  message: Uint8Array,
  isWhole: boolean,
  { kinds }: Looked,
  isProbe: boolean,
  isOwn: (address: Uint8Array) => boolean,
): Verdict {
  if (message.length < 4) return 'bad_headers';
  const type = message[0]!;
  if (type === 134 && kinds.has('ra-guard')) return 'rogue_ra';
  if (type < 133 || type > 136 || (!kinds.has('mac-nospoof') && !kinds.has('ip-nospoof'))) return null;
  const fixed = [8, 16, 24, 24][type - 133]!;
  if (!isWhole || message.length < fixed) return 'bad_headers';
  const macs: string[] = [];
  for (let rest = message.subarray(fixed); rest.length > 0; ) {
    const size = rest[1]! * 8;
    if (rest.length < 8 || size === 0 || size > rest.length) return 'bad_headers';
    if (rest[0] === 1 || rest[0] === 2) macs.push(text(rest.subarray(2, 8)));
    rest = rest.subarray(size);
  }
  if (kinds.has('mac-nospoof') && macs.some((mac) => mac !== OWN)) return 'spoofed_lladdr';
  const claims = type === 136 || (type === 135 && isProbe);
  return kinds.has('ip-nospoof') && claims && !isOwn(message.subarray(8, 24)) ? 'spoofed_ip' : null;
}

function ofDhcpv6(datagram: Uint8Array, isWhole: boolean, isPlaced: boolean): Verdict {
  if (datagram.length < 8) return 'bad_headers';
  const [to, length] = [word(datagram, 2), word(datagram, 4)];
  if (to === 546) return 'rogue_dhcp';
  if (to !== 547) return null;
  if (!isWhole || length < 8 || length > datagram.length) return 'spoofed_dhcp';
  if (!isPlaced) return 'bad_offload';
  const message = datagram.subarray(8, length);
  if (message.length < 4) return 'spoofed_dhcp';
  if ([2, 7, 10, 12, 13].includes(message[0]!)) return 'rogue_dhcp';
  for (let rest = message.subarray(4); rest.length > 0; ) {
    const size = word(rest, 2);
    if (rest.length < 4 || 4 + size > rest.length) return 'spoofed_dhcp';
    if (word(rest, 0) === 1 && !isFine(rest.subarray(4, 4 + size))) return 'spoofed_dhcp';
    rest = rest.subarray(4 + size);
  }
  return null;
}
