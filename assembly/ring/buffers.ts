// A ring of buffers from which multishot requests take theirs (struct io_uring_buf_ring): the worker adds at the tail,
// the kernel takes at its own head, in a system call of this thread (uring.ts).

const BUF_SIZE: usize = 16; // struct io_uring_buf { u64 address; u32 length; u16 number; u16 reserved }
const LENGTH: usize = 8;
const NUMBER: usize = 12;
const TAIL: usize = 14; // in the reserved field of the first one

// Adds a buffer to a ring of `entries` (a power of two).
@inline
export function bufferAdd(ring: usize, entries: u32, number: u32, address: u64, length: u32): void {
  const tail = load<u16>(ring, TAIL);
  const buffer = ring + <usize>(<u32>tail & (entries - 1)) * BUF_SIZE;
  store<u64>(buffer, address);
  store<u32>(buffer, length, LENGTH);
  store<u16>(buffer, <u16>number, NUMBER);
  store<u16>(ring, tail + 1, TAIL);
}

export function buffersReset(ring: usize): void {
  store<u16>(ring, 0, TAIL);
}
