/**
 * What the process of a plugin may not do, set before any of its code runs: by prlimit and setpriv of util-linux,
 * which become Node one after the other, and by Node's own permission model.
 */
import { readFileSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { effectiveCapabilities } from '../../system/capabilities.js';

/**
 * The user of a plugin's process is this one and its process id: so no two of them are the same user, may signal or
 * trace each other, or share a limit, and there is nothing to keep account of. Nobody else gives out ids from here to
 * 2^31 (systemd's UIDS-GIDS), and ids of processes end at 2^22.
 */
const FIRST_USER = 1_879_048_192;
const PIDS = 1 << 22;
/** Where a container has no ids as high: those that systemd gives to services for as long as they run. */
const FIRST_USER_OF_FEW = 61_184;
const FEW_USERS = 4336;

/** To become a user, and to end what is another user's. */
export const NEEDED = ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'] as const;

/** A process has few, and Node takes twenty of them. */
const DESCRIPTORS_MAX = 1024;
/** Node starts with seven. */
const THREADS_MAX = 64;
/** V8 grows in steps, and takes a little more before it collects. The kernel refuses what is beyond at once. */
const DATA_ROOM_MIB = 1024;
/** When the machine has no memory left, a plugin is to go before the daemon. */
const OOM_SCORE = 500;

interface Range {
  readonly first: number;
  readonly count: number;
}

function usersHere(): Range | null {
  const effective = effectiveCapabilities();
  if (!NEEDED.every((name) => effective.includes(name))) return null;
  const ranges = [
    { first: FIRST_USER, count: PIDS },
    { first: FIRST_USER_OF_FEW, count: FEW_USERS },
  ];
  return ranges.find(isMapped) ?? null;
}

function isMapped({ first, count }: Range): boolean {
  return readFileSync('/proc/self/uid_map', 'latin1')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ +/).map(Number) as [number, number, number])
    .some(([inside, , length]) => inside <= first && first + count <= inside + length);
}

let users: Range | null | undefined;

/** Of which each plugin's process is one; null: it stays what the daemon is, for want of these capabilities or ids. */
export function usersOfPlugins(): Range | null {
  if (users === undefined) users = usersHere();
  return users;
}

/** The command that runs `script` of Node with its arguments and these bounds; it becomes that. */
export function confined(script: string, args: readonly string[], memoryMiB: number): [string, string[]] {
  const range = usersOfPlugins();
  const limits = [
    `--nofile=${DESCRIPTORS_MAX}`,
    `--data=${(memoryMiB + DATA_ROOM_MIB) * 2 ** 20}`,
    '--fsize=0',
    '--core=0',
    // Of the user; the daemon's own has others as well.
    ...(range === null ? [] : [`--nproc=${THREADS_MAX}`]),
  ];
  const privileges = [
    ...(range === null ? [] : ['--reuid=$user', '--regid=$user', '--clear-groups']),
    ...['--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs', '--pdeathsig=KILL'],
  ];
  const shell = [
    `unset PWD; { echo ${OOM_SCORE} >/proc/self/oom_score_adj; } 2>/dev/null`,
    `user=$((${range === null ? 0 : `${range.first} + $$ % ${range.count}`}))`,
    `exec /usr/bin/prlimit ${limits.join(' ')} /usr/bin/setpriv ${privileges.join(' ')} "$@"`,
  ];
  const node = [process.execPath, ...nodeFlags(memoryMiB), script, ...args];
  return ['/bin/sh', ['-c', shell.join('; '), 'sh', ...node]];
}

/** No files written, no processes, threads or native code of its own; it reads what its user may. */
function nodeFlags(memoryMiB: number): string[] {
  const known = process.allowedNodeEnvironmentFlags;
  return [
    '--no-warnings',
    known.has('--permission') ? '--permission' : '--experimental-permission',
    '--allow-fs-read=*',
    ...(known.has('--allow-net') ? ['--allow-net'] : []),
    `--max-old-space-size=${memoryMiB}`,
  ];
}

/**
 * Why the user of a plugin's process cannot read the file, with what would be right; null when it can. Of what a module
 * imports Node says it.
 */
export async function unreadable(path: string): Promise<string | null> {
  if (usersOfPlugins() === null) return null;
  for (const wanted of new Set([path, await realpath(path)])) {
    for (let at = wanted, bits = 0o4; ; at = dirname(at), bits = 0o1) {
      if (((await stat(at)).mode & bits) === 0) {
        const what = bits === 0o4 ? `read ${at}: chmod o+r` : `enter ${at}: chmod o+x, or have it elsewhere`;
        return `its process has a user of its own, who may not ${what}; or plugin-isolation=thread, without a fence`;
      }
      if (at === dirname(at)) break;
    }
  }
  return null;
}
