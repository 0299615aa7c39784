/** Whether one match of a rule is met by a datagram. What it does not understand it does not guess at: `maybe`. */
import { ipBytes, ipFamily, NO_PORT, parseIp } from '../../address.js';
import type { Ruleset, Statement } from './ruleset.js';

/** The first datagram of a VTEP. */
export interface Packet {
  readonly family: 'ip' | 'ip6';
  /** null: anybody. */
  readonly from: string | null;
  readonly to: string;
  /** UDP, of the destination; {@link NO_PORT}: it is GRE. */
  readonly port: number;
  /** The interface it comes in by; null: any. */
  readonly inbound: string | null;
}

export type Answer = 'yes' | 'no' | 'maybe';

/** Where a rule stands: its table has the sets that it names. */
export interface Place {
  readonly family: string;
  readonly table: string;
}

const UDP = ['udp', 17];
const GRE = ['gre', 47];

const protocolOf = ({ port }: Packet): Fact => (port === NO_PORT ? GRE : UDP);

export function matchOf(match: unknown, packet: Packet, place: Place, sets: Ruleset['sets']): Answer {
  const { op, left, right } = match as { op: string; left: Statement; right: unknown };
  const fact = factOf(left, packet);
  if (fact === 'never') return 'no';
  if (fact === 'unknown') return 'maybe';
  const isIn = contains(right, fact, place, sets);
  if (op === '==' || op === 'in') return isIn;
  if (op === '!=') return isIn === 'yes' ? 'no' : isIn === 'no' ? 'yes' : 'maybe';
  return 'maybe';
}

/** What the datagram has there, in every spelling; `never`: it has no such thing. */
type Fact = readonly (string | number)[] | 'never' | 'unknown';

function factOf(left: Statement, packet: Packet): Fact {
  const { payload, meta, ct } = left as {
    payload?: { protocol?: string; field?: string };
    meta?: { key?: string };
    ct?: { key?: string };
  };
  if (payload?.protocol !== undefined) return fieldOf(payload.protocol, payload.field ?? '', packet);
  if (ct?.key === 'state') return ['new'];
  switch (meta?.key) {
    case 'l4proto':
      return protocolOf(packet);
    case 'nfproto':
      return [packet.family === 'ip' ? 'ipv4' : 'ipv6'];
    case 'protocol':
      return [packet.family];
    case 'iifname':
    case 'iif':
      return packet.inbound === null ? 'unknown' : [packet.inbound];
    default:
      return 'unknown';
  }
}

function fieldOf(protocol: string, field: string, packet: Packet): Fact {
  const { family, from, to, port } = packet;
  switch (protocol) {
    case 'udp':
    case 'th':
      if (port === NO_PORT) return 'never';
      return field === 'dport' ? [port] : 'unknown';
    case 'ip':
    case 'ip6':
      if (protocol !== family) return 'never';
      if (field === 'protocol' || field === 'nexthdr') return protocolOf(packet);
      if (field === 'daddr') return to === '0.0.0.0' || to === '::' ? 'unknown' : [to];
      return field === 'saddr' && from !== null ? [from] : 'unknown';
    case 'ether':
    case 'vlan':
      return 'unknown';
    default:
      return 'never'; // tcp, icmp, arp, ...
  }
}

/** `right`: a value, `{ set }`, `{ range }`, `{ prefix }`, a list, or the name of a set. */
function contains(right: unknown, fact: readonly (string | number)[], place: Place, sets: Ruleset['sets']): Answer {
  if (typeof right === 'string' && right.startsWith('@')) {
    const elements = sets.get(`${place.family} ${place.table} ${right.slice(1)}`);
    return elements === undefined ? 'maybe' : anyOf(elements, fact, place, sets);
  }
  if (typeof right === 'string' || typeof right === 'number') return equal(right, fact);
  if (Array.isArray(right)) return anyOf(right, fact, place, sets);
  const { set, range, prefix, elem } = right as {
    set?: unknown;
    range?: readonly [unknown, unknown];
    prefix?: { addr: string; len: number };
    elem?: { val: unknown };
  };
  if (set !== undefined) return contains(set, fact, place, sets);
  if (elem !== undefined) return contains(elem.val, fact, place, sets);
  if (prefix !== undefined) return isInPrefix(prefix, fact) ? 'yes' : 'no';
  if (range !== undefined) return isInRange(range, fact);
  return 'maybe';
}

function anyOf(
  all: readonly unknown[],
  fact: readonly (string | number)[],
  place: Place,
  sets: Ruleset['sets'],
): Answer {
  const answers = all.map((each) => contains(each, fact, place, sets));
  if (answers.includes('yes')) return 'yes';
  return answers.includes('maybe') ? 'maybe' : 'no';
}

/** Interfaces may end in `*`. */
function equal(value: string | number, fact: readonly (string | number)[]): Answer {
  if (fact.includes(value)) return 'yes';
  const isPattern = typeof value === 'string' && value.endsWith('*');
  return isPattern && fact.some((each) => String(each).startsWith(value.slice(0, -1))) ? 'yes' : 'no';
}

function isInPrefix({ addr, len }: { addr: string; len: number }, fact: readonly (string | number)[]): boolean {
  const network = parseIp(addr);
  return fact.some((each) => {
    const ip = parseIp(String(each));
    if (ip === null || network === null || ipFamily(ip) !== ipFamily(network)) return false;
    const [a, b] = [bitsOf(ip), bitsOf(network)];
    return a.slice(0, len) === b.slice(0, len);
  });
}

function bitsOf(ip: string): string {
  return [...ipBytes(ip)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

function isInRange([first, last]: readonly [unknown, unknown], fact: readonly (string | number)[]): Answer {
  if (typeof first === 'number' && typeof last === 'number') {
    return fact.some((each) => Number(each) >= first && Number(each) <= last) ? 'yes' : 'no';
  }
  const [low, high] = [parseIp(String(first)), parseIp(String(last))];
  if (low === null || high === null) return 'maybe';
  const isIn = fact.some((each) => {
    const ip = parseIp(String(each));
    return ip !== null && bitsOf(ip) >= bitsOf(low) && bitsOf(ip) <= bitsOf(high);
  });
  return isIn ? 'yes' : 'no';
}
