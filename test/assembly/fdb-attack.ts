// Keys that meet in one place of the FDB, as somebody would look for them who knows the hash.

import { FDB_WAYS } from '../../assembly/layout';
import { fdbBucket, fdbFirst, fdbWay } from '../../assembly/table/fdb';
import { hash64 } from '../../assembly/table/hash';

// The finaliser of MurmurHash3, which was the FDB's hash once: it has no key.
function murmur(key: u64): u64 {
  let h = key ^ (key >> 33);
  h *= 0xff51afd7ed558ccd;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53;
  return <u32>(h ^ (h >> 33));
}

// Writes `count` keys of overlay 1 whose hash falls into the first of `parts` equal parts of all hashes: of the one
// above if `old`, else of the FDB's own first bucket, with the numbers that the header holds now. Answers how many
// were tried.
export function aimKeys(keys: usize, count: u32, parts: u32, buckets: u32, old: bool): u32 {
  let mac: u64 = 2;
  let found: u32 = 0;
  let tried: u32 = 0;
  while (found < count) {
    mac = (mac + 0x9e3779b97f4) & 0xffff_ffff_fffc | 2; // any unicast MACs, never the same twice for long
    const key = ((<u64>1) << 48) | mac;
    tried++;
    const isHit = old
      ? (murmur(key) & (parts * 128 - 1)) < 128
      : fdbFirst(hash64(key)) < max(1, buckets / parts);
    if (!isHit) continue;
    store<u64>(keys + ((<usize>found) << 3), key);
    found++;
  }
  return tried;
}

// Buckets that a lookup of a key reads.
export function probes(key: u64): u32 {
  return fdbWay(fdbBucket(fdbFirst(hash64(key))), key) < <u32>FDB_WAYS ? 1 : 2;
}

