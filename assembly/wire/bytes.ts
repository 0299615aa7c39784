// Network byte order lives here and nowhere else: every view of this room reads and writes through these.
// `offset` is a constant at every call, so that it becomes the immediate of the memory instruction.
// Nothing here checks bounds: a view's check (see README.md) has done so before.

/** 16 bits, most significant byte first. */
@inline
export function load16be(ptr: usize, offset: usize): u32 {
  return <u32>bswap<u16>(load<u16>(ptr + offset));
}

/** 32 bits, most significant byte first. */
@inline
export function load32be(ptr: usize, offset: usize): u32 {
  return bswap<u32>(load<u32>(ptr + offset));
}

/** 48 bits (a MAC address) as the low bits of a u64, the first byte on the wire most significant. */
@inline
export function load48be(ptr: usize, offset: usize): u64 {
  return (<u64>load32be(ptr, offset) << 16) | <u64>load16be(ptr, offset + 4);
}

/** 64 bits, most significant byte first. */
@inline
export function load64be(ptr: usize, offset: usize): u64 {
  return bswap<u64>(load<u64>(ptr + offset));
}

/** The low 16 bits of `value`, most significant byte first. */
@inline
export function store16be(ptr: usize, offset: usize, value: u32): void {
  store<u16>(ptr + offset, bswap<u16>(<u16>value));
}

/** 32 bits, most significant byte first. */
@inline
export function store32be(ptr: usize, offset: usize, value: u32): void {
  store<u32>(ptr + offset, bswap<u32>(value));
}

/** The low 48 bits of `value`: exactly 6 bytes are written. */
@inline
export function store48be(ptr: usize, offset: usize, value: u64): void {
  store32be(ptr, offset, <u32>(value >> 16));
  store16be(ptr, offset + 4, <u32>value);
}

/** 64 bits, most significant byte first. */
@inline
export function store64be(ptr: usize, offset: usize, value: u64): void {
  store<u64>(ptr + offset, bswap<u64>(value));
}
