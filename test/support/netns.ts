/** Network namespaces for tests: unique names, and gone afterwards whatever happens. */
import { execFileSync, spawnSync } from 'node:child_process';
import { constants } from 'node:os';

const COMMAND_TIMEOUT_MS = 60_000;

let counter = 0;
const alive = new Set<TestNetns>();
process.on('exit', () => {
  for (const netns of alive) netns.delete();
});
// A signal ends a process without its exit handlers unless somebody listens.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** A name that no other test process uses; short enough for an interface too. */
export function uniqueName(prefix: string): string {
  counter += 1;
  return `${prefix}${process.pid.toString(36)}x${counter.toString(36)}`;
}

/** Runs a command in this process's namespace and answers its standard output; throws with its stderr otherwise. */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS, stdio: 'pipe' });
}

/** A named network namespace with its loopback up. */
export class TestNetns {
  readonly name: string;

  constructor(prefix = 'vxt') {
    this.name = uniqueName(prefix);
    run('ip', 'netns', 'add', this.name);
    alive.add(this);
    this.exec('ip', 'link', 'set', 'lo', 'up');
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  /** {@link run} inside the namespace. */
  exec(command: string, ...args: string[]): string {
    return run('ip', 'netns', 'exec', this.name, command, ...args);
  }

  /** What `ip -j` answers inside the namespace. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 prints
  json(...args: string[]): any[] {
    return JSON.parse(run('ip', '-n', this.name, '-j', ...args) || '[]');
  }

  /** The interface as `ip -j link` shows it, or undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 prints
  link(name: string): any {
    return this.json('link', 'show').find((link) => link.ifname === name);
  }

  /** Ends the namespace: its interfaces go with it. Twice is harmless. */
  delete(): void {
    if (!alive.delete(this)) return;
    spawnSync('ip', ['netns', 'delete', this.name], { timeout: COMMAND_TIMEOUT_MS });
  }
}
