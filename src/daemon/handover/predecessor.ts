/** The daemon whose place this one takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, VxlaneError } from '../../control/client.js';
import type { HandoverView } from '../../control/protocol.js';
import { claimSocketPath } from '../../control/socket-file.js';
import { messageOf, SystemError } from '../../errors.js';
import { Inheritance } from '../inheritance.js';
import type { DaemonLog } from '../log.js';

/** It is said so often that it has not let go of the path of the control socket. */
const SAY_EVERY_MS = 5000;
const LOOK_EVERY_MS = 5;
/** What a client hears of a daemon that has ended, or ends while it is asked. */
const ENDED = ['daemon_absent', 'daemon_failed'];
const NO_ANSWER = [...ENDED, 'daemon_silent'];

export class Predecessor {
  readonly inheritance: Inheritance;
  readonly #client: Client;
  readonly #socket: string;
  readonly #log: DaemonLog;
  /** It knows that this daemon carries all frames, or has ended. */
  #isTold = false;

  private constructor(client: Client, socket: string, inheritance: Inheritance, log: DaemonLog) {
    this.#client = client;
    this.#socket = socket;
    this.#log = log;
    this.inheritance = inheritance;
  }

  /**
   * Takes descriptors of the daemon that answers at this path; null: none answers, or it has ended before they were
   * taken. Whether it has let go of its state shows when this one claims that. Throws what stands against it.
   */
  static async find(socket: string, workers: number, log: DaemonLog): Promise<Predecessor | null> {
    const client = createClient(socket);
    const running = await client.daemon().catch(nullWhenOneOf(['daemon_absent']));
    if (running === null) {
      log.info('there is no daemon to replace', { socket });
      return null;
    }
    const handed = await client.handover({ pid: process.pid, workers }).catch(nullWhenOneOf(ENDED));
    const inheritance = handed === null ? null : inheritedFrom(handed);
    if (handed === null || inheritance === null) {
      log.info('the daemon to replace has ended', { socket });
      return null;
    }
    log.info('taking over', { pid: handed.pid, socket });
    return new Predecessor(client, socket, inheritance, log);
  }

  /**
   * This daemon carries all frames. Resolves when the path of the control socket is free, however long that takes: to
   * end now would leave nobody who carries them. Throws only when the other one goes on.
   */
  async end(): Promise<void> {
    for (let sayAtMs = performance.now() + SAY_EVERY_MS; ; ) {
      const reason = await this.#holdsBy();
      if (reason === null) return;
      if (performance.now() >= sayAtMs) {
        this.#log.warn('the daemon before this one has not let go of the control socket', { reason });
        sayAtMs = performance.now() + SAY_EVERY_MS;
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Why the path is not free yet; null: it is. */
  async #holdsBy(): Promise<string | null> {
    try {
      if (!this.#isTold) await this.#tell();
      await claimSocketPath(this.#socket);
      return null;
    } catch (thrown) {
      if (thrown instanceof VxlaneError && thrown.code === 'handover_refused') throw thrown;
      return messageOf(thrown);
    }
  }

  /** One that was killed has no need to know. One that did not answer is told again. */
  async #tell(): Promise<void> {
    const ended = this.#client.endHandover().then(() => true);
    this.#isTold = (await ended.catch(nullWhenOneOf(NO_ANSWER))) ?? false;
  }
}

/** Whatever else it was is thrown on. */
function nullWhenOneOf(codes: readonly string[]): (thrown: unknown) => null {
  return (thrown) => {
    if (thrown instanceof VxlaneError && codes.includes(thrown.code)) return null;
    throw thrown;
  };
}

/** null: there is no such process any more. */
function inheritedFrom(handed: HandoverView): Inheritance | null {
  try {
    return new Inheritance(handed);
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errnoName === 'ESRCH') return null;
    throw thrown;
  }
}
