/** errno values as operators and programs read them. */
import { constants } from 'node:os';
import { SystemError } from '../errors.js';
import { lastErrno, strerror } from './libc.js';

export const {
  EAGAIN,
  EINTR,
  EBUSY,
  EINVAL,
  ENODEV,
  ENOENT,
  EPERM,
  EACCES,
  ENXIO,
  EADDRINUSE,
  EADDRNOTAVAIL,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  ENOBUFS,
  ENETUNREACH,
  EHOSTUNREACH,
  EAFNOSUPPORT,
  EPROTONOSUPPORT,
} = constants.errno;
/** A wait whose time was over (io_uring). */
export const { ETIME } = constants.errno;
/** What a TAP descriptor answers once its interface is gone. Node has no name for it. */
export const EBADFD = 77;

// Second names of a value; the first is the usual one.
const ALIASES = new Set(['EWOULDBLOCK', 'ENOTSUP']);
const NAMES = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, value]) => [value, name]),
);
NAMES.set(EBADFD, 'EBADFD');

/** `ENOENT` for 2; `errno 4095` for a value without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** The error for a call that failed with `errno` (positive). `what` names the call and its object. */
export function systemError(what: string, errno: number): SystemError {
  return new SystemError(what, errno, errnoName(errno), strerror(errno));
}

/** Passes on what a libc call answered; -1 becomes a thrown {@link SystemError}. Call it around the call itself. */
export function check(what: string, answer: number): number {
  if (answer >= 0) return answer;
  throw systemError(what, lastErrno());
}
