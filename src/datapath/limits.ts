/** What the datapath knows of the rate limits of VNICs; see assembly/datapath/rate-limit.ts. */
import {
  BUCKET_FRACTION,
  LIMIT_BYTES,
  LIMIT_COST,
  LIMIT_DEPTH,
  LIMIT_FRAMES,
  LIMIT_FULL_AT,
  LIMIT_GROUP_FRAMES,
  LIMITS_BASE,
  VNIC_FLAG_LIMITED,
  VNIC_LIMITS_SIZE,
} from '../../assembly/layout.js';
import { isUnlimited, type RateLimits } from '../rate-limits.js';
import type { Views } from './memory.js';
import type { VnicIndex } from './types.js';

/** Sixteenths of a nanosecond. */
const SECOND = 16_000_000_000;

/** What may come at once: so many seconds' worth, and at least so many. */
const BURSTS = {
  /** As many as two super-frames. */
  bytes: { seconds: 0.1, least: 131_072 },
  frames: { seconds: 0.1, least: 256 },
  /** A host that comes up has more to say to groups than later. */
  groupFrames: { seconds: 1, least: 32 },
} as const;

/** In force from now on. Answers the flag of the VNIC. */
export function writeLimits(views: Views, index: VnicIndex, limits: RateLimits): number {
  const { rateBps, ratePps, stormPps } = limits;
  const bucket = (offset: number, perSecond: number | null, { seconds, least }: { seconds: number; least: number }) => {
    const at = (LIMITS_BASE + index * VNIC_LIMITS_SIZE + offset) >> 3;
    const cost = perSecond === null ? 0 : SECOND / perSecond;
    const set = (field: number, value: number) => {
      views.u64[at + (field >> 3)] = BigInt(Math.round(value));
    };
    set(LIMIT_DEPTH, Math.max(seconds * SECOND, least * cost));
    set(LIMIT_COST, cost * 2 ** BUCKET_FRACTION);
    set(LIMIT_FULL_AT, 0);
  };
  bucket(LIMIT_BYTES, rateBps === null ? null : rateBps / 8, BURSTS.bytes);
  bucket(LIMIT_FRAMES, ratePps, BURSTS.frames);
  bucket(LIMIT_GROUP_FRAMES, stormPps, BURSTS.groupFrames);
  return isUnlimited(limits) ? 0 : VNIC_FLAG_LIMITED;
}
