// Where frames wait to be copied (replicate.ts): slots for common frames, and a few for those that are longer. A slot
// that was never used costs no memory. One that was freed is not used again in the same pass, as its bytes may still be
// listed for output; so those that were freed first are taken first.

import {
  POOL_FREE,
  POOL_FRESH,
  POOL_LAST,
  POOL_SIZE,
  POOL_USED,
  REPLICA_FRAME,
  REPLICA_FREED,
  REPLICA_LARGE_MAX,
  REPLICA_LARGE_SIZE,
  REPLICA_NEXT,
  REPLICA_SMALL_MAX,
  REPLICA_SMALL_SIZE,
  W_REPLICA_LARGE,
  W_REPLICA_POOLS,
  W_REPLICA_SMALL,
  SHARE,
} from '../layout';
import { currentPass, w } from './worker';

@inline
export function isSmall(slot: u32): bool {
  return slot <= <u32>REPLICA_SMALL_MAX;
}

@inline
function poolOf(small: bool): usize {
  return w() + W_REPLICA_POOLS + (small ? 0 : POOL_SIZE);
}

// Slots count from 1.
@inline
export function slotAt(slot: u32): usize {
  if (isSmall(slot)) return w() + W_REPLICA_SMALL + <usize>(slot - 1) * REPLICA_SMALL_SIZE;
  return w() + W_REPLICA_LARGE + <usize>(slot - 1 - REPLICA_SMALL_MAX) * REPLICA_LARGE_SIZE;
}

// A slot for a frame of `len` bytes, of a sender that has so many of each kind already: fewer than SHARE times what is
// free. 0: it may not have one more.
export function slotTake(len: u32, ownSmall: u32, ownLarge: u32): u32 {
  if (len > <u32>(REPLICA_LARGE_SIZE - REPLICA_FRAME)) return 0;
  const small = len <= <u32>(REPLICA_SMALL_SIZE - REPLICA_FRAME);
  const pool = poolOf(small);
  const all: u32 = small ? REPLICA_SMALL_MAX : REPLICA_LARGE_MAX;
  const used = load<u32>(pool, POOL_USED);
  if ((small ? ownSmall : ownLarge) >= (all - used) * <u32>SHARE) return 0;
  const freed = load<u32>(pool, POOL_FREE);
  const fresh = load<u32>(pool, POOL_FRESH);
  let slot: u32 = 0;
  if (freed != 0 && load<u32>(slotAt(freed), REPLICA_FREED) != currentPass()) {
    slot = freed;
    store<u32>(pool, load<u32>(slotAt(freed), REPLICA_NEXT), POOL_FREE);
  } else if (fresh < all) {
    slot = fresh + 1 + (small ? 0 : REPLICA_SMALL_MAX);
    store<u32>(pool, fresh + 1, POOL_FRESH);
  } else return 0;
  store<u32>(pool, used + 1, POOL_USED);
  return slot;
}

export function slotFree(slot: u32): void {
  const pool = poolOf(isSmall(slot));
  store<u32>(slotAt(slot), 0, REPLICA_NEXT);
  store<u32>(slotAt(slot), currentPass(), REPLICA_FREED);
  if (load<u32>(pool, POOL_FREE) == 0) store<u32>(pool, slot, POOL_FREE);
  else store<u32>(slotAt(load<u32>(pool, POOL_LAST)), slot, REPLICA_NEXT);
  store<u32>(pool, slot, POOL_LAST);
  store<u32>(pool, load<u32>(pool, POOL_USED) - 1, POOL_USED);
}
