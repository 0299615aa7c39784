// The reads of a TAP that are taken together, whichever engine made them: where each went, and how long it is.

import { BATCH_MAX, W_TAP_AT, W_TAP_LEN } from '../layout';
import { w } from './worker';

/** Read number `index` of a batch, below BATCH_MAX, answered `len` bytes at `at`. */
@inline
export function readPut(index: u32, at: usize, len: u32): void {
  assert(index < <u32>BATCH_MAX);
  store<u32>(w() + ((<usize>index) << 2), <u32>at, W_TAP_AT);
  store<u32>(w() + ((<usize>index) << 2), len, W_TAP_LEN);
}

@inline
export function readAt(index: u32): usize {
  return load<u32>(w() + ((<usize>index) << 2), W_TAP_AT);
}

@inline
export function readLen(index: u32): u32 {
  return load<u32>(w() + ((<usize>index) << 2), W_TAP_LEN);
}
