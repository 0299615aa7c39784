/** An eventfd wakes a thread that blocks in ppoll: a worker in a system call hears nothing else. */
import { check, EAGAIN, systemError } from './errno.js';
import { lastErrno, eventfd as libcEventfd, O_CLOEXEC, O_NONBLOCK, read, write } from './libc.js';

const COUNTER_SIZE = 8;
const one = Buffer.alloc(COUNTER_SIZE);
one.writeBigUInt64LE(1n);
const counter = Buffer.alloc(COUNTER_SIZE);

/** A new eventfd: non-blocking, close-on-exec, not signalled. */
export function openEventfd(): number {
  return check('eventfd', libcEventfd(0, O_CLOEXEC | O_NONBLOCK));
}

/** Makes the descriptor readable, for every thread that polls it, until it is cleared. */
export function signalEventfd(fd: number): void {
  if (write(fd, one, COUNTER_SIZE) >= 0) return;
  const errno = lastErrno();
  // EAGAIN: the counter is full, so it is signalled already.
  if (errno !== EAGAIN) throw systemError(`signal eventfd ${fd}`, errno);
}

/** Takes the signal away; a descriptor that is not signalled stays so. */
export function clearEventfd(fd: number): void {
  if (read(fd, counter, COUNTER_SIZE) >= 0) return;
  const errno = lastErrno();
  if (errno !== EAGAIN) throw systemError(`clear eventfd ${fd}`, errno);
}
