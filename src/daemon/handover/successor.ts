/** The daemon that this one starts to take its place: the same command, from the files that are installed now. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { messageOf, successorFailed } from '../../errors.js';

export interface Successor {
  readonly pid: number;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
}

/** It takes over by itself (`--replace`). It outlives this process, and has its standard output. */
export async function startSuccessor(): Promise<Successor> {
  const command = process.argv.slice(1).filter((word) => word !== '--replace');
  // The watchdog is for whoever is the service then; see service-manager.ts.
  const { WATCHDOG_PID: _, ...env } = process.env;
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  const child = spawn(process.execPath, [...process.execArgv, ...command, '--replace'], { stdio: [...stdio], env });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code}` : signal));
  });
  child.unref();
  try {
    await once(child, 'spawn');
  } catch (thrown) {
    throw successorFailed(messageOf(thrown));
  }
  return { pid: child.pid!, ended };
}
