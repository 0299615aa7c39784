/** The daemon that this one starts to take its place: the same command, from the files that are installed now. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { beingReplaced, messageOf, successorFailed } from '../../errors.js';
import type { Registry } from '../commands/registry.js';
import type { Handover } from './handover.js';

/** Less than a client waits for the answer. */
export const BEGINS_WITHIN_MS = 100_000;

export class Successor {
  readonly #handover: Handover;
  readonly #deadlines: Registry['deadlines'];
  #isAwaited = false;

  constructor(handover: Handover, { deadlines }: Registry) {
    this.#handover = handover;
    this.#deadlines = deadlines;
  }

  /** Resolves with its pid when it has begun to take over. There is one at a time. */
  async start(): Promise<number> {
    if (this.#isAwaited) throw beingReplaced();
    this.#handover.check();
    this.#isAwaited = true;
    try {
      return await this.#begun(await started());
    } finally {
      this.#isAwaited = false;
    }
  }

  /** One that neither begins nor ends by itself is killed. So it is where this daemon ends meanwhile. */
  async #begun(child: ChildProcess): Promise<number> {
    const pid = child.pid!;
    const outcome = Promise.race([this.#handover.begunBy(pid), endOf(child)]);
    const end = await this.#deadlines.within(BEGINS_WITHIN_MS, 'it has not begun', outcome).catch((thrown) => {
      child.kill('SIGKILL');
      return messageOf(thrown);
    });
    if (end !== undefined) throw successorFailed(end);
    return pid;
  }
}

/** It takes over by itself (`--replace`). It outlives this process, and has its standard output. */
async function started(): Promise<ChildProcess> {
  const command = process.argv.slice(1).filter((word) => word !== '--replace');
  // The watchdog is for whoever is the service then; see service-manager.ts.
  const { WATCHDOG_PID: _, ...env } = process.env;
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  const child = spawn(process.execPath, [...process.execArgv, ...command, '--replace'], { stdio: [...stdio], env });
  child.unref();
  try {
    await once(child, 'spawn');
  } catch (thrown) {
    throw successorFailed(messageOf(thrown));
  }
  return child;
}

/** In words. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code}` : signal));
  });
}
