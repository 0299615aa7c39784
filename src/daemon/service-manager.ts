/**
 * What systemd and its like want to hear of a service, sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names.
 * Without one nothing is said. What the manager has no room for waits: the latest of each kind, since that is all it
 * needs to know.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import { EAGAIN, ENOBUFS, errnoName } from '../system/errno.js';
import { closeUnixDatagram, openUnixDatagram, sendUnixDatagram, unixAddressOf } from '../system/unix-datagram.js';
import type { DaemonLog } from './log.js';

/** The watchdog is told this many times in its period. */
const BEATS = 2;
const STATUS_EVERY_MS = 1000;
/** At the end, for what the manager had no room for: half a second. */
const LAST_TRIES = 25;
const LAST_EVERY_MS = 20;
const UNTOLD = 'cannot tell the service manager';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Link {
  send(text: string): number;
  close(): void;
}

export class ServiceManager {
  readonly #link: Link | null;
  readonly #log: Pick<DaemonLog, 'warn'>;
  /** Milliseconds of the monotonic clock. */
  readonly #now: () => number;
  /** null: the manager has no watchdog for this process. */
  readonly #beatEveryMs: number | null;
  readonly #unsent = new Map<'state' | 'status' | 'watchdog', string>();
  #state: 'starting' | 'ready' | 'stopping' | 'succeeded' = 'starting';
  #reloads = 0;
  #status = '';
  #statusAtMs = Number.NEGATIVE_INFINITY;
  #beatAtMs = Number.NEGATIVE_INFINITY;
  #hasFailed = false;

  constructor(environment: Environment, log: Pick<DaemonLog, 'warn'>, now: () => number) {
    this.#log = log;
    this.#now = now;
    this.#link = linkTo(environment.NOTIFY_SOCKET || null, log);
    this.#beatEveryMs = beatEveryMs(environment);
  }

  /** Whoever asked for the service may use it. */
  ready(): void {
    if (this.#state === 'starting') this.#state = 'ready';
    this.#sayState();
  }

  /** Answers what is to be called when it is over. Several may be under way. */
  reloading(): () => void {
    this.#reloads += 1;
    this.#sayState();
    return () => {
      this.#reloads -= 1;
      if (this.#reloads === 0) this.#sayState();
    };
  }

  /** The service is another process from now on, and that one speaks for it. */
  succeededBy(pid: number): void {
    this.#state = 'succeeded';
    this.#unsent.clear();
    this.#unsent.set('state', `MAINPID=${pid}`);
    this.#flush();
  }

  stopping(): void {
    this.#state = 'stopping';
    this.#sayState();
  }

  /** Time has passed, and the main thread is alive. `status` is asked now and then for the line of today. */
  tick(status: () => string): void {
    if (this.#link === null) return;
    if (this.#state !== 'succeeded') this.#sayThatItLives(status);
    this.#flush();
  }

  /**
   * Nothing more is said; who the service is now has to be, so a manager that has no room is waited for, though not for
   * ever.
   */
  async end(): Promise<void> {
    for (let left = LAST_TRIES; left > 0 && this.#unsent.has('state'); left--) {
      this.#flush();
      if (this.#unsent.has('state')) await sleep(LAST_EVERY_MS);
    }
    this.#link?.close();
  }

  #sayThatItLives(status: () => string): void {
    const nowMs = this.#now();
    if (this.#beatEveryMs !== null && nowMs - this.#beatAtMs >= this.#beatEveryMs) {
      this.#beatAtMs = nowMs;
      this.#unsent.set('watchdog', 'WATCHDOG=1');
    }
    if (nowMs - this.#statusAtMs >= STATUS_EVERY_MS) this.#sayStatus(status(), nowMs);
  }

  #sayState(): void {
    // A restored overlay may be reloaded before the socket answers: only what is ready can be reloading.
    if (this.#state === 'starting' || this.#state === 'succeeded') return;
    const reloading = `RELOADING=1\nMONOTONIC_USEC=${Math.round(this.#now() * 1000)}`;
    const ready = this.#reloads > 0 ? reloading : 'READY=1';
    this.#unsent.set('state', this.#state === 'stopping' ? 'STOPPING=1' : ready);
    this.#flush();
  }

  #sayStatus(status: string, nowMs: number): void {
    this.#statusAtMs = nowMs;
    if (status === this.#status) return;
    this.#status = status;
    this.#unsent.set('status', `STATUS=${status}`);
  }

  #flush(): void {
    if (this.#link === null) return;
    for (const [kind, text] of this.#unsent) {
      const answer = this.#link.send(text);
      if (answer === -EAGAIN || answer === -ENOBUFS) return;
      this.#unsent.delete(kind);
      const hasFailed = answer < 0;
      if (hasFailed && !this.#hasFailed) this.#log.warn(UNTOLD, { reason: errnoName(-answer) });
      this.#hasFailed = hasFailed;
    }
  }
}

/** A manager that cannot be told is no reason to carry no frames. */
function linkTo(name: string | null, log: Pick<DaemonLog, 'warn'>): Link | null {
  if (name === null) return null;
  const address = unixAddressOf(name);
  if (address === null) {
    log.warn(UNTOLD, { reason: `NOTIFY_SOCKET is neither /path nor @name: ${name}` });
    return null;
  }
  try {
    const fd = openUnixDatagram();
    return {
      send: (text) => sendUnixDatagram(fd, address, Buffer.from(text)),
      close: () => closeUnixDatagram(fd),
    };
  } catch (thrown) {
    log.warn(UNTOLD, { reason: messageOf(thrown) });
    return null;
  }
}

/** WATCHDOG_USEC is for the process WATCHDOG_PID, or for any: sd_watchdog_enabled(3). */
function beatEveryMs({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number | null {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return null;
  const periodUs = Number(WATCHDOG_USEC);
  return periodUs > 0 ? periodUs / 1000 / BEATS : null;
}
