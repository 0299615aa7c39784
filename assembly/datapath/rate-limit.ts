// How much a VNIC may send: bytes a second, frames a second, and frames to groups a second, broadcast among them (storm
// control). A super-frame counts as the frames it is on the wire. What is too much is dropped; nothing waits.
//
// A bucket is a moment, kept in sixteenths of a nanosecond: when it will be full again. It may be taken from as long as
// that is less than its depth away, so a frame may take more than is there, and the next ones wait for that to be made
// up: the mean is exact, whatever the sizes. Several workers take from the same buckets: a moment is moved by compare
// and swap, and between looking and taking another may have taken the last, which is made up for likewise.

import {
  BUCKET_FRACTION, Drop, LIMIT_BYTES, LIMIT_COST, LIMIT_DEPTH, LIMIT_FRAMES, LIMIT_FULL_AT, LIMIT_GROUP_FRAMES, W_CLOCK,
} from '../layout';
import { limitsAt } from '../table/records';
import { ethDst, isMulticast } from '../wire/ethernet';
import { isTracing } from './capture';
import { Frame } from './frame';
import { w } from './worker';

const SECOND: u64 = 1_000_000_000;
const UNIT_SHIFT: u64 = 4; // sixteenths

/** Why a frame of the VNIC is too much now. If it is not, it is counted. That of a trace is neither. */
export function limit(frame: Frame, vnic: u32): Drop {
  if (isTracing()) return Drop.none;
  const buckets = limitsAt(vnic);
  const isGroup = isMulticast(ethDst(frame.start));
  const now = (load<u64>(w(), W_CLOCK) * SECOND + load<u64>(w(), W_CLOCK + 8)) << UNIT_SHIFT;
  if (isGroup && !hasSome(buckets + LIMIT_GROUP_FRAMES, now)) return Drop.storm_limited;
  if (!hasSome(buckets + LIMIT_FRAMES, now) || !hasSome(buckets + LIMIT_BYTES, now)) return Drop.rate_limited;
  if (isGroup) take(buckets + LIMIT_GROUP_FRAMES, now, frame.frames);
  take(buckets + LIMIT_FRAMES, now, frame.frames);
  take(buckets + LIMIT_BYTES, now, frame.bytes);
  return Drop.none;
}

// Whether there is no limit, or something left.
@inline
function hasSome(bucket: usize, now: u64): bool {
  if (load<u64>(bucket, LIMIT_COST) == 0) return true;
  return atomic.load<u64>(bucket, LIMIT_FULL_AT) < now + load<u64>(bucket, LIMIT_DEPTH);
}

function take(bucket: usize, now: u64, count: u32): void {
  const cost = load<u64>(bucket, LIMIT_COST);
  if (cost == 0) return;
  const more = (cost * count) >> BUCKET_FRACTION;
  let fullAt = atomic.load<u64>(bucket, LIMIT_FULL_AT);
  for (;;) {
    const seen = atomic.cmpxchg<u64>(bucket, fullAt, max(fullAt, now) + more, LIMIT_FULL_AT);
    if (seen == fullAt) return;
    fullAt = seen;
  }
}
