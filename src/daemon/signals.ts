/** What ends the process: signals, an orderly end that takes too long, bugs. */
import { VxlaneError } from '../errors.js';
import { stackOf } from '../stack.js';
import type { Daemon } from './daemon.js';
import type { DaemonLog } from './log.js';

/**
 * Without a listener SIGUSR1 opens Node's debugger, in a process that runs as root, and the others end the daemon.
 * Whoever wants a debugger types --inspect.
 */
const IGNORED_SIGNALS = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGPWR'] as const;

/** An orderly end that takes longer than this, in milliseconds, is cut short. */
const END_MAX_MS = 2000;

export function ignoreOtherSignals(): void {
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => {});
}

interface Signals {
  /** Resolves with the name of the signal that ends the daemon. */
  readonly ended: Promise<string>;
  close(): void;
}

export function listenForSignals(daemon: Daemon, log: DaemonLog): Signals {
  const reload = () => {
    daemon.reload().catch((thrown: unknown) => {
      if (!(thrown instanceof VxlaneError)) log.error('reload failed', { stack: stackOf(thrown) });
    });
  };
  let resolve = (_signal: string) => {};
  const ended = new Promise<string>((resolveEnded) => {
    resolve = resolveEnded;
  });
  let cut: NodeJS.Timeout | undefined;
  const end = (signal: string) => {
    cut ??= setTimeout(() => cutShort(log), END_MAX_MS);
    resolve(signal);
  };
  // Listened to until the very end: a second SIGTERM does not cut the orderly end short.
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', reload);
  return {
    ended,
    // What a plugin has left may keep the process, which ends all the same.
    close: () => {
      cut ??= setTimeout(() => cutShort(log), END_MAX_MS);
      cut.unref();
      process.off('SIGTERM', end).off('SIGINT', end).off('SIGHUP', reload);
    },
  };
}

/** As after a crash: what is kept stays, and the next daemon takes it up. */
function cutShort(log: DaemonLog): void {
  log.warn('the orderly end took too long and is cut short: interfaces of temporary VNICs may stay', {
    seconds: END_MAX_MS / 1000,
  });
  process.exit();
}

/** A bug may have left anything behind: better to start afresh. Interfaces of VNICs stay, and so do their addresses. */
export function dieOfBugs(log: DaemonLog): void {
  process.on('uncaughtException', (thrown) => {
    log.fatal('bug: the daemon ends', { stack: stackOf(thrown) });
    process.exit(1);
  });
}
