// An FDB in a memory of its own, with hash keys that are the same in every run.

import { HASH_KEYS_SIZE, HDR_FDB_BASE, HDR_FDB_BUCKETS, HDR_FDB_LIMIT, HDR_HASH_KEYS } from '../../assembly/layout.js';

/** Where its buckets begin. */
export const FDB_BASE = 2 << 20;

/** Fills the header. Instances are to be attached after it. */
export function layOut(memory: ArrayBufferLike, limit: number, buckets: number, seed = 1): void {
  const header = new DataView(memory);
  header.setUint32(HDR_FDB_BASE, FDB_BASE, true);
  header.setUint32(HDR_FDB_BUCKETS, buckets, true);
  header.setUint32(HDR_FDB_LIMIT, limit, true);
  let state = BigInt(seed);
  for (let at = 0; at < HASH_KEYS_SIZE; at += 8) {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    header.setBigUint64(HDR_HASH_KEYS + at, (state ^ (state >> 29n)) | 1n, true);
  }
}
