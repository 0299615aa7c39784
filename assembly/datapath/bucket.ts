// Token buckets, of two words each: u32 tokens in thousandths, u32 millisecond of the last refill (0: never filled).

import { nowMs } from './worker';

const TOKEN: u32 = 1000; // so that a millisecond refills `perSecond` of these parts
const TOKENS: usize = 0;
const REFILLED: usize = 4;

// Takes a token from the bucket at `at`; false when there is none. A second's worth may be taken at once.
export function takeToken(at: usize, perSecond: u32): bool {
  const full = perSecond * TOKEN;
  const millisecond = <u32>(<u64>nowMs()) | 1; // never 0
  const refilled = load<u32>(at, REFILLED);
  const elapsed = min(millisecond - refilled, 1000);
  const refill = load<u32>(at, TOKENS) + elapsed * perSecond;
  const tokens = refilled == 0 ? full : min(refill, full);
  store<u32>(at, millisecond, REFILLED);
  const isAllowed = tokens >= TOKEN;
  store<u32>(at, isAllowed ? tokens - TOKEN : tokens, TOKENS);
  return isAllowed;
}
