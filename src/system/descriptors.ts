/** Descriptors of another process, as duplicates: both then hold the same TAP queue or socket (pidfd_getfd(2)). */
import { check } from './errno.js';
import { close, prctl, syscallPidfd } from './libc.js';

const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438; // since Linux 5.6
const PR_SET_PTRACER = 0x59616d61;

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
