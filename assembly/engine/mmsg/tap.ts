// Frames from a TAP (mmsg engine): the host reads one after the other, each right behind the one before, so that many
// small frames touch little memory and a super-frame has all the room it wants.

import {
  BATCH_MAX,
  CACHE_LINE,
  TAP_BUFFER_SIZE,
  TAP_READ_MAX,
  VNET_SIZE,
  W_TAP_BUFFER,
  W_TAP_IOV,
} from '../../layout';
import { readAt, readPut } from '../../datapath/reads';
import { upcallNotify } from '../../datapath/upcall';
import { beginPass, w } from '../../datapath/worker';
import { iovec } from '../descriptors';
import { takeReads } from '../tunnel-intake';

// A virtio_net_hdr is read to the end of a cache line, so that the frame begins the next.
const LEAD: u32 = CACHE_LINE - VNET_SIZE;

// The batch that the host is reading: it makes a call of the kernel between any two of these functions.
let count: u32 = 0;
let used: u32 = 0; // bytes of the buffer

@inline
function aim(): void {
  iovec(w() + W_TAP_IOV, w() + W_TAP_BUFFER + used + LEAD, TAP_READ_MAX - LEAD);
}

// The next read is the first of a batch.
export function tapBegin(): void {
  count = 0;
  used = 0;
  aim();
}

// A read answered `len` bytes. Whether there is room for another.
export function tapTook(len: u32): bool {
  readPut(readAt(count), w() + W_TAP_BUFFER + used + LEAD, len);
  count++;
  used += (LEAD + len + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
  aim();
  return count < <u32>BATCH_MAX && used < <u32>TAP_BUFFER_SIZE;
}

// The frames of the batch from `from` on, read from a VNIC's TAP or the underlay's. Answers the first not taken: send,
// then call again.
export function encapBatch(tap: u32, from: u32): u32 {
  beginPass();
  const taken = takeReads(tap, from, count);
  upcallNotify();
  return taken;
}

// Frames read in this batch.
export function tapCount(): u32 {
  return count;
}
