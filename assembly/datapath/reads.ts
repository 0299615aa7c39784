// The reads of a TAP that are taken together, whichever engine made them: where each went, how long it is, and what the
// FDB says of its destination.

import { BATCH_MAX, LOOKUP_SIZE, READ_AT, READ_LEN, W_READS } from '../layout';
import { w } from './worker';

/** The record of read number `index` of a batch, up to BATCH_MAX. */
@inline
export function readAt(index: u32): usize {
  assert(index <= <u32>BATCH_MAX);
  return w() + W_READS + <usize>index * LOOKUP_SIZE;
}

/** A read answered `len` bytes at `at`. Answers the place of the next read's record. */
@inline
export function readPut(read: usize, at: usize, len: u32): usize {
  store<u32>(read, <u32>at, READ_AT);
  store<u32>(read, len, READ_LEN);
  return read + LOOKUP_SIZE;
}
