/** The daemon process: start order, signals, end. */
import type { Endpoint } from '../address.js';
import type { BegunThread } from '../begun-thread.js';
import { HttpToken } from '../control/http-token.js';
import { claimSocketPath } from '../control/socket-file.js';
import { Datapath } from '../datapath/datapath.js';
import type { Engine } from '../datapath/loop.js';
import { cpuRefused, messageOf, optionMissing, uringRefused } from '../errors.js';
import { MEMORY_MIB_DEFAULT } from '../overlay-properties/overlay-properties.js';
import { BegunPluginThread } from '../search/host/begin.js';
import { Deadlines } from '../search/host/deadlines.js';
import { allowedCpus } from '../system/affinity.js';
import { keepDescriptors } from '../system/descriptors.js';
import { exitProcess } from '../system/libc.js';
import { probeUring } from '../system/uring.js';
import { version } from '../version.js';
import type { ConfigFile } from './config-file/config-file.js';
import { Daemon } from './daemon.js';
import { GuardedParts } from './guarded-parts.js';
import { Predecessor } from './handover/predecessor.js';
import { HttpListener, type HttpWanted } from './http-listener.js';
import { createLog, type DaemonLog } from './log.js';
import { ServiceManager } from './service-manager.js';
import { dieOfBugs, ignoreOtherSignals, listenForSignals } from './signals.js';
import { SocketGroups } from './socket-groups.js';
import { claimStateDir, type StateClaim } from './state/lock.js';
import { State } from './state/store.js';
import { type BorderKind, openBorder } from './underlay/border.js';
import { EarlyDrop } from './underlay/early-drop.js';
import { Network } from './underlay/network.js';

export interface RunOptions {
  /** Path of the control socket. */
  readonly socket: string;
  /** Name or number of the group that may use the control socket; absent: the daemon's own. */
  readonly group?: string | undefined;
  /** Name or number of the group whose members may look, and change nothing; absent: there is none. */
  readonly readGroup?: string | undefined;
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
  /** How long a VTEP that is sent to may be silent; 0: for ever. */
  readonly silentAfterMs: number;
  /** Processors that the workers are kept on, taking turns; none: the kernel moves them as it likes. */
  readonly cpus: readonly number[];
  /** Path of the configuration file, if there is one. */
  readonly config?: string | undefined;
  /** Where what only reads is served as well. */
  readonly http?: Endpoint | undefined;
  /** Path of a file with what clients have to show there; absent: nothing, if the address is of the loopback. */
  readonly httpTokenFile?: string | undefined;
  /** Takes the place of the daemon that answers at {@link socket}, if there is one, without losing a frame. */
  readonly replaces: boolean;
  /** Threads for the workers that have begun already; none by default. */
  readonly begun?: readonly BegunThread[];
  /** Called when the daemon is ready, to keep what was compiled; when it rejects there is a line in the log. */
  readonly onReady?: (hasVnics: boolean) => Promise<void>;
}

const NOT_KEPT = 'the next start will take longer: what was compiled is not kept';

/** Ten ticks a second are fine enough for every deadline and time to live there is. */
const TICK_MS = 100;

/**
 * Runs until SIGTERM or SIGINT, then ends in order and resolves. Ready when the socket answers: by then everything
 * that was kept is restored. Rejects when it cannot start; then nothing is left open.
 */
export async function runDaemon(options: RunOptions): Promise<void> {
  const { begun = [] } = options;
  try {
    await prepareAndRun(options);
  } finally {
    for (const thread of begun) thread.end();
  }
}

async function prepareAndRun(options: RunOptions): Promise<void> {
  ignoreOtherSignals();
  // Node would wait for every thread, also for one that never comes back from a system call.
  process.on('exit', exitProcess);
  keepDescriptors();
  const log = createLog(process.env.VXLANE_LOG_LEVEL);
  dieOfBugs(log);
  const configFile = options.config === undefined ? null : await configFileOf(options.config);
  if (configFile !== null) await check(configFile);
  checkCpus(options.cpus);
  const groups = new SocketGroups(options.group, options.readGroup);
  const http = httpOf(options);
  const predecessor = options.replaces ? await Predecessor.find(options.socket, options.workers, log) : null;
  // before anything is touched: another daemon may be at work on the same interfaces
  if (predecessor === null) await claimSocketPath(options.socket);
  const claim = claimStateDir(options.stateDir);
  const plugins = new BegunPluginThread(MEMORY_MIB_DEFAULT);
  try {
    await run(options, { groups, http, configFile, predecessor, claim, plugins, log });
  } finally {
    plugins.end();
    claim.release();
  }
  log.info('ended');
}

function httpOf({ http: address, httpTokenFile }: RunOptions): HttpWanted | null {
  if (address !== undefined) return { address, token: new HttpToken(address, httpTokenFile ?? null) };
  if (httpTokenFile !== undefined) throw optionMissing('HTTP address', '--http ADDR:PORT');
  return null;
}

interface Prepared {
  readonly groups: SocketGroups;
  readonly http: HttpWanted | null;
  readonly configFile: ConfigFile | null;
  readonly predecessor: Predecessor | null;
  readonly claim: StateClaim;
  /** For the first search plugins. */
  readonly plugins: BegunPluginThread;
  readonly log: DaemonLog;
}

