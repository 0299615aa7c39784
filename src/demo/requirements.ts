/** What a machine must have before a laboratory can be built on it; Debian packages are installed when we may. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { needsRoot, noTunDevice, toolsMissing } from '../errors.js';

/** A program and the Debian package that brings it. */
export interface Tool {
  readonly program: string;
  readonly package: string;
}

/** Where root's programs are, also for a PATH that does not say so. */
const ROOT_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** True when PATH, or a folder of root's programs, has the program. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...ROOT_PATHS];
  return folders.some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Lets programs in /usr/sbin be found by those we start, whatever PATH we were given. */
export function completePath(): void {
  const have = (process.env.PATH ?? '').split(delimiter);
  process.env.PATH = [...have, ...ROOT_PATHS.filter((folder) => !have.includes(folder))].join(delimiter);
}

/** Refuses, with one line, a machine or a user that cannot have a laboratory. */
export function requireLab(what: string): void {
  if (process.getuid?.() !== 0) throw needsRoot(what);
  if (!existsSync('/dev/net/tun')) throw noTunDevice();
}

/**
 * Installs the packages of those tools that are missing, with apt-get when we are root and it is there; else, and when
 * that fails, names them. `say` hears what is being installed.
 */
export function requireTools(tools: readonly Tool[], say: (line: string) => void): void {
  completePath();
  const absent = () => tools.filter((tool) => !isInstalled(tool.program));
  const missing = absent();
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => tool.package))];
  if (process.getuid?.() === 0 && isInstalled('apt-get')) {
    say(`installing ${packages.join(' ')} (apt-get)`);
    aptGet('update', '-q');
    aptGet('install', '-q', '-y', '--no-install-recommends', ...packages);
  }
  const still = absent();
  if (still.length === 0) return;
  throw toolsMissing(
    still.map((tool) => tool.program),
    still.map((tool) => tool.package),
  );
}

/**
 * Its failure shows in what is still missing afterwards; its complaints go to our standard error. Who wants a
 * laboratory wants programs: services that packages bring are not started (systemctl(1) does as in a chroot).
 */
function aptGet(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', SYSTEMD_OFFLINE: '1' };
  spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 });
}
