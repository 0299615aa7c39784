/** Daemons of this machine, as /proc shows them. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEFAULT_SOCKET } from '../../control/default-socket.js';
import { messageOf } from '../../errors.js';
import type { DaemonProcess } from '../facts.js';
import { type Known, Unknown } from '../finding.js';

/** Where vxlane daemon keeps its state unless told otherwise. */
export const DEFAULT_STATE_DIR = '/var/lib/vxlane';
const PACKAGED_CONFIG = '/etc/vxlane/vxlane.yaml';

/** Those that share the network namespace of a process. `of`: its number, or `self`. */
export function daemonsBeside(of: number | 'self'): Known<readonly DaemonProcess[]> {
  try {
    const here = statSync(`/proc/${of}/ns/net`).ino;
    return { value: allDaemons().filter(({ pid }) => inodeOf(pid) === here) };
  } catch (thrown) {
    return { unknown: `the network namespaces of processes cannot be compared: ${messageOf(thrown)}` };
  }
}

/** The one that was told to have this socket, in whatever namespace; null: there is none. */
export function daemonOf(socket: string): DaemonProcess | null {
  return allDaemons().find((each) => each.socket === resolve(socket)) ?? null;
}

/**
 * The process that a daemon says it is: of one in a container, that number is another's here, or nobody's. Throws
 * {@link Unknown} where it has not this socket.
 */
export function daemonNamed(pid: number, socket: string): DaemonProcess {
  const found = daemonAt(pid);
  if (found !== null && isSameFile(found.socket, resolve(socket))) return found;
  const here = `which is no vxlane daemon with the socket ${socket} here`;
  throw new Unknown(`the daemon is pid ${pid} where it runs, ${here}: look from its PID namespace`);
}

function isSameFile(a: string, b: string): boolean {
  if (a === b) return true;
  const [one, other] = [statSync(a, { throwIfNoEntry: false }), statSync(b, { throwIfNoEntry: false })];
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}

/** The configuration of the package's unit, where it is; else null. */
export function packagedConfig(): string | null {
  return existsSync(PACKAGED_CONFIG) ? PACKAGED_CONFIG : null;
}

function allDaemons(): DaemonProcess[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => daemonAt(Number(pid)) ?? []);
}

/** What a process was told, if it is a daemon of ours; null: it is none. */
export function daemonAt(pid: number): DaemonProcess | null {
  let words: string[];
  try {
    words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return null; // it has ended meanwhile
  }
  const program = words.findIndex((word) => /(^|\/)(main\.js|vxlane)$/.test(word));
  if (program < 0 || program > 3 || words[program + 1] !== 'daemon') return null;
  const options = words.slice(program + 2);
  if (options.includes('--check')) return null;
  const at = (name: string) => {
    const value = optionIn(options, name);
    return value === null ? null : resolve(workingDirectoryOf(pid), value);
  };
  return {
    pid,
    socket: at('socket') ?? DEFAULT_SOCKET,
    stateDir: at('state-dir') ?? DEFAULT_STATE_DIR,
    config: at('config'),
    tokenFile: at('http-token-file'),
  };
}

/** `--name VALUE` or `--name=VALUE`. */
function optionIn(words: readonly string[], name: string): string | null {
  const at = words.indexOf(`--${name}`);
  if (at >= 0) return words[at + 1] ?? null;
  return words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? null;
}

function workingDirectoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '/';
  }
}

/** Throws where it is not ours to look at. */
function inodeOf(pid: number): number {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw thrown;
  }
}
