// What a second has of something, shared by the overlays: none takes more than SHARE times what is left. Three quarters
// if it is alone; a newcomer finds some, however many have taken theirs. A record for all, at 0, and one for each
// overlay, of two words: u32 the second it is of, u32 taken in it.
//
// The same holds for frames and questions that wait (hold.ts), for frames that are to be copied (replica-slots.ts), and
// for rings (../ring/shares.ts). Entries of the FDB, which can be taken back, are shared otherwise: ../table/evict.ts.

import { SHARE } from '../layout';
import { nowMs } from './worker';

const SECOND: usize = 0;
const TAKEN: usize = 4;
const RECORD_SIZE: usize = 8;

// Takes one of `perSecond` for the overlay from the records at `at`; false when it may have no more in this second.
export function takeShare(at: usize, perSecond: u32, overlay: u32): bool {
  const second = <u32>(<u64>nowMs() / 1000);
  const own = at + <usize>overlay * RECORD_SIZE;
  const all = takenOf(at, second) + 1;
  const mine = takenOf(own, second) + 1;
  if (all > perSecond || mine > (perSecond - all) * <u32>SHARE) return false;
  write(at, second, all);
  write(own, second, mine);
  return true;
}

@inline
function takenOf(record: usize, second: u32): u32 {
  return load<u32>(record, SECOND) == second ? load<u32>(record, TAKEN) : 0;
}

@inline
function write(record: usize, second: u32, taken: u32): void {
  store<u32>(record, second, SECOND);
  store<u32>(record, taken, TAKEN);
}
