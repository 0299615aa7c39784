/**
 * A systemd of its own, as first process of namespaces of its own (processes, mounts, network, control groups). Its
 * root is an overlay over this machine's, so that it has the same programs, and nothing it does stays.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../support/tree.js';
import type { Outcome } from './debian-host.js';

const SYSTEMD = '/lib/systemd/systemd';
const COMMAND_TIMEOUT_MS = 90_000;
/** Until it has started, in parts of 100 ms. */
const BOOT_TRIES = 300;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * `$0`: an empty directory, `$1`: the checkout. No unit of the machine is started, and no files are cleaned up: of them
 * all there is only what the service needs. A `vxlane` in the path is that of the checkout.
 */
const BOOT = `
mount --make-rprivate /
mount -t tmpfs none "$0"
cd "$0"
mkdir upper work root
mount -t overlay none -o lowerdir=/,upperdir="$0/upper",workdir="$0/work" root
cd root
rm -rf etc/systemd/system/* lib/systemd/system/*.wants lib/systemd/system-generators usr/lib/tmpfiles.d
printf '[Unit]\\nDescription=nothing but the service\\n' > etc/systemd/system/alone.target
cp "$1/packaging/vxlane.service" etc/systemd/system/
printf '#!/bin/sh\\nexec node %s/dist/src/main.js "$@"\\n' "$1" > usr/bin/vxlane
chmod 755 usr/bin/vxlane
grep -q ^vxlane: etc/group || echo vxlane:x:321: >> etc/group
mkdir -p etc/vxlane old
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
ip link set lo up
pivot_root . old
umount -l /old
exec env -i container=test PATH=${PATH} ${SYSTEMD} --unit=alone.target --log-target=console --show-status=no < /dev/null
`;

export class SystemdHost {
  readonly #outer: ChildProcess;
  readonly #directory: string;
  #pid = 0;

  private constructor(outer: ChildProcess, directory: string) {
    this.#outer = outer;
    this.#directory = directory;
  }

  /** Answers why there can be none here. */
  static async start(): Promise<SystemdHost | string> {
    if (!existsSync(SYSTEMD)) return `${SYSTEMD} is not installed`;
    const directory = mkdtempSync(join(tmpdir(), 'vxlane-systemd-'));
    const namespaces = ['--mount', '--net', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'];
    const outer = spawn('unshare', [...namespaces, 'sh', '-ec', BOOT, directory, root], { stdio: 'pipe' });
    const host = new SystemdHost(outer, directory);
    let said = '';
    for (const stream of [outer.stdout, outer.stderr]) stream.on('data', (data) => (said += data));
    for (let attempt = 0; attempt < BOOT_TRIES && outer.exitCode === null; attempt++) {
      if (host.#isRunning()) return host;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await host.end();
    return `systemd does not start in namespaces here: ${said.trim().split('\n').at(-1)}`;
  }

  #isRunning(): boolean {
    const { pid } = this.#outer;
    this.#pid = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
    if (!(this.#pid > 0)) return false;
    const name = spawnSync('cat', [`/proc/${this.#pid}/comm`], { encoding: 'utf8' }).stdout.trim();
    return name === 'systemd' && this.run('systemctl is-system-running').said.trim() === 'running';
  }

  /** As root of that host, by its shell. */
  run(script: string): Outcome {
    const command = ['--target', String(this.#pid), '--all', '--', 'env', '-i', `PATH=${PATH}`, 'sh', '-c', script];
    const { status, stdout, stderr } = spawnSync('nsenter', command, { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
    return { status, said: stdout + stderr };
  }

  /** The same, for what has to work: answers what it said. */
  must(script: string): string {
    const { status, said } = this.run(script);
    if (status !== 0) throw new Error(`${script}: ${said}${this.run('systemctl status --no-pager vxlane').said}`);
    return said;
  }

  /** A property of the service. */
  property(name: string): string {
    return this.must(`systemctl show --value -p ${name} vxlane`).trim();
  }

  /** Puts a file into it, for root alone. */
  write(path: string, text: string): void {
    const here = join(this.#directory, 'file');
    writeFileSync(here, text);
    spawnSync('sh', ['-c', `nsenter --target ${this.#pid} --all -- sh -c 'umask 077; cat > ${path}' < ${here}`]);
  }

  async end(): Promise<void> {
    if (this.#outer.exitCode === null && this.#outer.signalCode === null) {
      const ended = once(this.#outer, 'exit');
      this.#outer.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
