/**
 * Link protection of a VNIC, as illumos dladm(8) has it: what there is to protect from, and addresses that are allowed.
 * A leaf: commands, configuration files and state files say it alike.
 */
import { ipBytes, ipFamily, parseIp } from './address.js';
import {
  allowedIpsFull,
  allowedIpsUnused,
  badAllowedIp,
  badProtection,
  ipNospoofAlone,
  macNospoofOfAnyMac,
} from './errors.js';

export const PROTECTIONS = ['mac-nospoof', 'ip-nospoof', 'dhcp-nospoof', 'ra-guard', 'restricted'] as const;
export type Protection = (typeof PROTECTIONS)[number];

/** Allowed prefixes of one address family; what the datapath has room for. */
const ALLOWED_IPS_MAX = 32;

export interface LinkProtection {
  /** In the order of {@link PROTECTIONS}; none: the VNIC is not protected. */
  readonly protection: readonly Protection[];
  /** What `ip-nospoof` allows beside the VNIC's own addresses: canonical `ADDRESS` or `ADDRESS/LENGTH`. */
  readonly allowedIps: readonly string[];
}

export const UNPROTECTED: LinkProtection = { protection: [], allowedIps: [] };

/** By their names. Throws when one is none. */
export function protections(names: readonly string[]): Protection[] {
  const unknown = names.find((name) => !(PROTECTIONS as readonly string[]).includes(name));
  if (unknown !== undefined) throw badProtection(unknown, PROTECTIONS);
  return PROTECTIONS.filter((each) => names.includes(each));
}

/** An address, or a prefix without bits behind its length, in canonical text. */
export function allowedIp(text: string): string {
  const slash = text.lastIndexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === null) throw badAllowedIp(text, 'expected ADDRESS or ADDRESS/LENGTH, as 10.55.55.2 or fd00::/64');
  const bytes = ipBytes(ip);
  const most = bytes.length * 8;
  const lengthText = slash < 0 ? String(most) : text.slice(slash + 1);
  const length = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : most + 1;
  if (length > most) throw badAllowedIp(text, `expected a prefix length from 0 to ${most}`);
  const network = parseIp(textOf(bytes.map((byte, at) => byte & maskByte(length, at)))) as string;
  if (network !== ip) throw badAllowedIp(text, `it is an address in a network: expected ${ip} or ${network}/${length}`);
  return length === most ? ip : `${ip}/${length}`;
}

/** Bits of a prefix in byte `at` of an address. */
export function maskByte(length: number, at: number): number {
  return (0xff << (8 - Math.min(8, Math.max(0, length - at * 8)))) & 0xff;
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, at) => ((bytes[at * 2]! << 8) | bytes[at * 2 + 1]!).toString(16)).join(':');
}

/** Each in canonical text, none twice. */
export function allowedIps(texts: readonly string[]): string[] {
  return [...new Set(texts.map(allowedIp))];
}

interface ProtectedVnic extends LinkProtection {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly allowAnyMac: boolean;
}

/** Throws what would protect from nothing, or let nothing through. */
export function checkProtection(vnic: ProtectedVnic): void {
  const { name, protection, allowAnyMac } = vnic;
  const isSpoofGuarded = protection.includes('ip-nospoof');
  if (allowAnyMac && protection.includes('mac-nospoof')) throw macNospoofOfAnyMac(name);
  const allowed = allowedPrefixes(vnic);
  if (isSpoofGuarded && allowed.length === 0) throw ipNospoofAlone(name);
  if (!isSpoofGuarded && vnic.allowedIps.length > 0) throw allowedIpsUnused(name);
  for (const family of [4, 6]) {
    const count = allowed.filter((each) => ipFamily(each.slice(0, each.indexOf('/'))) === family).length;
    if (isSpoofGuarded && count > ALLOWED_IPS_MAX) throw allowedIpsFull(name, family, count, ALLOWED_IPS_MAX);
  }
}

/** The addresses that a VNIC may send from, each `ADDRESS/LENGTH`: its own, and those that are allowed besides. */
export function allowedPrefixes({
  addresses,
  allowedIps: allowed,
}: Omit<ProtectedVnic, 'name' | 'allowAnyMac'>): string[] {
  const own = addresses.map((address) => address.slice(0, address.indexOf('/')));
  const all = [...own, ...allowed].map((each) => (each.includes('/') ? each : `${each}/${ipBytes(each).length * 8}`));
  return [...new Set(all)];
}
