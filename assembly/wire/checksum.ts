// The Internet checksum, RFC 1071: the complement of the one's complement sum of 16-bit words.
//
// One's complement addition does not care about byte order (RFC 1071 section 2B), so the loops add the words as the
// machine loads them and swap once at the end. Nor does it care when carries are folded, so the loops widen: 16-bit
// words into 32-bit lanes, lanes into a u64. A *sum* is folded to 16 bits and not complemented, with the byte order of
// RFC text: it may be the `initial` of the next call if the bytes before were even in number.

const STRIDE: u32 = 64; // bytes of one turn of the vector loop: four accumulators hide the latency of the adds
const VECTOR: u32 = 16;
// A 32-bit lane takes two words, at most 2 * 0xffff, per turn: 2^15 turns cannot overflow it.
const BLOCK: u32 = STRIDE << 15;

/** Folds a sum to 16 bits, carries added back. */
@inline
export function foldSum(sum: u64): u32 {
  let folded = (sum & 0xffff_ffff) + (sum >> 32);
  folded = (folded & 0xffff) + ((folded >> 16) & 0xffff) + (folded >> 32);
  folded = (folded & 0xffff) + (folded >> 16);
  return <u32>((folded & 0xffff) + (folded >> 16));
}

/** The four 32-bit lanes as one number. */
@inline
function addLanes(lanes: v128): u64 {
  const pairs = i64x2.add(i64x2.extend_low_i32x4_u(lanes), i64x2.extend_high_i32x4_u(lanes));
  return <u64>i64x2.extract_lane(pairs, 0) + <u64>i64x2.extract_lane(pairs, 1);
}

/** Sum of fewer than 16 bytes in machine order; an odd last byte is the first half of a word. */
@inline
function sumTail(ptr: usize, len: u32): u64 {
  let sum: u64 = 0;
  if (len & 8) {
    sum += <u64>load<u32>(ptr) + <u64>load<u32>(ptr, 4);
    ptr += 8;
  }
  if (len & 4) {
    sum += <u64>load<u32>(ptr);
    ptr += 4;
  }
  if (len & 2) {
    sum += <u64>load<u16>(ptr);
    ptr += 2;
  }
  if (len & 1) sum += <u64>load<u8>(ptr);
  return sum;
}

/** Sum of `len` bytes in machine order, not folded. Any length, any alignment. */
function sumBytes(ptr: usize, len: u32): u64 {
  let sum: u64 = 0;
  while (len >= STRIDE) {
    let stop = ptr + min(len & ~(STRIDE - 1), BLOCK);
    len -= <u32>(stop - ptr);
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    do {
      a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(v128.load(ptr, 0)));
      b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(v128.load(ptr, 16)));
      c = i32x4.add(c, i32x4.extadd_pairwise_i16x8_u(v128.load(ptr, 32)));
      d = i32x4.add(d, i32x4.extadd_pairwise_i16x8_u(v128.load(ptr, 48)));
      ptr += STRIDE;
    } while (ptr < stop);
    sum += addLanes(a) + addLanes(b) + addLanes(c) + addLanes(d);
  }
  while (len >= VECTOR) {
    sum += addLanes(i32x4.extadd_pairwise_i16x8_u(v128.load(ptr)));
    ptr += VECTOR;
    len -= VECTOR;
  }
  return sum + sumTail(ptr, len);
}

/** A sum in machine order as one of RFC text order. */
@inline
function toNetworkOrder(sum: u64): u32 {
  return <u32>bswap<u16>(<u16>foldSum(sum));
}

/** Sum of `len` bytes and `initial`, 0..0xffff. An odd last byte counts as if a zero followed. */
export function sum(ptr: usize, len: u32, initial: u32): u32 {
  return foldSum(<u64>toNetworkOrder(sumBytes(ptr, len)) + <u64>initial);
}

/**
 * The checksum of `len` bytes and `initial` (a pseudo header's sum, or 0): what belongs into the field when the field
 * was zero, and 0 when the bytes contain a right checksum already.
 */
export function checksum(ptr: usize, len: u32, initial: u32): u32 {
  return sum(ptr, len, initial) ^ 0xffff;
}

/** Sum of `len` bytes, which are copied from `src` to `dst` on the way. The two must not overlap. */
export function copyAndSum(dst: usize, src: usize, len: u32): u32 {
  assert(dst + len <= src || src + len <= dst);
  let sum: u64 = 0;
  while (len >= STRIDE) {
    let stop = src + min(len & ~(STRIDE - 1), BLOCK);
    len -= <u32>(stop - src);
    let a = i32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    do {
      const v0 = v128.load(src, 0);
      const v1 = v128.load(src, 16);
      const v2 = v128.load(src, 32);
      const v3 = v128.load(src, 48);
      v128.store(dst, v0, 0);
      v128.store(dst, v1, 16);
      v128.store(dst, v2, 32);
      v128.store(dst, v3, 48);
      a = i32x4.add(a, i32x4.extadd_pairwise_i16x8_u(v0));
      b = i32x4.add(b, i32x4.extadd_pairwise_i16x8_u(v1));
      c = i32x4.add(c, i32x4.extadd_pairwise_i16x8_u(v2));
      d = i32x4.add(d, i32x4.extadd_pairwise_i16x8_u(v3));
      src += STRIDE;
      dst += STRIDE;
    } while (src < stop);
    sum += addLanes(a) + addLanes(b) + addLanes(c) + addLanes(d);
  }
  const rest = sumBytes(src, len);
  memory.copy(dst, src, len);
  return toNetworkOrder(sum + rest);
}
