import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigFile } from '../../src/daemon/config-file/config-file.js';
import { Daemon } from '../../src/daemon/daemon.js';
import type { DaemonLog } from '../../src/daemon/log.js';
import { State } from '../../src/daemon/state/store.js';
import { Datapath } from '../../src/datapath/datapath.js';
import type { LogLevel } from '../../src/log-levels.js';
import { ENGINE } from '../support/engine.js';
import { openDirectory } from '../support/open-directory.js';

const TICK_MS = 20;

/** What was logged, oldest first: `warn text`. */
export class RecordingLog implements DaemonLog {
  readonly lines: string[] = [];
  /** The same with what was logged beside the text. */
  readonly fields: { readonly message: string; readonly fields: object }[] = [];

  level: LogLevel = 'info';

  debug(): void {}
  info(message: string, fields: object = {}): void {
    this.lines.push(`info ${message}`);
    this.fields.push({ message, fields });
  }
  warn(message: string, fields: object = {}): void {
    this.lines.push(`warn ${message}`);
    this.fields.push({ message, fields });
  }
  error(message: string, fields: object = {}): void {
    this.fields.push({ message, fields });
    this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
  }
  fatal(message: string): void {
    this.lines.push(`fatal ${message}`);
  }
  child(): DaemonLog {
    return this;
  }
}

export interface Running {
  readonly daemon: Daemon;
  readonly datapath: Datapath;
  readonly log: RecordingLog;
  /** Moves the daemon's clock forward. */
  pass(ms: number): void;
  stop(): Promise<void>;
}

/** `config`: path of its configuration file. */
export async function startDaemon(stateDir: string, fdbSize = 1024, config: string | null = null): Promise<Running> {
  const log = new RecordingLog();
  const state = await State.open(stateDir, log);
  const datapath = await Datapath.start({ fdbSize, workers: 1, busyPollUs: 0, engine: ENGINE, log });
  let skippedMs = 0;
  const configFile = config === null ? null : new ConfigFile(config);
  const daemon = new Daemon({ datapath, state, log, configFile, now: () => datapath.nowMs() + skippedMs });
  const pass = (ms: number) => {
    skippedMs += ms;
  };
  const timer = setInterval(() => daemon.tick(), TICK_MS);
  const stop = async () => {
    await daemon.stop();
    clearInterval(timer);
  };
  try {
    await daemon.restore();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { daemon, datapath, log, pass, stop };
}

export class StateDirectory {
  readonly path = openDirectory('daemon');

  file(kind: 'overlays' | 'vnics', name: string): string {
    return join(this.path, kind, `${name}.json`);
  }

  /** `overlays/overlay0.json`, … */
  files(): string[] {
    return ['overlays', 'vnics'].flatMap((kind) => readdirSync(join(this.path, kind)).map((file) => `${kind}/${file}`));
  }

  delete(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Descriptors of TAPs and of sockets, by what they point to: those that a command may leave behind. */
export function tunnelDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\[\d+\]$/, '')]; // a restarted daemon has others
      } catch {
        return []; // the descriptor that read the list
      }
    })
    .filter((link) => link === '/dev/net/tun' || link.startsWith('socket:'))
    .sort();
}
