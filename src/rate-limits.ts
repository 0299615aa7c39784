/** What a VNIC may send, in text and numbers. A leaf: commands, configuration files and state files say it alike. */
import { badRateLimit } from './errors.js';

export interface RateLimits {
  /** Bits of frames a second; null: no limit, as with the others. */
  readonly rateBps: number | null;
  /** Frames a second. */
  readonly ratePps: number | null;
  /** Frames to groups a second, broadcast among them. */
  readonly stormPps: number | null;
}

export type RateLimit = keyof RateLimits;

export const UNLIMITED: RateLimits = { rateBps: null, ratePps: null, stormPps: null };

/** Inclusive. */
const LIMIT_RANGES: Readonly<Record<RateLimit, readonly [min: number, max: number]>> = {
  rateBps: [8000, 1e12],
  ratePps: [1, 1e9],
  stormPps: [1, 1e9],
};

const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `1500`, `100M`, `2.5G`; `none` is null. Throws when it is none of these, or not in the range of that limit. */
export function rateLimit(limit: RateLimit, text: string): number | null {
  if (text === 'none') return null;
  const [, digits = '', factor = ''] = /^(\d{1,15}(?:\.\d{1,9})?)([kMGT]?)$/.exec(text) ?? [];
  const value = Number(digits || Number.NaN) * FACTORS[factor]!;
  const whole = Math.round(value);
  const isWhole = Math.abs(value - whole) < 1e-3; // 1.1k is no float that is whole
  return checkedLimit(limit, isWhole ? whole : value, JSON.stringify(text));
}

/** Throws when it is not in the range of that limit. `given`: as it was said. */
function checkedLimit(limit: RateLimit, value: number, given: string): number {
  const [min, max] = LIMIT_RANGES[limit];
  if (!Number.isInteger(value) || value < min || value > max) throw badRateLimit(limit, given, min, max);
  return value;
}

/** Those that are given; the others are not there. */
export function checkLimits(limits: { readonly [L in RateLimit]?: number | null | undefined }): RateLimits {
  const checked = (limit: RateLimit) => {
    const value = limits[limit] ?? null;
    return value === null ? null : checkedLimit(limit, value, String(value));
  };
  return { rateBps: checked('rateBps'), ratePps: checked('ratePps'), stormPps: checked('stormPps') };
}

export function isUnlimited({ rateBps, ratePps, stormPps }: RateLimits): boolean {
  return rateBps === null && ratePps === null && stormPps === null;
}
