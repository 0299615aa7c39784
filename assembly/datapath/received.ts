// The datagrams of a socket that are taken together, whichever engine received them: where each is, how long it is, and
// who sent it.

import { RECEIVED_AT, RECEIVED_FROM, RECEIVED_LEN, RECEIVED_SIZE, RX_MAX, W_RECEIVED } from '../layout';
import { w } from './worker';

/** The record of datagram number `index` of a batch, up to RX_MAX. */
@inline
export function receivedAt(index: u32): usize {
  assert(index <= <u32>RX_MAX);
  return w() + W_RECEIVED + <usize>index * RECEIVED_SIZE;
}

/** The record of one that is taken by itself, while those of a batch stay as they are. */
@inline
export function receivedAlone(): usize {
  return receivedAt(RX_MAX);
}

/** A datagram of `len` bytes is at `at`, from the struct sockaddr at `from`. Answers the place of the next record. */
@inline
export function receivedPut(record: usize, at: usize, len: u32, from: usize): usize {
  store<u32>(record, <u32>at, RECEIVED_AT);
  store<u32>(record, len, RECEIVED_LEN);
  store<u32>(record, <u32>from, RECEIVED_FROM);
  return record + RECEIVED_SIZE;
}
