/** What the underlay's own echo says of a VTEP: whether its host answers at all, where the VTEP does not. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Listen } from '../../address.js';
import { messageOf } from '../../errors.js';
import { isWildcard } from '../../overlay-properties/listen.js';
import { IcmpEcho } from '../../system/icmp-echo.js';

export interface EchoResult {
  /** null: there was no answer. */
  readonly rttMs: number | null;
  /** Why not; empty: there was one. */
  readonly reason: string;
}

const NONCE_LENGTH = 8;
/** So long it is looked for in every turn of the event loop, then every millisecond. */
const CLOSE_LOOK_MS = 3;

/** One echo request, as datagrams of an overlay that listens there are sent. Never rejects. */
export async function underlayEcho(ip: string, listen: Listen, timeoutMs: number): Promise<EchoResult> {
  try {
    const from = isWildcard(listen.ip) ? null : listen.ip;
    const echo = IcmpEcho.open(ip, from, listen.device, randomBytes(NONCE_LENGTH));
    if (echo === null) return { rttMs: null, reason: 'not asked: it needs CAP_NET_RAW, or net.ipv4.ping_group_range' };
    return await answerOf(echo, timeoutMs).finally(() => echo.close());
  } catch (thrown) {
    return { rttMs: null, reason: messageOf(thrown) };
  }
}

async function answerOf(echo: IcmpEcho, timeoutMs: number): Promise<EchoResult> {
  const sentAtMs = performance.now();
  echo.send(1);
  for (;;) {
    const passedMs = performance.now() - sentAtMs;
    if (echo.isAnswered(1)) return { rttMs: passedMs, reason: '' };
    if (passedMs >= timeoutMs) return { rttMs: null, reason: 'no answer' };
    await (passedMs < CLOSE_LOOK_MS ? new Promise(setImmediate) : sleep(1));
  }
}
