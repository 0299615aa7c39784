/** The daemon process: start order, signals, end. */
import { claimSocketPath } from '../control/socket-file.js';
import { Datapath } from '../datapath/datapath.js';
import type { Engine } from '../datapath/loop.js';
import { cpuRefused, uringRefused } from '../errors.js';
import { Deadlines } from '../search/host/deadlines.js';
import { allowedCpus } from '../system/affinity.js';
import { probeUring } from '../system/uring.js';
import { version } from '../version.js';
import type { ConfigFile } from './config-file/config-file.js';
import { Daemon } from './daemon.js';
import { createLog, type DaemonLog } from './log.js';
import { claimStateDir } from './state/lock.js';
import { State } from './state/store.js';
import { type BorderKind, openBorder } from './underlay/border.js';
import { Network } from './underlay/network.js';

export interface RunOptions {
  /** Path of the control socket. */
  readonly socket: string;
  /** Directory of what is kept over restarts. */
  readonly stateDir: string;
  /** Most FDB entries of all overlays together. */
  readonly fdbSize: number;
  /** Datapath threads. */
  readonly workers: number;
  /** `auto`: uring where this process may use it. */
  readonly engine: 'auto' | Engine;
  /** How the underlay is reached; `auto`: by an underlay TAP too, where this kernel has one. */
  readonly underlay: BorderKind;
  /** Microseconds a worker spins before it sleeps. */
  readonly busyPollUs: number;
  /** Processors that the workers are kept on, taking turns; none: the kernel moves them as it likes. */
  readonly cpus: readonly number[];
  /** Path of the configuration file, if there is one. */
  readonly config?: string | undefined;
}

/**
 * Without a listener SIGUSR1 opens Node's debugger, in a process that runs as root, and the others end the daemon.
 * Whoever wants a debugger types --inspect.
 */
const IGNORED_SIGNALS = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGPWR'] as const;

/** Ten ticks a second are fine enough for every deadline and time to live there is. */
const TICK_MS = 100;

/**
 * Runs until SIGTERM or SIGINT, then ends in order and resolves. Ready when the socket answers: by then everything
 * that was kept is restored. Rejects when it cannot start; then nothing is left open.
 */
export async function runDaemon(options: RunOptions): Promise<void> {
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => {});
  const log = await createLog(process.env.VXLANE_LOG_LEVEL);
  dieOfBugs(log);
  const configFile = options.config === undefined ? null : await configFileOf(options.config);
  if (configFile !== null) await check(configFile);
  checkCpus(options.cpus);
  // before anything is touched: another daemon may be at work on the same interfaces
  await claimSocketPath(options.socket);
  const claim = claimStateDir(options.stateDir);
  try {
    await run(options, configFile, log);
  } finally {
    claim.release();
  }
  log.info('ended');
}

async function run(options: RunOptions, configFile: ConfigFile | null, log: DaemonLog): Promise<void> {
  const state = await State.open(options.stateDir, log);
  const { fdbSize, workers, busyPollUs, cpus } = options;
  const { engine, engineReason } = chooseEngine(options.engine, log);
  const datapath = await Datapath.start({ fdbSize, workers, busyPollUs, cpus, engine, log });
  const network = new Network();
  const border = openBorder(options.underlay, datapath, network, log);
  const daemon = new Daemon({ datapath, network, border, state, log, configFile, engineReason });
  const timer = setInterval(() => daemon.tick(), TICK_MS);
  if (process.env.VXLANE_DEBUG_WASM !== undefined) process.on('SIGUSR2', () => datapath.trap());
  const signals = listenForSignals(daemon, log);
  try {
    const early = await Promise.race([daemon.restore(), signals.ended]);
    if (early !== undefined) {
      log.info('ending', { signal: early });
      return;
    }
    // Loaded now, not sooner: after a crash frames flow meanwhile.
    const { startControlServer } = await import('../control/server.js');
    const server = await startControlServer({ socket: options.socket, controller: daemon, log });
    log.info('ready', { version: version(), socket: options.socket, engine: datapath.engine, workers });
    log.info('ending', { signal: await signals.ended });
    await server.close();
  } finally {
    await daemon.stop();
    clearInterval(timer);
    signals.close();
  }
}

/** What `vxlane daemon --check` does. Answers how much is declared; throws everything that is wrong with the file. */
export async function checkConfiguration(file: string): Promise<{ overlays: number; vnics: number }> {
  const { overlays, vnics } = await check(await configFileOf(file));
  return { overlays: overlays.size, vnics: vnics.size };
}

/** Loaded only where there is a file: to load what reads YAML is a tenth of the daemon's start. */
async function configFileOf(file: string): Promise<ConfigFile> {
  const { ConfigFile } = await import('./config-file/config-file.js');
  return new ConfigFile(file);
}

/** Before there is a daemon whose time passes. */
async function check(configFile: ConfigFile) {
  const deadlines = new Deadlines(() => performance.now());
  const timer = setInterval(() => deadlines.tick(performance.now()), TICK_MS);
  try {
    return (await configFile.check(deadlines)).declaration;
  } finally {
    clearInterval(timer);
  }
}

function checkCpus(cpus: readonly number[]): void {
  const allowed = allowedCpus();
  const missing = cpus.find((cpu) => !allowed.includes(cpu));
  if (missing !== undefined) throw cpuRefused(missing, allowed);
}

/** Falls back to mmsg with one line that says why; what was asked for by name is had, or refused. */
function chooseEngine(wanted: RunOptions['engine'], log: DaemonLog): { engine: Engine; engineReason: string } {
  if (wanted === 'mmsg') return { engine: 'mmsg', engineReason: 'mmsg was asked for' };
  const probe = probeUring();
  if (probe.ok) return { engine: 'uring', engineReason: '' };
  if (wanted === 'uring') throw uringRefused(probe.reason);
  log.info('io_uring is not to be had: the engine is mmsg', { reason: probe.reason });
  return { engine: 'mmsg', engineReason: probe.reason };
}

interface Signals {
  /** Resolves with the name of the signal that ends the daemon. */
  readonly ended: Promise<string>;
  close(): void;
}

function listenForSignals(daemon: Daemon, log: DaemonLog): Signals {
  const reload = () => {
    log.info('reloading');
    daemon.reload().then(
      () => log.info('reloaded'),
      (thrown: unknown) => log.error('reload failed', { stack: stackOf(thrown) }),
    );
  };
  let end = (_signal: string) => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  // Listened to until the very end: a second SIGTERM does not cut the orderly end short.
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', reload);
  return {
    ended,
    close: () => void process.off('SIGTERM', end).off('SIGINT', end).off('SIGHUP', reload),
  };
}

/** A bug may have left anything behind: better to start afresh. Interfaces of VNICs stay, and so do their addresses. */
function dieOfBugs(log: DaemonLog): void {
  process.on('uncaughtException', (thrown) => {
    log.fatal('bug: the daemon ends', { stack: stackOf(thrown) });
    process.exit(1);
  });
}

function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
