/**
 * One machine of the laboratory: a network namespace with an underlay interface `eth0` and, when asked, a vxlane
 * daemon.
 */
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandFailed, daemonNotReady } from '../errors.js';
import { howItEnded, type Outcome, type Processes, type Running, type RunOptions } from './processes.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 25;

/** Exit status of a command that was answered with bad news (docs/cli.md). */
const BAD_ANSWER = 3;

/** What all hosts of a laboratory have in common. */
export interface HostDefaults {
  /** More options of every daemon. */
  readonly daemonOptions?: readonly string[];
  /** Runs `vxlane ARGS` against a socket in the place of a process; null: it is to be a process. */
  readonly runVxlane?: (args: readonly string[], socket: string) => Promise<Outcome> | null;
}

export class Host {
  /** The short name, `zlan`. */
  readonly name: string;
  /** The name under /run/netns, unique on this machine. */
  readonly netns: string;
  /** Socket, state and log of the daemon, and room for the host's other files. */
  readonly dir: string;
  readonly socket: string;
  readonly logFile: string;
  /** How long a daemon may take to answer at first, in milliseconds; it restores what it kept before. */
  readyTimeoutMs = READY_TIMEOUT_MS;
  #processes: Processes;
  readonly #defaults: HostDefaults;
  #daemon: Running | null = null;

  constructor(name: string, netns: string, dir: string, processes: Processes, defaults: HostDefaults = {}) {
    this.name = name;
    this.netns = netns;
    this.dir = dir;
    this.socket = join(dir, 'vxlane.sock');
    this.logFile = join(dir, 'daemon.log');
    this.#processes = processes;
    this.#defaults = defaults;
    mkdirSync(dir, { recursive: true });
  }

  /** Runs a command in the namespace; it must succeed. Answers its standard output. */
  exec(...argv: string[]): Promise<string> {
    return this.#processes.run(this.#inside(argv));
  }

  /** Runs a command in the namespace to its end, whatever that is. */
  try(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.#processes.try(this.#inside(argv), options);
  }

  /** Starts a command in the namespace that runs until it is stopped, at the latest by the laboratory's end. */
  spawn(argv: readonly string[], options: RunOptions = {}): Running {
    return this.#processes.spawn(this.#inside(argv), options);
  }

  /** Output of a command that prints JSON, e.g. `ip -j`. */
  async json<T>(...argv: string[]): Promise<T> {
    return JSON.parse(await this.exec(...argv)) as T;
  }

  /** `vxlane ...` against this host; it must be answered, perhaps with bad news. Answers its standard output. */
  async vxlane(...args: string[]): Promise<string> {
    const outcome = await this.tryVxlane(...args);
    if (outcome.code === 0 || outcome.code === BAD_ANSWER) return outcome.stdout;
    throw commandFailed(['vxlane', ...args], howItEnded(outcome), outcome.stderr + outcome.stdout);
  }

  /** `vxlane ...` against this host's daemon, whatever comes of it. */
  tryVxlane(...args: string[]): Promise<Outcome> {
    const env = { VXLANE_SOCKET: this.socket };
    const instead = this.#defaults.runVxlane?.(args, this.socket) ?? null;
    return instead ?? this.#processes.try([process.execPath, MAIN, ...args], { env });
  }

  /** What `vxlane ... --json` prints, parsed. */
  async vxlaneJson<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.vxlane(...args, '--json')) as T;
  }

  get daemonPid(): number | null {
    return this.#daemon?.pid ?? null;
  }

  /** Starts the daemon inside the namespace and waits until its socket answers. Its state survives in `dir`. */
  async startDaemon(...extra: string[]): Promise<void> {
    this.#daemon = this.#spawnDaemon(extra);
    await this.#ready(this.#daemon);
  }

  /** Starts another daemon in the place of the one that runs; answers how that one ended. */
  async replaceDaemon(...extra: string[]): Promise<Outcome | null> {
    const before = this.#daemon;
    this.#daemon = this.#spawnDaemon(['--replace', ...extra]);
    // A daemon that cannot take over ends, and the other one goes on.
    const ended = await Promise.race([before?.done ?? null, this.#daemon.done]);
    if (this.#daemon.ended) {
      const refused = howItEnded(await this.#daemon.done);
      this.#daemon = before;
      throw daemonNotReady(this.name, `${refused} as it was to take over`, this.logFile);
    }
    await this.#ready(this.#daemon);
    return ended;
  }

  #spawnDaemon(extra: readonly string[]): Running {
    const state = join(this.dir, 'state');
    const options = ['--socket', this.socket, '--state-dir', state, ...(this.#defaults.daemonOptions ?? []), ...extra];
    const argv = [process.execPath, MAIN, 'daemon', ...options];
    const log = openSync(this.logFile, 'a');
    // `ip netns exec` replaces itself by the command, so the pid we hold is the daemon's own
    const daemon = this.#processes.spawn(this.#inside(argv), { outputFd: log });
    closeSync(log);
    return daemon;
  }

  /** SIGTERM (the orderly way) or SIGKILL, and waits for the end. */
  async stopDaemon(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<Outcome | null> {
    const daemon = this.#daemon;
    this.#daemon = null;
    return daemon === null ? null : daemon.stop(signal);
  }

  /** All that the daemon has logged, over its restarts; empty when it never ran. */
  daemonLog(): string {
    try {
      return readFileSync(this.logFile, 'utf8');
    } catch {
      return '';
    }
  }

  async #ready(daemon: Running): Promise<void> {
    const deadline = performance.now() + this.readyTimeoutMs;
    while (!(await answers(this.socket))) {
      if (daemon.ended) {
        throw daemonNotReady(this.name, `${howItEnded(await daemon.done)} at its start`, this.logFile);
      }
      if (performance.now() > deadline) throw daemonNotReady(this.name, 'does not answer', this.logFile);
      await sleep(READY_POLL_MS);
    }
  }

  #inside(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.netns, ...argv];
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request({ socketPath, path: '/v1/daemon', timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve(false));
    probe.end();
  });
}
