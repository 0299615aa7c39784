/**
 * The calls of the packet path. They never throw: the answer is >= 0, or -errno. Every address is a JS number: the
 * place of bytes in this process, usually inside the shared memory (`addressOf` its view + offset). They allocate
 * nothing. -EINTR is an answer too: callers just go round their loop again.
 */
import {
  CLOCK_MONOTONIC,
  lastErrno,
  clockGettime as libcClockGettime,
  close as libcClose,
  ppoll as libcPpoll,
  readv as libcReadv,
  recvmmsg as libcRecvmmsg,
  schedYield as libcSchedYield,
  sendmmsg as libcSendmmsg,
  writev as libcWritev,
  pointerTo,
} from './libc.js';

const answerOf = (value: number): number => (value >= 0 ? value : -lastErrno());

/** Bytes read into `count` iovecs. On a TAP: one whole frame, cut at the room there is. */
export function readv(fd: number, iovAddress: number, count: number): number {
  return answerOf(libcReadv(fd, iovAddress, count));
}

/** Bytes written. On a TAP: one whole frame. */
export function writev(fd: number, iovAddress: number, count: number): number {
  return answerOf(libcWritev(fd, iovAddress, count));
}

/** Datagrams received into mmsghdr[count]; the kernel sets msg_len, msg_namelen and msg_flags of each. */
export function recvmmsg(fd: number, mmsghdrAddress: number, count: number, flags: number): number {
  return answerOf(libcRecvmmsg(fd, mmsghdrAddress, count, flags, 0));
}

/** Datagrams sent, from the first on; -errno only when the first one failed. */
export function sendmmsg(fd: number, mmsghdrAddress: number, count: number, flags: number): number {
  return answerOf(libcSendmmsg(fd, mmsghdrAddress, count, flags));
}

/** Descriptors that are ready among pollfd[count]. Timeout: address of a timespec, or 0 to wait for ever. */
export function ppoll(pollfdAddress: number, count: number, timespecAddressOr0: number): number {
  return answerOf(libcPpoll(pollfdAddress, count, timespecAddressOr0, 0));
}

/**
 * Writes CLOCK_MONOTONIC as a timespec (i64 seconds, i64 nanoseconds). No system call happens (vDSO), so a wrong
 * address is no -EFAULT but the end of the process.
 */
export function clockMonotonic(timespecAddress: number): number {
  return answerOf(libcClockGettime(CLOCK_MONOTONIC, timespecAddress));
}

/** Closes a descriptor. Never twice with the same number, whatever the answer: it may be another file by then. */
export function closeFd(fd: number): number {
  return answerOf(libcClose(fd));
}

/** The address of the first byte. Stays valid for a shared WebAssembly.Memory that cannot grow. */
export function addressOf(bytes: Uint8Array): number {
  return pointerTo(bytes);
}

/** Lets others that wait for this processor go first. */
export function schedYield(): void {
  libcSchedYield();
}
