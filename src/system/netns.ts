/**
 * Network namespaces. A namespace belongs to a thread, so entering one is a bracket around synchronous code: nothing
 * else of this thread runs inside. Do not start threads in an action (Worker, or the first asynchronous fs or dns
 * call of the process): a new thread inherits the namespace and stays there.
 */
import { fstatSync, statSync, writeSync } from 'node:fs';
import { netnsMissing, netnsNameInvalid, netnsNotOne, netnsNotPermitted, SystemError } from '../errors.js';
import { check, EACCES, EINVAL, ENOENT, EPERM, errnoName, systemError } from './errno.js';
import { lastErrno, close as libcClose, O_CLOEXEC, O_NONBLOCK, O_RDONLY, open, setns } from './libc.js';

/** Where `ip netns` keeps named namespaces. */
export const NETNS_DIRECTORY = '/run/netns';
/** The calling thread's own, unlike /proc/self, which is the main thread's. */
export const OWN_NETNS = '/proc/thread-self/ns/net';
const CLONE_NEWNET = 0x40000000;

/**
 * Runs `action` inside a network namespace and comes back, also when it throws. `netns` is a name of `ip netns`, an
 * absolute path of a namespace file, or null for the thread's own. The action must be synchronous.
 */
export function withNetns<T>(netns: string | null, action: () => T): T {
  if (netns === null) return runSync(action);
  const target = openNetns(netns);
  try {
    return withNetnsFd(target, netns, action);
  } finally {
    libcClose(target);
  }
}

/** {@link withNetns} by a descriptor of the namespace, which stays the caller's. `label` names it in errors. */
export function withNetnsFd<T>(target: number, label: string, action: () => T): T {
  if (isOwn(target)) return runSync(action);
  const home = check(`open ${OWN_NETNS}`, open(OWN_NETNS, O_RDONLY | O_CLOEXEC));
  try {
    enter(target, label);
    try {
      return runSync(action);
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) dieAbroad(label, lastErrno());
    }
  } finally {
    libcClose(home);
  }
}

/** What `look` answers inside the namespace, undefined when that cannot be entered. */
export function lookInto<T>(netns: string | null, look: () => T): T | undefined {
  try {
    return withNetns(netns, look);
  } catch (thrown) {
    if (netns === null || !(thrown instanceof SystemError)) throw thrown;
    return undefined;
  }
}

function openNetns(netns: string): number {
  const path = netnsPath(netns);
  // What is no namespace is refused when it is entered; to open a FIFO must not wait for its writer until then.
  const fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  if (errno === ENOENT) throw netnsMissing(netns, path);
  if (errno === EACCES || errno === EPERM) throw netnsNotPermitted(netns);
  throw systemError(`open network namespace ${path}`, errno);
}

function netnsPath(netns: string): string {
  if (netns.includes('\0')) throw netnsNameInvalid(netns);
  if (netns.startsWith('/')) return netns;
  if (netns === '' || netns === '.' || netns === '..' || netns.includes('/')) throw netnsNameInvalid(netns);
  return `${NETNS_DIRECTORY}/${netns}`;
}

// Staying where we are needs no privilege, setns into the very same namespace does.
function isOwn(target: number): boolean {
  const own = statSync(OWN_NETNS);
  const there = fstatSync(target);
  return own.ino === there.ino && own.dev === there.dev;
}

function enter(target: number, label: string): void {
  if (setns(target, CLONE_NEWNET) >= 0) return;
  const errno = lastErrno();
  if (errno === EPERM) throw netnsNotPermitted(label);
  if (errno === EINVAL) throw netnsNotOne(label, label.startsWith('/') ? label : `${NETNS_DIRECTORY}/${label}`);
  throw systemError(`enter network namespace ${label}`, errno);
}

function runSync<T>(action: () => T): T {
  const result = action();
  if (result instanceof Promise) {
    result.catch(() => {}); // its failure would be a second report of the same bug
    throw new TypeError('an action inside a network namespace must be synchronous, this one returned a promise');
  }
  return result;
}

// Whatever ran next would act on the wrong namespace, so nothing may run next.
function dieAbroad(label: string, errno: number): never {
  writeSync(2, `fatal: cannot leave network namespace ${label}: ${errnoName(errno)}; this process ends here\n`);
  process.exit(1);
}
