// Mixing of table keys: every bit of the key reaches the low bits, which pick the slot (after MurmurHash3's finaliser).

@inline
export function hash64(key: u64): u32 {
  let h = key ^ (key >> 33);
  h *= 0xff51afd7ed558ccd;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53;
  return <u32>(h ^ (h >> 33));
}
