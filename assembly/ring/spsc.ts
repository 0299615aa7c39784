// A ring of byte records between one producer and one consumer, in shared memory.
//
// Producer: reserve a record (0: full, a normal answer), write it, then publish everything reserved with one atomic
// store, or abort it. Consumer: read record after record (0: nothing there), then give back everything read with one
// atomic store; a record's bytes stay valid until then.
// Counts run freely modulo 2^32; a record never wraps: a `pad` record fills what is left before the end.

import {
  REC_SIZE,
  REC_TYPE,
  RING_CAPACITY,
  RING_DATA,
  RING_HEAD,
  RING_READ,
  RING_RESERVED,
  RING_TAIL,
} from '../layout';

export const PAD: u32 = 0;

// Bytes that a record of `size` bytes takes.
@inline
export function recordSize(size: u32): u32 {
  return (size + 7) & ~7;
}

// Room for a record of `size` bytes, its REC_SIZE and REC_TYPE written; 0 when the ring is full.
export function ringReserve(ring: usize, type: u32, size: u32): usize {
  return ringReserveIn(ring, RING_CAPACITY, type, size);
}

// The same in a ring of `capacity` bytes, a power of two.
@inline
export function ringReserveIn(ring: usize, capacity: u32, type: u32, size: u32): usize {
  assert(size <= capacity / 4);
  const whole = recordSize(size);
  let at = load<u32>(ring, RING_RESERVED);
  const untilEnd = capacity - (at & (capacity - 1));
  const padding: u32 = untilEnd < whole ? untilEnd : 0;
  const free = capacity - (at - atomic.load<u32>(ring, RING_TAIL));
  if (free < padding + whole) return 0;
  if (padding > 0) {
    writeHeader(ring + RING_DATA + (at & (capacity - 1)), PAD, padding);
    at += padding;
  }
  const record = ring + RING_DATA + (at & (capacity - 1));
  writeHeader(record, type, whole);
  store<u32>(ring, at + whole, RING_RESERVED);
  return record;
}

@inline
function writeHeader(record: usize, type: u32, size: u32): void {
  store<u32>(record, size, REC_SIZE);
  store<u32>(record, type, REC_TYPE);
}

export function ringPublish(ring: usize): void {
  atomic.store<u32>(ring, load<u32>(ring, RING_RESERVED), RING_HEAD);
}

export function ringAbort(ring: usize): void {
  store<u32>(ring, load<u32>(ring, RING_HEAD), RING_RESERVED);
}

// Bytes that are reserved and not yet given back, as the producer sees it.
@inline
export function ringUsed(ring: usize): u32 {
  return load<u32>(ring, RING_RESERVED) - atomic.load<u32>(ring, RING_TAIL);
}

// The next published record, 0 when there is none.
export function ringRead(ring: usize): usize {
  return ringReadIn(ring, RING_CAPACITY);
}

// The same of a ring of `capacity` bytes.
@inline
export function ringReadIn(ring: usize, capacity: u32): usize {
  while (true) {
    const at = load<u32>(ring, RING_READ);
    if (at == atomic.load<u32>(ring, RING_HEAD)) return 0;
    const record = ring + RING_DATA + (at & (capacity - 1));
    store<u32>(ring, at + load<u32>(record, REC_SIZE), RING_READ);
    if (load<u32>(record, REC_TYPE) != PAD) return record;
  }
}

// Everything read may be overwritten from now on.
export function ringRelease(ring: usize): void {
  atomic.store<u32>(ring, load<u32>(ring, RING_READ), RING_TAIL);
}