async function run(options: RunOptions, prepared: Prepared): Promise<void> {
  const { groups, http, configFile, predecessor, claim, plugins, log } = prepared;
  const { socket, workers, begun = [] } = options;
  const state = await State.open(options.stateDir, log);
  const { engine, engineReason } = chooseEngine(options.engine, log);
  const datapath = await startDatapath(options, engine, predecessor !== null, log);
  const network = new Network();
  const earlyDrop = EarlyDrop.open(datapath, log);
  const border = openBorder(options.underlay, datapath, network, log, earlyDrop);
  const manager = new ServiceManager(process.env, log, () => datapath.nowMs());
  let listener: HttpListener | null = null;
  const onReload = () => {
    listener?.reload();
    return manager.reloading();
  };
  const inheritance = predecessor?.inheritance;
  const daemon = new Daemon({
    ...{ datapath, network, border, earlyDrop, state, claim, log, configFile, engineReason, onReload },
    silentAfterMs: options.silentAfterMs,
    begun: plugins,
    ...(inheritance && { inheritance }),
  });
  const parts = new GuardedParts(log);
  const timer = setInterval(() => {
    daemon.tick();
    parts.run('service manager', () => manager.tick(() => daemon.summary()));
    parts.run('HTTP listener', () => listener?.tick());
  }, TICK_MS);
  if (process.env.VXLANE_DEBUG_WASM !== undefined) process.on('SIGUSR2', () => datapath.trap());
  const signals = listenForSignals(daemon, log);
  try {
    void signals.ended.then(() => manager.stopping());
    const early = await Promise.race([daemon.restore(), signals.ended]);
    if (early !== undefined) {
      log.info('ending', { signal: early });
      return;
    }
    plugins.end();
    sayInVain([...begun, plugins], log);
    // Loaded now, not sooner: after a crash frames flow meanwhile.
    const { startControlServer } = await import('../control/server.js');
    if (predecessor !== null) {
      datapath.startReading();
      await predecessor.end();
      daemon.succeed();
    }
    const served = { controller: daemon, probes: daemon.probes, events: daemon.eventLog, log };
    const { gid, isOpen } = groups;
    const access = { gid, isOpen, accessOf: (fd: number) => groups.accessOf(fd) };
    const server = await startControlServer({ socket, ...access, captures: daemon.captures, ...served });
    if (http !== null) listener = new HttpListener(http, served, log, () => datapath.nowMs());
    await listener?.open();
    manager.ready();
    log.info('ready', { version: version(), socket, engine: datapath.engine, workers });
    options.onReady?.(daemon.hasVnics).catch((thrown) => log.info(NOT_KEPT, { reason: messageOf(thrown) }));
    const end = await Promise.race([signals.ended, daemon.replaced]);
    if (typeof end === 'number') {
      log.info('ending: another daemon carries all frames', { pid: end });
      // Before that one is ready, which it is when the socket is free: nobody but the service is heard.
      manager.succeededBy(end);
    } else log.info('ending', { signal: end });
    await Promise.all([server.close(), listener?.close()]);
    if (typeof end === 'number') await daemon.drain();
  } finally {
    await daemon.stop();
    clearInterval(timer);
    signals.close();
    await manager.end();
  }
}

function sayInVain(begun: readonly BegunThread[], log: DaemonLog): void {
  const failures = begun.map(({ failure }) => failure).filter((failure) => failure !== null);
  for (const reason of failures) log.warn('the start took longer: a thread that had begun early ended', { reason });
}

function startDatapath(options: RunOptions, engine: Engine, isPaused: boolean, log: DaemonLog): Promise<Datapath> {
  const { fdbSize, workers, busyPollUs, cpus, begun } = options;
  return Datapath.start({
    ...{ fdbSize, workers, busyPollUs, cpus, engine, isPaused, log },
    ...(begun && { begun }),
  });
}

/**
 * What `vxlane daemon --check` does, and with `isDeep` on what this host has besides. Answers how much is declared;
 * throws everything that is wrong.
 */
export async function checkConfiguration(file: string, isDeep: boolean): Promise<{ overlays: number; vnics: number }> {
  keepDescriptors();
  const { overlays, vnics } = await check(await configFileOf(file), isDeep);
  return { overlays: overlays.size, vnics: vnics.size };
}

/** Loaded only where there is a file: to load what reads YAML is a tenth of the daemon's start. */
async function configFileOf(file: string): Promise<ConfigFile> {
  const { ConfigFile } = await import('./config-file/config-file.js');
  return new ConfigFile(file);
}

/** Before there is a daemon whose time passes. */
async function check(configFile: ConfigFile, isDeep = false) {
  const deadlines = new Deadlines(() => performance.now());
  const timer = setInterval(() => deadlines.tick(performance.now()), TICK_MS);
  try {
    const wanted = await configFile.check(deadlines);
    if (isDeep) await (await import('./config-file/deep-check.js')).checkDeep(wanted, deadlines);
    return wanted.declaration;
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
