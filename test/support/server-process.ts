/** A real server for tests: a process with a directory of its own, gone when the test is. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For the `skip` option of node:test: false when all of these programs are there. Under CI they must be. */
export function needsPrograms(...paths: readonly string[]): string | false {
  const folders = (process.env.PATH ?? '').split(':');
  const isThere = (path: string) =>
    (path.startsWith('/') ? [''] : folders).some((each) => existsSync(join(each, path)));
  const missing = paths.filter((path) => !isThere(path));
  if (missing.length > 0 && process.env.CI) throw new Error(`under CI every test must run: no ${missing.join(', ')}`);
  return missing.length === 0 ? false : `needs ${missing.join(', ')}: test/packages.txt says which packages have them`;
}

const alive = new Set<ServerProcess>();
process.on('exit', () => {
  for (const each of alive) each.remove();
});

export abstract class ServerProcess {
  protected readonly directory: string;
  /** As it runs; null: it does not. */
  protected process: ChildProcess | null = null;

  protected constructor(name: string) {
    this.directory = mkdtempSync(join(tmpdir(), `vxlane-${name}-`));
    alive.add(this);
  }

  /** `kill -9`; answers when it is dead. */
  async kill(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Its sockets stay open, but nobody answers. */
  freeze(): void {
    this.process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.process?.kill('SIGCONT');
  }

  /** Ends it and removes its data. */
  remove(): void {
    if (!alive.delete(this)) return;
    this.process?.kill('SIGKILL');
    this.process = null;
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
