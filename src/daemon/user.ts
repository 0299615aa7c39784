/**
 * `--user`: what root has started becomes a user of its own, with few capabilities, before it does anything else. Only
 * a new program has its user and its capabilities in all of its threads, so setpriv(1) takes this process over, and
 * becomes the same command again.
 */
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { makeDirectory } from '../directory.js';
import { capabilitiesBad, userNotToBeHad } from '../errors.js';
import { type User, userOf } from '../system/accounts.js';
import { CAPABILITY_NAMES, effectiveCapabilities, shortName } from '../system/capabilities.js';
import { check, systemError } from '../system/errno.js';
import { execv, F_SETFD, fcntl, lastErrno } from '../system/libc.js';

/** VNICs and sockets; what routers say of path MTUs; the underlay TAP and early drop. */
const KEPT = ['net_admin', 'net_raw', 'bpf'];

const SETPRIV = '/usr/bin/setpriv';

/** `net_admin,CAP_BPF`. Throws a usage error for what is no capability that the daemon has a use for. */
export function parseCapabilities(text: string): string[] {
  const names = text.split(',').map((name) => name.toLowerCase().replace(/^cap_/, ''));
  if (names.some((name) => !CAPABILITY_NAMES.includes(name))) throw capabilitiesBad(text, CAPABILITY_NAMES);
  return names;
}

/**
 * Comes back when this process is who it is to be. `user`: name or number. `capabilities`: what it keeps, null: as much
 * of {@link KEPT} as this process has. `paths`: whose directories are made for that user; null: it needs none. Throws
 * when it cannot be, with what would be right.
 */
export function becomeUser(
  user: string,
  capabilities: readonly string[] | null,
  paths: { readonly stateDir: string; readonly socket: string } | null,
): void {
  const wanted = userOf(user);
  if (wanted.uid === 0) throw userNotToBeHad(user, 'root may do everything; name a user of its own');
  if (process.geteuid!() === wanted.uid) return;
  if (process.geteuid!() !== 0)
    throw userNotToBeHad(user, `only root becomes another; this is user ${process.geteuid!()}`);
  const here = effectiveCapabilities().map(shortName);
  const missing = capabilities?.find((name) => !here.includes(name));
  if (missing !== undefined) throw userNotToBeHad(user, `--capabilities: this process lacks ${missing} itself`);
  const needed = paths === null ? [] : directoriesOf(paths);
  const absent = needed.filter((each) => !isTheirs(each, user, wanted));
  for (const { path, mode } of absent) make(path, mode, wanted);
  become(wanted, capabilities ?? KEPT.filter((name) => here.includes(name)));
}

interface Directory {
  /** By which it may be another. */
  readonly option: string;
  readonly path: string;
  readonly mode: number;
}

function directoriesOf({ stateDir, socket }: { readonly stateDir: string; readonly socket: string }): Directory[] {
  return [
    { option: '--state-dir', path: stateDir, mode: 0o700 },
    { option: '--socket', path: dirname(socket), mode: 0o755 },
  ];
}

/** False: it is missing. Throws when it is there and somebody else's: it is the operator's to give. */
function isTheirs({ option, path }: Directory, user: string, { uid, gid }: User): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) return false;
  const isEverybodys = (there.mode & 0o1002) === 0o1002;
  if (there.uid === uid || isEverybodys) return true;
  const mend = `chown -R ${uid}:${gid} ${path} if it is vxlane's alone, else give another ${option}`;
  throw userNotToBeHad(user, `${path} belongs to user ${there.uid}: ${mend}`);
}

function make(directory: string, mode: number, { uid, gid }: User): void {
  makeDirectory(dirname(resolve(directory)), 0o755);
  mkdirSync(directory, mode);
  chownSync(directory, uid, gid);
}

function become({ uid, gid, isNamed }: User, capabilities: readonly string[]): never {
  const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const privileges = [
    ...[`--reuid=${uid}`, `--regid=${gid}`, isNamed ? '--init-groups' : '--clear-groups', '--no-new-privs'],
    ...[`--bounding-set=${kept}`, `--inh-caps=${kept}`, `--ambient-caps=${kept}`],
  ];
  // Node takes care that no program inherits them.
  for (const fd of [0, 1, 2]) check(`keep descriptor ${fd}`, fcntl(fd, F_SETFD, 0));
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  execv(SETPRIV, [SETPRIV, ...privileges, '--', ...node, null]);
  throw systemError(`run ${SETPRIV}`, lastErrno());
}
