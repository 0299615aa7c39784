/**
 * Addresses as small map keys, so that a million entries fit: a MAC is its 48-bit number, an IPv4 address a 32-bit
 * signed number, an IPv6 address a string of its eight 16-bit groups. The usual spellings are read here, character by
 * character, because files are large; every other one is left to address.ts. No key keeps the text of the file alive.
 */
import { ipBytes, ipFromBytes, macToNumber, parseIp, parseMac } from '../../../address.js';

export type MacKey = number;
export type Ipv4Key = number;
export type Ipv6Key = string;

const COLON = 0x3a;
const DOT = 0x2e;
const MAC_TEXT_LENGTH = 17;
const GROUPS = 8;

/** Any spelling of a MAC; null when it is none. */
export function macKey(text: string): MacKey | null {
  return colonMac(text) ?? otherMac(text);
}

/** An IPv4 address (also one mapped into IPv6); null when it is none. */
export function ipv4Key(text: string): Ipv4Key | null {
  const dotted = dottedIpv4(text);
  if (dotted !== null) return dotted;
  const ip = parseIp(text);
  return ip === null ? null : dottedIpv4(ip);
}

/** An IPv6 address; null when it is none. */
export function ipv6Key(text: string): Ipv6Key | null {
  const groups = hexGroups(text);
  if (groups !== null) return String.fromCharCode(...groups);
  const ip = parseIp(text);
  if (ip === null || !ip.includes(':')) return null;
  const bytes = ipBytes(ip);
  return String.fromCharCode(...Array.from({ length: GROUPS }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!));
}

/** Canonical text. */
export function ipv4Text(key: Ipv4Key): string {
  return `${key >>> 24}.${(key >>> 16) & 255}.${(key >>> 8) & 255}.${key & 255}`;
}

/** Canonical text. */
export function ipv6Text(key: Ipv6Key): string {
  const bytes = new Uint8Array(GROUPS * 2);
  for (let i = 0; i < GROUPS; i++) {
    bytes[i * 2] = key.charCodeAt(i) >> 8;
    bytes[i * 2 + 1] = key.charCodeAt(i);
  }
  return ipFromBytes(bytes);
}

/** `de:ad:be:ef:00:01`, both digits of every byte given. */
function colonMac(text: string): MacKey | null {
  if (text.length !== MAC_TEXT_LENGTH) return null;
  let value = 0;
  for (let i = 0; i < MAC_TEXT_LENGTH; i++) {
    const code = text.charCodeAt(i);
    if (i % 3 === 2) {
      if (code !== COLON) return null;
      continue;
    }
    const digit = hexDigit(code);
    if (digit < 0) return null;
    value = value * 16 + digit;
  }
  return value;
}

function otherMac(text: string): MacKey | null {
  const mac = parseMac(text);
  return mac === null ? null : macToNumber(mac);
}

/** Four decimal numbers up to 255, without leading zeros. */
function dottedIpv4(text: string): Ipv4Key | null {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (octet < 0 || ++dots > 3) return null;
      value = (value << 8) | octet;
      octet = -1;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || octet === 0) return null;
    octet = octet < 0 ? digit : octet * 10 + digit;
    if (octet > 255) return null;
  }
  return dots === 3 && octet >= 0 ? (value << 8) | octet : null;
}

/**
 * The groups of an IPv6 address in hexadecimal with at most one `::`. null also for what needs a closer look: a dotted
 * tail, an IPv4-mapped address, a zone, and anything wrong.
 */
function hexGroups(text: string): number[] | null {
  const gap = text.indexOf('::');
  const head = plainGroups(gap < 0 ? text : text.slice(0, gap));
  const tail = plainGroups(gap < 0 ? '' : text.slice(gap + 2));
  if (head === null || tail === null) return null;
  const missing = GROUPS - head.length - tail.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return null;
  for (let i = 0; i < missing; i++) head.push(0);
  for (const group of tail) head.push(group);
  return head[5] === 0xffff ? null : head;
}

/** `fd00:0:1` to numbers; the empty text has none. */
function plainGroups(text: string): number[] | null {
  const groups: number[] = [];
  if (text.length === 0) return groups;
  let group = 0;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? COLON : text.charCodeAt(i);
    if (code === COLON) {
      if (digits === 0) return null;
      groups.push(group);
      group = 0;
      digits = 0;
      continue;
    }
    const digit = hexDigit(code);
    if (digit < 0 || ++digits > 4) return null;
    group = group * 16 + digit;
  }
  return groups;
}

/** 0..15, or -1. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
