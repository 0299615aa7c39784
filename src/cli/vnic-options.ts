/** Options of VNICs that several commands take. */
import { PROTECTIONS } from '../link-protection.js';
import { type RateLimit, type RateLimits, rateLimit } from '../rate-limits.js';

export const TRUNK = {
  type: 'list',
  what: 'trunk',
  value: 'VLAN=OVERLAY',
  help: 'make a VNIC NAME.VLAN on each overlay, for its frames with that tag (0: none); repeatable, or with commas',
} as const;

export const ADDRESS = {
  type: 'list',
  aliases: ['a'],
  what: 'address',
  value: 'ADDR/LEN',
  help: 'address of the interface, as 10.55.55.2/24; repeatable, or with commas between',
} as const;

export const NETNS = {
  type: 'text',
  aliases: ['n'],
  what: 'network namespace',
  value: 'NETNS',
  completes: 'netns',
  help: "network namespace of the interface: a name of `ip netns`, or a path (default: the daemon's)",
} as const;

export const PROTECTION = {
  type: 'list',
  what: 'protection',
  value: 'KIND',
  completes: PROTECTIONS,
  help: `link protection: ${PROTECTIONS.join(', ')}; repeatable, or with commas between`,
} as const;

export const ALLOWED_IPS = {
  type: 'list',
  what: 'allowed addresses',
  value: 'ADDR[/LEN]',
  help: 'what ip-nospoof allows beside the addresses of -a; repeatable, or with commas between',
} as const;

/** What it may send a second. */
export const RATES = {
  'rate-bps': limit('rate', 'BITS', 'bits of frames that it may send a second, as 100M; none: no limit'),
  'rate-pps': limit('rate', 'FRAMES', 'frames that it may send a second, as 20k; none: no limit'),
  'storm-pps': limit('rate', 'FRAMES', 'broadcast and multicast frames that it may send a second; none: no limit'),
} as const;

function limit(what: string, value: string, help: string) {
  return { type: 'text', what, value, completes: ['none'], help } as const;
}

/** What is absent was not given. */
export function limitsOf(args: { readonly [name in keyof typeof RATES]: string | undefined }): Partial<RateLimits> {
  const given = { rateBps: args['rate-bps'], ratePps: args['rate-pps'], stormPps: args['storm-pps'] };
  const entries = Object.entries(given) as [RateLimit, string | undefined][];
  return Object.fromEntries(
    entries.flatMap(([name, text]) => (text === undefined ? [] : [[name, rateLimit(name, text)]])),
  );
}

/** What a list option was given, repeated or with commas between. */
export function listOf(given: readonly string[]): string[] {
  return given.flatMap((list) => list.split(','));
}
