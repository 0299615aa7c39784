// Keyed hashing. Strangers choose the keys of our tables (MACs), so whoever knew their hashes could aim all of them at
// one place. The numbers in HDR_HASH_KEYS are drawn at start and leave the process by no way.
//
// First a strongly universal step (Dietzfelbinger's multiply-shift over the key's two halves): two keys chosen without
// knowing the numbers meet with the chance of random ones. Its low bits are weak, and keys in arithmetic progression
// stay in one; hence the second step, which folds the high half into the low one and multiplies by another secret.

import { HDR_HASH_KEYS } from '../layout';

// Both halves of the answer may be used as hashes of their own.
@inline
export function hash64(key: u64): u64 {
  const h = product(key);
  return h ^ (h >> 32);
}

// The high half of that.
@inline
export function hash64High(key: u64): u64 {
  return product(key) >> 32;
}

@inline
function product(key: u64): u64 {
  let h = load<u64>(HDR_HASH_KEYS);
  h += <u64><u32>key * load<u64>(HDR_HASH_KEYS, 8) + (key >> 32) * load<u64>(HDR_HASH_KEYS, 16);
  return (h ^ (h >> 32)) * load<u64>(HDR_HASH_KEYS, 24);
}
