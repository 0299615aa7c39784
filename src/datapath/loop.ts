/** What the loops of both engines have in common. */

import type { Refusal } from './refusals.js';

/** How frames cross the border of the kernel. */
export type Engine = 'mmsg' | 'uring';

export interface LoopOptions {
  readonly worker: number;
  /** Microseconds. */
  readonly busyPollUs: number;
  /** A TAP's interface vanished. */
  readonly onVnicGone: (vnic: number) => void;
  /** The kernel will not cut messages for a socket; every datagram is sent by itself from now on. */
  readonly onGsoRefused: (socket: number, errno: number) => void;
  /** A call that waits or reads fails; it is tried again, and not told again while it goes on failing. */
  readonly onRefusal: (refusal: Refusal) => void;
}

/** How late a lookup deadline may be noticed. */
export const HOLD_TIMEOUT_NS = 50_000_000n;
