/**
 * Descriptors of another process, as duplicates: both then hold the same TAP queue or socket (pidfd_getfd(2)). And what
 * other programs are not to have of this one.
 */
import { check } from './errno.js';
import { close, prctl, syscallCloseRange, syscallPidfd } from './libc.js';

const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438; // since Linux 5.6
const PR_SET_PTRACER = 0x59616d61;
const SYS_CLOSE_RANGE = 436; // since Linux 5.9
const CLOSE_RANGE_CLOEXEC = 4; // since Linux 5.11
const FIRST_UNNAMED = 3;
const LAST = 0xffff_ffff;

/**
 * Duplicates of descriptors that the process has, close-on-exec, in the same order. All or none: throws where the
 * process has ended, or does not let this one have them, see {@link letTake}.
 */
export function takeDescriptors(pid: number, descriptors: readonly number[]): number[] {
  const what = `take descriptors of process ${pid}`;
  const process = check(what, syscallPidfd(SYS_PIDFD_OPEN, pid, 0, 0));
  const taken: number[] = [];
  try {
    for (const each of descriptors) taken.push(check(what, syscallPidfd(SYS_PIDFD_GETFD, process, each, 0)));
    return taken;
  } catch (thrown) {
    for (const fd of taken) close(fd);
    throw thrown;
  } finally {
    close(process);
  }
}

/**
 * The process may take descriptors of this one from now on. Where the Yama module restricts ptrace(2), another process
 * of the same user may not without this; where there is no Yama it says nothing, and nothing is restricted.
 */
export function letTake(pid: number): void {
  prctl(PR_SET_PTRACER, pid);
}

/**
 * Programs that are started from now on inherit nothing of what whoever has started this process had open, as a lock or
 * a file of root's. Before Linux 5.11 it does nothing.
 */
export function keepDescriptors(): void {
  syscallCloseRange(SYS_CLOSE_RANGE, FIRST_UNNAMED, LAST, CLOSE_RANGE_CLOEXEC);
}
