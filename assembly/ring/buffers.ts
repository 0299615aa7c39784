// A ring of buffers from which multishot requests take theirs (struct io_uring_buf_ring): the worker adds at the tail,
// the kernel takes at its own head, in a system call of this thread (uring.ts).

const BUF_SIZE: usize = 16; // struct io_uring_buf { u64 address; u32 length; u16 number; u16 reserved }
const LENGTH: usize = 8;
const NUMBER: usize = 12;
const TAIL: usize = 14; // in the reserved field of the first one

// Where the next buffer goes.
@inline
export function buffersTail(ring: usize): u32 {
  return load<u16>(ring, TAIL);
}

// The entry of a ring of `entries` (a power of two) where the buffer for this tail goes.
@inline
export function bufferAt(ring: usize, entries: u32, tail: u32): usize {
  return ring + <usize>(tail & (entries - 1)) * BUF_SIZE;
}

@inline
export function bufferPut(buffer: usize, number: u32, address: u64, length: u32): void {
  store<u64>(buffer, address);
  store<u32>(buffer, length, LENGTH);
  store<u16>(buffer, <u16>number, NUMBER);
}

// The buffers before `tail` are the kernel's.
@inline
export function buffersPublish(ring: usize, tail: u32): void {
  store<u16>(ring, <u16>tail, TAIL);
}

// The kernel has no buffer.
@inline
export function buffersReset(ring: usize): void {
  store<u16>(ring, 0, TAIL);
}
