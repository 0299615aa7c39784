/**
 * A fresh Debian in namespaces of its own (processes, mounts, network), on a file system in memory: all of it is gone
 * when its first process is, whatever happened in it. What debootstrap made is kept as an archive, since it fetches a
 * hundred packages.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const SUITE = 'bookworm';
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
const ARCHIVE = join(tmpdir(), `vxlane-debootstrap-${SUITE}-${ARCHITECTURE}.tar`);
/** The test runner gives a file five minutes. */
const DEBOOTSTRAP_TIMEOUT_MS = 120_000;
const COMMAND_TIMEOUT_MS = 100_000;

export interface Outcome {
  readonly status: number | null;
  /** What it printed, stdout before stderr. */
  readonly said: string;
}

export class DebianHost {
  readonly #holder: ChildProcess;
  readonly #root: string;

  private constructor(holder: ChildProcess, root: string) {
    this.#holder = holder;
    this.#root = root;
  }

  /** Answers why there can be none, where debootstrap does not get its packages. */
  static async start(): Promise<DebianHost | string> {
    const root = mkdtempSync(join(tmpdir(), 'vxlane-debian-'));
    const script = 'mount -t tmpfs -o mode=755 none "$0"; ip link set lo up; echo mounted; exec cat';
    // Its first process ends with the pipe from here, however this one ends.
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child'];
    const holder = spawn('unshare', [...namespaces, 'sh', '-ec', script, root]);
    holder.stderr.pipe(process.stderr);
    await once(holder.stdout, 'data');
    const host = new DebianHost(holder, root);
    const reason = host.#fill();
    if (reason === null) return host;
    await host.end();
    return reason;
  }

  #fill(): string | null {
    if (!existsSync(ARCHIVE)) {
      const { status, said } = this.#outside(['debootstrap', '--variant=minbase', SUITE, this.#root], {
        // The network of the test is not that of the machine: what is fetched is fetched before it is entered.
        network: false,
        timeout: DEBOOTSTRAP_TIMEOUT_MS,
      });
      if (status !== 0) return `debootstrap ${SUITE}: ${said.trim().split('\n').at(-1) || 'it took too long'}`;
      const made = `${ARCHIVE}.${process.pid}`;
      this.#must(this.#outside(['tar', '-C', this.#root, '-cf', made, '.']));
      renameSync(made, ARCHIVE);
    } else this.#must(this.#outside(['tar', '-C', this.#root, '-xf', ARCHIVE]));
    for (const [kind, name] of [
      ['proc', 'proc'],
      ['sysfs', 'sys'],
    ] as const) {
      this.#must(this.#outside(['mount', '-t', kind, kind, join(this.#root, name)]));
    }
    this.#must(this.#outside(['mount', '--rbind', '/dev', join(this.#root, 'dev')]));
    return null;
  }

  /** A program of this machine, that sees the mounts and the processes of that host, and its network if need be. */
  #outside(command: readonly string[], { network = true, timeout = COMMAND_TIMEOUT_MS } = {}): Outcome {
    const of = `/proc/${this.#holder.pid}/ns`;
    const namespaces = [`--mount=${of}/mnt`, `--pid=${of}/pid_for_children`, ...(network ? [`--net=${of}/net`] : [])];
    const enter = [...namespaces, '--wd=/', '--'];
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' };
    const { status, stdout, stderr } = spawnSync('nsenter', [...enter, ...command], { env, timeout, encoding: 'utf8' });
    return { status, said: stdout + stderr };
  }

  #must({ status, said }: Outcome): string {
    if (status !== 0) throw new Error(said);
    return said;
  }

  /** As root of that host, by its shell. */
  run(script: string): Outcome {
    return this.#outside(['chroot', this.#root, 'sh', '-c', script]);
  }

  /** The same, for what has to work: answers what it said. */
  must(script: string): string {
    return this.#must(this.run(script));
  }

  /** Copies a file of this machine into its /root; answers the path there. */
  take(path: string): string {
    const there = `/root/${basename(path)}`;
    this.#must(this.#outside(['cp', path, join(this.#root, there)]));
    return there;
  }

  async end(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await ended;
    rmSync(this.#root, { recursive: true });
  }
}

/**
 * The node that runs this, as a Debian package `nodejs` like those that others offer: Debian 12's own is too old.
 * Answers its path.
 */
export function packageNode(directory: string): string {
  const stage = join(directory, 'nodejs');
  mkdirSync(join(stage, 'DEBIAN'), { recursive: true, mode: 0o755 });
  mkdirSync(join(stage, 'usr/bin'), { recursive: true, mode: 0o755 });
  copyFileSync(process.execPath, join(stage, 'usr/bin/node'));
  const version = process.version.slice(1);
  writeFileSync(
    join(stage, 'DEBIAN/control'),
    `Package: nodejs\nVersion: ${version}-1\nArchitecture: ${ARCHITECTURE}\nDepends: libstdc++6\n` +
      'Maintainer: test <test@example.org>\nDescription: the node that runs the tests\n',
  );
  const path = join(directory, `nodejs_${version}-1_${ARCHITECTURE}.deb`);
  execFileSync('dpkg-deb', ['-Znone', '--build', '--root-owner-group', stage, path], { stdio: 'ignore' });
  return path;
}
