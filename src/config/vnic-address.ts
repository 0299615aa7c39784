/** Addresses that a VNIC is given: which there can be, in one spelling. */
import ipaddr from 'ipaddr.js';
import { ipBytes, ipFamily, isMulticast, parseIp } from '../address.js';
import { addressTwice, badVnicAddress } from '../errors.js';

/** Prefixes so long have no addresses of their own: RFC 3021 for IPv4, RFC 6164 for IPv6. */
const POINT_TO_POINT_BITS = 1;
const NO_HOST: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  loopback: 'a loopback address',
  broadcast: 'the broadcast address',
};

/** `ADDRESS/LENGTH` in canonical text. Throws when it is none, or none that a host can have. */
export function vnicAddress(text: string): string {
  const slash = text.lastIndexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === null) throw badVnicAddress(text, 'expected ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64');
  const most = ipBytes(ip).length * 8;
  const example = `${ip}/${most === 32 ? 24 : 64}`;
  if (slash < 0) throw badVnicAddress(text, `it has no prefix length: expected ADDRESS/LENGTH, as ${example}`);
  const length = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : 0;
  if (length < 1 || length > most) {
    throw badVnicAddress(text, `expected a prefix length from 1 to ${most}, as ${example}`);
  }
  const kind = isMulticast(ip) ? 'a multicast address' : (NO_HOST[ipaddr.parse(ip).range()] ?? ofNetwork(ip, length));
  if (kind !== null) throw badVnicAddress(text, `it is ${kind}: expected that of one host`);
  return `${ip}/${length}`;
}

/** Each in canonical text, and none twice. */
export function vnicAddresses(texts: readonly string[]): string[] {
  const found: string[] = [];
  for (const text of texts) {
    const address = vnicAddress(text);
    const twin = found.find((other) => ipOf(other) === ipOf(address));
    if (twin !== undefined) throw addressTwice(text, twin);
    found.push(address);
  }
  return found;
}

/** Of canonical `ADDRESS/LENGTH`. */
export function ipOf(address: string): string {
  return address.slice(0, address.indexOf('/'));
}

/** What the address is to its network, when it is not a host's: null for that of a host. */
function ofNetwork(ip: string, length: number): string | null {
  const bytes = ipBytes(ip);
  const hostBits = bytes.length * 8 - length;
  if (hostBits <= POINT_TO_POINT_BITS) return null;
  const bits = [...bytes]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(length);
  if (!bits.includes('1')) {
    return ipFamily(ip) === 4 ? 'the address of its network' : 'the subnet-router anycast address of its network';
  }
  return ipFamily(ip) === 4 && !bits.includes('0') ? 'the broadcast address of its network' : null;
}
