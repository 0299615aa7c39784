// What a failed send means for the frame (Linux errno values).

import { Drop } from '../../layout';

export const EIO: i32 = 5;
export const EAGAIN: i32 = 11;
export const EINVAL: i32 = 22;
export const EMSGSIZE: i32 = 90;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;
export const ENOBUFS: i32 = 105;
const EHOSTUNREACH: i32 = 113;

export function dropOfErrno(errno: i32): Drop {
  if (errno == EMSGSIZE) return Drop.exceeds_pmtu;
  if (errno == EAGAIN || errno == ENOBUFS) return Drop.underlay_busy;
  if (errno == ENETUNREACH || errno == EHOSTUNREACH || errno == ENETDOWN) return Drop.underlay_unreachable;
  return Drop.underlay_error;
}

// What the kernel answers to UDP_SEGMENT when the outgoing device makes no checksums (EIO), or does not do it at all.
// (EINVAL may mean something else: see doubt.ts.)
export function refusesSegmentation(errno: i32): bool {
  return errno == EIO || errno == EINVAL;
}
