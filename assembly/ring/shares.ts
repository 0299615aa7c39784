// What of a ring each overlay has: no more bytes than SHARE times what is free then. So whoever floods one with frames
// for proxies, or has one fill up with answers, leaves some to the others. The producer alone keeps count: what a
// record took is free when the consumer has given it back, and until the producer writes there it can still be read.

import {
  OVERLAYS_MAX,
  REC_OVERLAY,
  REC_SIZE,
  REC_TYPE,
  RING_CAPACITY,
  RING_DATA,
  RING_HEAD,
  RING_SETTLED,
  RING_SHARES,
  RING_TAIL,
  SHARE,
} from '../layout';
import { PAD, recordSize, ringReserve, ringUsed } from './spsc';

@inline
function shareOf(ring: usize, overlay: u32): usize {
  return ring + RING_SHARES + ((<usize>overlay) << 2);
}

// As ringReserve, for an overlay: its index is written, and 0, which is nobody, is bound by no share. 0 also if more
// than `room` bytes of the ring would be used then.
export function ringReserveFor(ring: usize, type: u32, size: u32, overlay: u32, room: u32): usize {
  settle(ring, load<u32>(ring, RING_SETTLED), atomic.load<u32>(ring, RING_TAIL), -1);
  const share = shareOf(ring, overlay);
  const own = load<u32>(share) + recordSize(size);
  const used = ringUsed(ring) + recordSize(size);
  if (used > room || (overlay != 0 && own > (room - used) * <u32>SHARE)) return 0;
  const record = ringReserve(ring, type, size);
  if (record == 0) return 0;
  store<u32>(record, overlay, REC_OVERLAY);
  store<u32>(share, own);
  return record;
}

// Counts anew. To be called by a producer that starts, when all that is reserved is published.
export function ringSharesStart(ring: usize): void {
  memory.fill(ring + RING_SHARES, 0, OVERLAYS_MAX * 4);
  const tail = atomic.load<u32>(ring, RING_TAIL);
  settle(ring, tail, load<u32>(ring, RING_HEAD), 1);
  store<u32>(ring, tail, RING_SETTLED);
}

// Adds the records from one count up to another to what their overlays have, or takes them off.
function settle(ring: usize, from: u32, to: u32, sign: i32): void {
  if (from == to) return;
  for (let at = from; at != to; ) {
    const record = ring + RING_DATA + (at & (RING_CAPACITY - 1));
    const size = load<u32>(record, REC_SIZE);
    at += size;
    if (load<u32>(record, REC_TYPE) == PAD) continue;
    const share = shareOf(ring, load<u32>(record, REC_OVERLAY));
    store<u32>(share, load<u32>(share) + sign * size);
  }
  store<u32>(ring, to, RING_SETTLED);
}
