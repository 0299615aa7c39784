/**
 * What a plugin hands over, checked: only canonical, sensible, plain data goes on. Each check answers a fresh value or
 * throws an Error that says what is wrong with it.
 */
import { formatEndpoint, ipFamily, isMulticast, isMulticastMac, NO_PORT, parseIp, parseMac } from '../../address.js';
import type {
  AddressLearning,
  Answer,
  Endpoint,
  Entry,
  Flood,
  Learning,
  LocalLearning,
  MovePolicy,
  Owner,
  Target,
} from '../api.js';
import { shown } from './words.js';

const TTL_MAX_MS = 365 * 86_400_000;

/** A canonical unicast MAC. */
export function checkMac(value: unknown): string {
  if (typeof value !== 'string' || parseMac(value) !== value) {
    throw new Error(`${quoted(value)} is not a MAC in canonical text (de:ad:be:ef:00:01)`);
  }
  if (isMulticastMac(value) || value === '00:00:00:00:00:00') throw new Error(`${value} is not the MAC of one host`);
  return value;
}

/** True for a canonical IP address that can be one host's: no group, no placeholder. */
export function isHostAddress(ip: string): boolean {
  const isPlaceholder = ip === '::' || ip.startsWith('0.') || ip === '255.255.255.255';
  return !isPlaceholder && !isMulticast(ip);
}

/** A canonical IP address of one host. */
export function checkIp(value: unknown): string {
  if (typeof value !== 'string' || parseIp(value) !== value) {
    throw new Error(`${quoted(value)} is not an IP address in canonical text`);
  }
  if (!isHostAddress(value)) throw new Error(`${value} is not the address of one host`);
  return value;
}

/** What the sockets of an overlay can reach. */
export interface Underlay {
  /** Of their addresses. */
  readonly family: 4 | 6;
  /** Its encapsulation is one of UDP. Default true. */
  readonly hasPorts?: boolean;
}

/** A target that a socket of the overlay can reach. */
export function checkTarget(value: unknown, underlay: Underlay): Target {
  if (value === 'drop') return value;
  if (typeof value !== 'object' || value === null)
    throw new Error(`${quoted(value)} is neither an endpoint nor "drop"`);
  return checkEndpoint(value, underlay, checkIp);
}

function checkEndpoint(value: unknown, underlay: Underlay, check: (ip: unknown) => string): Endpoint {
  const { ip, port } = Object(value) as Partial<Record<string, unknown>>;
  const [address, udpPort] = [check(ip), checkPort(port, underlay)];
  checkFamily(address, underlay);
  return Object.freeze({ ip: address, port: udpPort });
}

function checkFamily(ip: string, { family }: Underlay): void {
  if (ipFamily(ip) === family) return;
  throw new Error(`${ip} cannot be reached: the overlay listens on an IPv${family} address`);
}

/** Where there are no ports, what is said of one means nothing: a table may serve several encapsulations. */
function checkPort(value: unknown, { hasPorts = true }: Underlay): number {
  if (!hasPorts) return NO_PORT;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535) return value as number;
  throw new Error(`${quoted(value)} is not a UDP port (1 to 65535)`);
}

/** Milliseconds a decision stands; undefined: until it is withdrawn. */
export function checkTtl(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value > 0) || value > TTL_MAX_MS) {
    throw new Error(`${quoted(value)} is not a time to live in milliseconds (more than 0, at most a year)`);
  }
  return value;
}

/** Some of `entries()`, at most so many, and whether they are the last. */
export function checkPage(value: unknown, underlay: Underlay, most: number): { entries: Entry[]; isLast: boolean } {
  const { entries, isLast } = Object(value) as Partial<Record<string, unknown>>;
  if (!Array.isArray(entries) || entries.length > most) throw new Error(`${quoted(entries)} is no page of entries`);
  return { entries: entries.map((entry: unknown) => checkEntry(entry, underlay)), isLast: isLast !== false };
}

function checkEntry(value: unknown, underlay: Underlay): Entry {
  const answer = checkAnswer(value, underlay);
  if (answer === null) throw new Error('null is no entry');
  return Object.freeze({ mac: checkMac((value as Partial<Entry>).mac), ...answer });
}

/** Most addresses of one list of VTEPs. */
export const VTEPS_MAX = 16_384;

export function checkVteps(value: unknown, underlay: Underlay): readonly string[] {
  if (!Array.isArray(value)) throw new Error(`${quoted(value)} is no list of addresses`);
  if (value.length > VTEPS_MAX) throw new Error(`${value.length} VTEPs: at most ${VTEPS_MAX} are taken`);
  return Object.freeze(
    value.map((each: unknown) => {
      const ip = checkIp(each);
      checkFamily(ip, underlay);
      return ip;
    }),
  );
}

/** Most endpoints of one flood list. */
export const FLOOD_ENDPOINTS_MAX = 512;

