/** The machine, and the daemon's process on it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { known } from '../../doctor/finding.js';
import { messageOf } from '../../errors.js';
import { version } from '../../version.js';
import { jsonPart, type Part } from '../part.js';
import { run } from '../run.js';
import type { Place } from './place.js';

const PACKAGES = ['vxlane', 'nodejs', 'iproute2', 'nftables', 'iptables', 'systemd', 'libc6'];
const OF_MACHINE = [
  'uptime',
  'loadavg',
  'meminfo',
  'modules',
  ...['cpu', 'memory', 'io'].map((each) => `pressure/${each}`),
];
const OF_KERNEL = ['kernel/io_uring_disabled', 'kernel/unprivileged_bpf_disabled', 'fs/nr_open', 'vm/max_map_count'];
const OF_PROCESS = ['status', 'limits', 'cgroup', 'io', 'smaps_rollup', 'schedstat'];
const OF_CGROUP = [
  'cpu.max',
  'cpu.stat',
  'memory.max',
  'memory.current',
  'memory.events',
  'pids.max',
  'cpuset.cpus.effective',
];
const PROPERTIES = ['ActiveState', 'SubState', 'Result', 'NRestarts', 'ExecMainStatus', 'FragmentPath', 'DropInPaths'];

export function machineParts({ pid }: Place): Part[] {
  return [
    jsonPart('machine/versions.json', 'versions of vxlane, Node, the kernel and the system', versions),
    { name: 'machine/packages.txt', what: 'Debian packages', gather: packages },
    {
      name: 'machine/machine.txt',
      what: 'load, memory, modules',
      gather: () =>
        files([...OF_MACHINE.map((each) => `/proc/${each}`), ...OF_KERNEL.map((each) => `/proc/sys/${each}`)]),
    },
    {
      name: 'machine/unit.txt',
      what: 'the unit of systemd',
      gather: () => run(['systemctl', 'show', 'vxlane', '--no-pager', ...PROPERTIES.map((each) => `-p${each}`)]),
    },
    { name: 'process/process.txt', what: "the daemon's process", gather: () => processText(known(pid)) },
    { name: 'process/threads.txt', what: 'its threads', gather: () => threadsText(known(pid)) },
    {
      name: 'process/descriptors.txt',
      what: 'how many descriptors it has of each kind',
      gather: () => descriptors(known(pid)),
    },
    {
      name: 'process/children.txt',
      what: 'processes of its search plugins',
      gather: () => {
        const parent = String(known(pid));
        return run(['ps', '-o', 'pid,ppid,user,stat,etimes,rss,nlwp,comm', '-p', parent, '--ppid', parent]);
      },
    },
  ];
}

function versions() {
  const [first] = cpus();
  return {
    vxlane: version(),
    node: process.version,
    libraries: process.versions,
    kernel: release(),
    build: readFileSync('/proc/version', 'utf8').trim(),
    system: readFileSync('/etc/os-release', 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
    arch: process.arch,
    cpus: `${cpus().length} x ${first?.model ?? 'unknown'}`,
    user: process.geteuid?.() ?? null,
    time: new Date().toISOString(),
  };
}

/** dpkg-query fails when one is not known, and still prints the others. */
async function packages(): Promise<string> {
  const texts = await Promise.all(
    PACKAGES.map((name) =>
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as dpkg-query has it
      run(['dpkg-query', '-W', '-f=${Package} ${Version} ${Status}\n', name]).catch(
        (thrown: Error) => `${messageOf(thrown)}\n`,
      ),
    ),
  );
  return texts.join('');
}

function processText(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
  const inside = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  const group = inside === undefined ? [] : OF_CGROUP.map((each) => join('/sys/fs/cgroup', inside, each));
  return `${words}\n\n${files([...OF_PROCESS.map((each) => `/proc/${pid}/${each}`), ...group])}`;
}

function threadsText(pid: number): string {
  const rows = readdirSync(`/proc/${pid}/task`).map((thread) => {
    // proc_pid_stat(5): the name is in parentheses, and may have some itself; behind it is the third field.
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${thread} ${name}: state ${fields[0]}, user ${fields[11]}, system ${fields[12]} ticks, cpu ${fields[36]}\n`;
  });
  return rows.join('');
}

function descriptors(pid: number): string {
  const kinds = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(`/proc/${pid}/fd/${fd}`);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].map(([kind, number]) => `${number} ${kind}\n`).join('');
}

/** Without what tells one from another of the same kind; '' when it was closed meanwhile. */
function kindOf(path: string): string {
  try {
    return readlinkSync(path).replace(/:\[\d+\]$/, '');
  } catch {
    return 'closed meanwhile';
  }
}

/** Small files of /proc and /sys, each under its path; where one cannot be read, why. */
function files(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        return `${path}\n${readFileSync(path, 'utf8').trimEnd()}\n`;
      } catch (thrown) {
        return `${path}\n(${(thrown as NodeJS.ErrnoException).code})\n`;
      }
    })
    .join('\n');
}
