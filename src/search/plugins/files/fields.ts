/** The fields of one entry of a `files` table: a value of the file to a key, or a problem in words. */
import { parseIp } from '../../../address.js';
import { notUnicast } from '../underlay.js';
import { type FieldValue, typeName } from './json.js';
import { type Ipv4Key, type Ipv6Key, ipv4Key, ipv4Text, ipv6Key, ipv6Text, type MacKey, macKey } from './keys.js';
import { show } from './report.js';

/** What is wrong with a value; the reader knows where it stands. */
export class Problem {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** How one family of overlay addresses is read. */
export interface Family<Key> {
  readonly field: 'arp' | 'ndp';
  readonly name: string;
  readonly parse: (text: string) => Key | null;
  readonly format: (key: Key) => string;
  /** Why no host can own the address, or null. */
  readonly unusable: (key: Key) => string | null;
}

export const IPV4: Family<Ipv4Key> = {
  field: 'arp',
  name: 'an IPv4 address',
  parse: ipv4Key,
  format: ipv4Text,
  unusable: (key) => {
    const first = key >>> 24;
    if (key === -1) return 'the broadcast address';
    if (first >= 224 && first < 240) return 'a multicast address';
    if (first === 127) return 'a loopback address';
    return first === 0 ? 'an address of "this network"' : null;
  },
};

export const IPV6: Family<Ipv6Key> = {
  field: 'ndp',
  name: 'an IPv6 address',
  parse: ipv6Key,
  format: ipv6Text,
  unusable: (key) => {
    if (key.charCodeAt(0) >> 8 === 0xff) return 'a multicast address';
    if (!key.startsWith('\0\0\0\0\0\0\0')) return null;
    return ['the unspecified address', 'the loopback address'][key.charCodeAt(7)] ?? null;
  },
};

/** A MAC that one interface can have. */
export function readMac(value: FieldValue): MacKey | Problem {
  if (typeof value !== 'string') return wrongType(value, 'a string');
  const mac = macKey(value);
  if (mac === null) return new Problem(`not a MAC address: ${show(value)}`);
  if (mac === 0) return new Problem('the all-zero MAC address; expected that of one interface');
  const first = Math.floor(mac / 2 ** 40);
  return first % 2 === 1 ? new Problem('a group MAC address; expected that of one interface') : mac;
}

/** In the place of a port: none is said, and none is meant before it is known what the overlay is. */
export const UNSAID = 0;

/** The UDP port of a VTEP; `unsaid` where there is none. */
export function readPort(value: FieldValue | undefined, unsaid: number): number | Problem {
  if (value === undefined) return unsaid;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535) return value;
  const shown = typeof value === 'number' ? String(value) : typeName(value);
  return new Problem(`expected a whole number from 1 to 65535, not ${shown}`);
}

/** The underlay address of a VTEP, canonical. */
export function readUnderlayIp(value: FieldValue | undefined): string | Problem {
  if (value === undefined) return new Problem('missing; expected the underlay address of the host');
  if (typeof value !== 'string') return wrongType(value, 'a string');
  const ip = parseIp(value);
  if (ip === null) return new Problem(`not an IP address: ${show(value)}`);
  const reason = notUnicast(ip);
  return reason === null ? ip : notOneHost(ip, reason);
}

/** An overlay address that one interface can have. */
export function readAddress<Key>(family: Family<Key>, value: FieldValue): Key | Problem {
  if (typeof value !== 'string') return wrongType(value, 'a string or a list of strings');
  const key = family.parse(value);
  if (key === null) return new Problem(`not ${family.name}: ${show(value)}`);
  const reason = family.unusable(key);
  return reason === null ? key : notOneHost(family.format(key), reason);
}

function wrongType(value: FieldValue, expected: string): Problem {
  return new Problem(`expected ${expected}, not ${typeName(value)}`);
}

function notOneHost(ip: string, reason: string): Problem {
  return new Problem(`${ip} is ${reason}; expected the address of one host`);
}
