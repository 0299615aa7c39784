/**
 * What a plugin hands over, checked: only canonical, sensible, plain data goes on. Each check answers a fresh value or
 * throws an Error that says what is wrong with it.
 */
import { inspect } from 'node:util';
import ipaddr from 'ipaddr.js';
import { ipFamily, isGroupMac, parseIp, parseMac } from '../address.js';
import type { Answer, Owner, Target } from '../search/api.js';

/** Longest text of a plugin that is repeated to the operator. */
const SHOWN_MAX = 200;
const NO_HOST = new Set(['unspecified', 'broadcast', 'multicast']);
const TTL_MAX_MS = 365 * 86_400_000;

/** Anything as short text on one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line;
}

/** Whatever a plugin threw, as {@link shown}. */
export function wordsOf(thrown: unknown): string {
  return shown(thrown instanceof Error ? thrown.message : thrown);
}

/** A canonical unicast MAC. */
export function checkMac(value: unknown): string {
  if (typeof value !== 'string' || parseMac(value) !== value) {
    throw new Error(`${quoted(value)} is not a MAC in canonical text (de:ad:be:ef:00:01)`);
  }
  if (isGroupMac(value) || value === '00:00:00:00:00:00') throw new Error(`${value} is not the MAC of one host`);
  return value;
}

/** True for a canonical IP address that can be one host's: no group, no placeholder. */
export function isHostAddress(ip: string): boolean {
  return !NO_HOST.has(ipaddr.parse(ip).range());
}

/** A canonical IP address of one host. */
export function checkIp(value: unknown): string {
  if (typeof value !== 'string' || parseIp(value) !== value) {
    throw new Error(`${quoted(value)} is not an IP address in canonical text`);
  }
  if (!isHostAddress(value)) throw new Error(`${value} is not the address of one host`);
  return value;
}

/** A target that a socket of this address family can reach. */
export function checkTarget(value: unknown, family: 4 | 6): Target {
  if (value === 'drop') return value;
  if (typeof value !== 'object' || value === null)
    throw new Error(`${quoted(value)} is neither an endpoint nor "drop"`);
  const { ip, port } = value as Partial<Record<string, unknown>>;
  const address = checkIp(ip);
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65535) {
    throw new Error(`${quoted(port)} is not a UDP port (1 to 65535)`);
  }
  if (ipFamily(address) !== family) {
    throw new Error(`${address} cannot be reached: the overlay listens on an IPv${family} address`);
  }
  return Object.freeze({ ip: address, port: port as number });
}

/** Milliseconds a decision stands; undefined: until it is withdrawn. */
export function checkTtl(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value > 0) || value > TTL_MAX_MS) {
    throw new Error(`${quoted(value)} is not a time to live in milliseconds (more than 0, at most a year)`);
  }
  return value;
}

export function checkAnswer(value: unknown, family: 4 | 6): Answer | null {
  if (value === null) return null;
  if (typeof value !== 'object') throw new Error(`${quoted(value)} is neither an answer nor null`);
  const { target, ttl: life } = value as Partial<Record<string, unknown>>;
  const checked = checkTarget(target, family);
  const ttl = checkTtl(life);
  return Object.freeze(ttl === undefined ? { target: checked } : { target: checked, ttl });
}

export function checkOwner(value: unknown): Owner | null {
  if (value === null) return null;
  if (typeof value !== 'object') throw new Error(`${quoted(value)} is neither an owner nor null`);
  const { mac, router } = value as Partial<Record<string, unknown>>;
  if (router !== undefined && typeof router !== 'boolean')
    throw new Error(`router is ${quoted(router)}, not a boolean`);
  return Object.freeze({ mac: checkMac(mac), router: router ?? false });
}

export function checkServer(value: unknown): string | null {
  return value === null ? null : checkMac(value);
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(shown(value)) : shown(value);
}
