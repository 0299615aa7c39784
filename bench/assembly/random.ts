// Keys in random order. A table that is asked in the order it was filled in would be measured from its caches.

const KEY: usize = 8; // bytes

let state: u64 = 1;

// xorshift64*, Vigna 2016.
@inline
export function random(): u64 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1d;
}

// Every run of a bench sees the same keys. `seed` is not 0.
export function seed(value: u64): void {
  state = value;
}

// A unicast, locally administered MAC.
@inline
export function randomMac(): u64 {
  return (random() >> 16 & 0xffff_ffff_fffc) | 2;
}

@inline
export function keyAt(keys: usize, index: u32): usize {
  return keys + <usize>index * KEY;
}

// Fisher and Yates.
export function shuffle(keys: usize, count: u32): void {
  for (let last = count - 1; last > 0; last--) {
    const other = keyAt(keys, <u32>((random() >> 32) % (last + 1)));
    const key = load<u64>(other);
    store<u64>(other, load<u64>(keyAt(keys, last)));
    store<u64>(keyAt(keys, last), key);
  }
}

// `total` keys drawn at random from the first `count`, written over `drawn`.
export function draw(keys: usize, count: u32, drawn: usize, total: u32): void {
  for (let index: u32 = 0; index < total; index++) {
    store<u64>(keyAt(drawn, index), load<u64>(keyAt(keys, <u32>((random() >> 32) % count))));
  }
}