export function checkFlood(value: unknown, underlay: Underlay): Flood {
  if (typeof value !== 'object' || value === null) throw new Error(`${quoted(value)} is no flood list`);
  const { endpoints, unknown, learn, unknownOwners, here, suppress } = value as Partial<Record<string, unknown>>;
  if (!Array.isArray(endpoints)) throw new Error(`endpoints is ${quoted(endpoints)}, not a list`);
  if (endpoints.length > FLOOD_ENDPOINTS_MAX) {
    throw new Error(`${endpoints.length} endpoints: at most ${FLOOD_ENDPOINTS_MAX} are flooded to`);
  }
  if (unknown !== undefined && typeof unknown !== 'boolean') throw new Error(`unknown is ${quoted(unknown)}`);
  if (unknownOwners !== undefined && typeof unknownOwners !== 'boolean') {
    throw new Error(`unknownOwners is ${quoted(unknownOwners)}`);
  }
  const checked = endpoints.map((endpoint: unknown) => checkEndpoint(endpoint, underlay, checkFloodIp));
  const distinct = new Map(checked.map((endpoint) => [formatEndpoint(endpoint), endpoint]));
  return Object.freeze({
    endpoints: Object.freeze([...distinct.values()]),
    unknown: unknown ?? false,
    ...(learn === undefined ? {} : { learn: checkLearning(learn, underlay) }),
    ...(unknownOwners === true ? { unknownOwners } : {}),
    ...(here === undefined ? {} : { here: checkKeeping('here', here) }),
    ...(suppress === undefined ? {} : { suppress: checkKeeping('suppress', suppress) }),
  });
}

/** A group may be flooded to, but no placeholder. */
function checkFloodIp(value: unknown): string {
  const isGroup = typeof value === 'string' && parseIp(value) === value && isMulticast(value);
  return isGroup ? value : checkIp(value);
}

function checkLearning(value: unknown, underlay: Underlay): Learning {
  const { ageing, max, port, moves } = Object(value) as Partial<Record<string, unknown>>;
  const life = checkTtl(ageing ?? null);
  if (!Number.isInteger(max) || (max as number) < 1) throw new Error(`learn.max is ${quoted(max)}, not a count`);
  const learning: Learning = { ageing: life as number, max: max as number, port: checkPort(port, underlay) };
  return Object.freeze(moves === undefined ? learning : { ...learning, moves: checkMoves(moves) });
}

function checkKeeping(name: string, value: unknown): LocalLearning & AddressLearning {
  const { ageing, max } = Object(value) as Partial<Record<string, unknown>>;
  const life = checkTtl(ageing ?? null);
  if (!Number.isInteger(max) || (max as number) < 1) throw new Error(`${name}.max is ${quoted(max)}, not a count`);
  return Object.freeze({ ageing: life as number, max: max as number });
}

/** MACs, or how they begin. */
const MAC_START = /^[0-9a-f]{2}(:[0-9a-f]{2}){0,5}$/;
const EXEMPT_MAX = 64;

function checkMoves(value: unknown): MovePolicy {
  const { limit, window, freeze, exempt } = Object(value) as Partial<Record<string, unknown>>;
  if (!Number.isInteger(limit) || (limit as number) < 1)
    throw new Error(`moves.limit is ${quoted(limit)}, not a count`);
  const within = checkTtl(window ?? null) as number;
  const frozen = freeze === null ? null : (checkTtl(freeze ?? '') as number);
  const starts = Array.isArray(exempt) && exempt.length <= EXEMPT_MAX ? (exempt as unknown[]) : null;
  if (starts?.every((start) => typeof start === 'string' && MAC_START.test(start)) !== true) {
    throw new Error(
      `moves.exempt is ${quoted(exempt)}, not a list of at most ${EXEMPT_MAX} MACs or beginnings of MACs`,
    );
  }
  const macs = Object.freeze([...(starts as string[])]);
  return Object.freeze({ limit: limit as number, window: within, freeze: frozen, exempt: macs });
}

export function checkAnswer(value: unknown, underlay: Underlay): Answer | null {
  if (value === null) return null;
  if (typeof value !== 'object') throw new Error(`${quoted(value)} is neither an answer nor null`);
  const { target, ttl: life } = value as Partial<Record<string, unknown>>;
  const checked = checkTarget(target, underlay);
  const ttl = checkTtl(life);
  return Object.freeze(ttl === undefined ? { target: checked } : { target: checked, ttl });
}

/** Candidates that an operator is shown. */
const CANDIDATES_MAX = 64;

export function checkPlaces(value: unknown, underlay: Underlay): readonly Endpoint[] {
  if (!Array.isArray(value)) throw new Error(`${quoted(value)} is no list of endpoints`);
  return Object.freeze(value.slice(0, CANDIDATES_MAX).map((each: unknown) => checkEndpoint(each, underlay, checkIp)));
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
