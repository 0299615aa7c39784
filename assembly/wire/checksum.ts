// The Internet checksum, RFC 1071: the complement of the one's complement sum of 16-bit words.
//
// One's complement addition does not care about byte order (RFC 1071 section 2B), so the loops add the words as the
// machine loads them and swap once at the end. Nor does it care when carries are folded, so the loops widen.
//
// A *sum* is folded to 16 bits and not complemented, with the byte order of RFC text: it may be the `initial` of the
// next call if the bytes before were even in number.
//
// The vector loop: the only multiply-and-add that makes one 32-bit lane of two 16-bit words is a signed one, so every
// word has 0x8000 taken away first (its top bit flipped), and gets it back in the end: 2^16 per lane and turn, which
// is 2^14 per byte. Three operations for 16 bytes; the unsigned pairwise add takes one more and was slower.

const STRIDE: u32 = 64; // bytes of one turn: four accumulators hide the latency of the adds
// A lane moves by at most 2^16 a turn, so four accumulators of 2^12 turns add up to at most 2^30.
const BLOCK: u32 = STRIDE << 12;
const BIAS_SHIFT: u64 = 14;

/** Folds a sum to 16 bits, carries added back. */
@inline
export function foldSum(sum: u64): u32 {
  let folded = (sum & 0xffff_ffff) + (sum >> 32);
  folded = (folded & 0xffff) + ((folded >> 16) & 0xffff) + (folded >> 32);
  folded = (folded & 0xffff) + (folded >> 16);
  return <u32>((folded & 0xffff) + (folded >> 16));
}

/** Eight words, less 0x8000 each, as four sums of two. */
@inline
function addPairs(words: v128): v128 {
  return i32x4.dot_i16x8_s(v128.xor(words, i16x8.splat(-0x8000)), i16x8.splat(1));
}

/** The sum of the words that `lanes` holds, of `len` bytes. */
@inline
function unbias(lanes: v128, len: u32): u64 {
  const pairs = i64x2.add(i64x2.extend_low_i32x4_s(lanes), i64x2.extend_high_i32x4_s(lanes));
  const biased = i64x2.extract_lane(pairs, 0) + i64x2.extract_lane(pairs, 1);
  return <u64>biased + (<u64>len << BIAS_SHIFT);
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

/** Sum of at most BLOCK bytes in machine order, not folded. */
function sumBlock(ptr: usize, len: u32): u64 {
  assert(len <= BLOCK);
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const stop = ptr + (len & ~(STRIDE - 1));
  while (ptr < stop) {
    a = i32x4.add(a, addPairs(v128.load(ptr, 0)));
    b = i32x4.add(b, addPairs(v128.load(ptr, 16)));
    c = i32x4.add(c, addPairs(v128.load(ptr, 32)));
    d = i32x4.add(d, addPairs(v128.load(ptr, 48)));
    ptr += STRIDE;
  }
  if (len & 32) {
    a = i32x4.add(a, addPairs(v128.load(ptr, 0)));
    b = i32x4.add(b, addPairs(v128.load(ptr, 16)));
    ptr += 32;
  }
  if (len & 16) {
    c = i32x4.add(c, addPairs(v128.load(ptr)));
    ptr += 16;
  }
  const lanes = i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
  return unbias(lanes, len & ~15) + sumTail(ptr, len & 15);
}

/** Copies fewer than STRIDE bytes. (`memory.copy` is a call out of the module, and dear for so few.) */
@inline
function copyTail(dst: usize, src: usize, len: u32): void {
  while (len >= 16) {
    v128.store(dst, v128.load(src));
    dst += 16;
    src += 16;
    len -= 16;
  }
  if (len & 8) {
    store<u64>(dst, load<u64>(src));
    dst += 8;
    src += 8;
  }
  if (len & 4) {
    store<u32>(dst, load<u32>(src));
    dst += 4;
    src += 4;
  }
  if (len & 2) {
    store<u16>(dst, load<u16>(src));
    dst += 2;
    src += 2;
  }
  if (len & 1) store<u8>(dst, load<u8>(src));
}

/** Copies and sums a multiple of STRIDE, at most BLOCK bytes. */
function copyBlock(dst: usize, src: usize, len: u32): u64 {
  assert(len <= BLOCK && (len & (STRIDE - 1)) == 0);
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const stop = src + len;
  while (src < stop) {
    const v0 = v128.load(src, 0);
    const v1 = v128.load(src, 16);
    const v2 = v128.load(src, 32);
    const v3 = v128.load(src, 48);
    v128.store(dst, v0, 0);
    v128.store(dst, v1, 16);
    v128.store(dst, v2, 32);
    v128.store(dst, v3, 48);
    a = i32x4.add(a, addPairs(v0));
    b = i32x4.add(b, addPairs(v1));
    c = i32x4.add(c, addPairs(v2));
    d = i32x4.add(d, addPairs(v3));
    src += STRIDE;
    dst += STRIDE;
  }
  return unbias(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)), len);
}

/** A sum in machine order as one of RFC text order. */
@inline
function toNetworkOrder(sum: u64): u32 {
  return <u32>bswap<u16>(<u16>foldSum(sum));
}

/** Sum of `len` bytes and `initial`, 0..0xffff. Any length, any alignment; an odd last byte counts as if 0 followed. */
export function sum(ptr: usize, len: u32, initial: u32): u32 {
  assert(initial <= 0xffff);
  let total: u64 = 0;
  while (len > BLOCK) {
    total += sumBlock(ptr, BLOCK);
    ptr += BLOCK;
    len -= BLOCK;
  }
  total += sumBlock(ptr, len);
  return foldSum(<u64>toNetworkOrder(total) + <u64>initial);
}

/**
 * The checksum of `len` bytes and `initial` (a pseudo header's sum, or 0): what belongs into the field when the field
 * was zero, and 0 when the bytes contain a right checksum already.
 */
@inline
export function checksum(ptr: usize, len: u32, initial: u32): u32 {
  return sum(ptr, len, initial) ^ 0xffff;
}

/**
 * Sum of `len` bytes, which are copied from `src` to `dst` on the way. The two may overlap if `dst` is before `src`:
 * every piece is loaded before anything is stored at or after it.
 */
export function copyAndSum(dst: usize, src: usize, len: u32): u32 {
  assert(dst <= src || src + len <= dst);
  let total: u64 = 0;
  while (len >= STRIDE) {
    const part = min(len & ~(STRIDE - 1), BLOCK);
    total += copyBlock(dst, src, part);
    dst += part;
    src += part;
    len -= part;
  }
  copyTail(dst, src, len);
  return toNetworkOrder(total + sumBlock(dst, len));
}

/** Copies `len` bytes; `dst` may overlap `src` from before. For frames: below a few KiB it beats `memory.copy`. */
export function copyBytes(dst: usize, src: usize, len: u32): void {
  assert(dst <= src || src + len <= dst);
  const stop = src + (len & ~(STRIDE - 1));
  while (src < stop) {
    const v0 = v128.load(src, 0);
    const v1 = v128.load(src, 16);
    const v2 = v128.load(src, 32);
    const v3 = v128.load(src, 48);
    v128.store(dst, v0, 0);
    v128.store(dst, v1, 16);
    v128.store(dst, v2, 32);
    v128.store(dst, v3, 48);
    src += STRIDE;
    dst += STRIDE;
  }
  copyTail(dst, src, len & (STRIDE - 1));
}
