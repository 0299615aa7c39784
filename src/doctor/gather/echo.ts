/** Echo requests over the underlay, by ping(8): as large as an overlay's datagrams, and small ones. */
import { spawn } from 'node:child_process';
import { ipFamily } from '../../address.js';
import { withNetns } from '../../system/netns.js';
import type { EndpointFacts } from '../facts.js';

/** Endpoints that are asked: more would take long, and be a flood. */
const ASKED_MAX = 32;
const AT_ONCE = 8;
/** Until the first answer, and for so many seconds at most. */
const PING = ['-n', '-q', '-c', '1', '-i', '0.5', '-w', '3'];
const SMALL = 56;
const ICMP_HLEN = 8;

export interface Echo {
  /** An address or an interface, or `any`. */
  readonly from: string;
  readonly to: string;
  /** Of the IP packet of the large ones. */
  readonly bytes: number;
  /** There is a route to it that leaves this host. */
  readonly isReachable: boolean;
}

/** What {@link echoes} answers by. */
export const keyOf = ({ from, to, bytes }: Echo): string => `${from} ${to} ${bytes}`;

/** Whoever is not asked is not in it. */
export async function echoes(
  netns: string | null,
  wanted: readonly Echo[],
): Promise<ReadonlyMap<string, EndpointFacts['echo']>> {
  const different = new Map(wanted.filter(({ isReachable }) => isReachable).map((echo) => [keyOf(echo), echo]));
  const left = [...different.values()].slice(0, ASKED_MAX);
  const answers = new Map<string, EndpointFacts['echo']>();
  const askNext = async (): Promise<void> => {
    for (let echo = left.shift(); echo !== undefined; echo = left.shift())
      answers.set(keyOf(echo), await ask(netns, echo));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askNext));
  return answers;
}

async function ask(netns: string | null, { from, to, bytes }: Echo): Promise<EndpointFacts['echo']> {
  const large = bytes - (ipFamily(to) === 4 ? 20 : 40) - ICMP_HLEN;
  const [isLarge, isSmall] = await Promise.all([large, SMALL].map((size) => isAnswered(netns, from, to, size)));
  if (isLarge === null || isSmall === null) return 'not asked';
  return isLarge ? 'large' : isSmall ? 'small' : 'none';
}

/** null: there is no ping here, or it may not. */
function isAnswered(netns: string | null, from: string, to: string, size: number): Promise<boolean | null> {
  const source = from === 'any' ? [] : ['-I', from];
  return new Promise((resolve) => {
    const child = withNetns(netns, () =>
      spawn('ping', [...PING, '-M', 'do', '-s', String(size), ...source, to], { stdio: 'ignore', timeout: 15_000 }),
    );
    child.once('error', () => resolve(null));
    // 1: no answer at all; 2: it could not ask.
    child.once('close', (code) => resolve(code === 0 ? true : code === 1 ? false : null));
  });
}
