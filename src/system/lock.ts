/** An advisory lock on an open file, which the kernel takes away when the process ends, however that comes. */
import { EAGAIN, systemError } from './errno.js';
import { flock, lastErrno } from './libc.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** True when the lock is ours until `fd` is closed; false when somebody else has it. */
export function tryLock(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) >= 0) return true;
  const errno = lastErrno();
  if (errno === EAGAIN) return false;
  throw systemError(`lock descriptor ${fd}`, errno);
}
