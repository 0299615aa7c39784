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

/**
 * A MAC address as the low 48 bits of a u64, the first byte on the wire least significant: addresses are only compared
 * and looked up, so the order in which memory has them is the cheapest. Reads exactly 6 bytes.
 */
@inline
export function loadMac(ptr: usize, offset: usize): u64 {
  return <u64>load<u32>(ptr + offset) | (<u64>load<u16>(ptr + offset + 4) << 32);
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

/** A MAC address as `loadMac` answers it: exactly 6 bytes are written. */
@inline
export function storeMac(ptr: usize, offset: usize, mac: u64): void {
  store<u32>(ptr + offset, <u32>mac);
  store<u16>(ptr + offset + 4, <u16>(mac >> 32));
}

/** 64 bits, most significant byte first. */
@inline
export function store64be(ptr: usize, offset: usize, value: u64): void {
  store<u64>(ptr + offset, bswap<u64>(value));
}
