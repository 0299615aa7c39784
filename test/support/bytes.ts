// Putting bytes where the test module can be asked about them, and making frames from frames.

import { SCRATCH, type TestModule } from './module.js';

/** What memory holds before a test writes: a byte that a view left unwritten shows. */
export const DIRT = 0xa5;

/** Copies `bytes` to SCRATCH, with dirt before and after them; answers where they are. */
export function place(m: TestModule, bytes: Uint8Array): number {
  const ptr = dirt(m, bytes.length);
  m.bytes.set(bytes, ptr);
  return ptr;
}

/** Room for `length` bytes, all dirt, as are 256 bytes on either side. */
export function dirt(m: TestModule, length: number): number {
  const ptr = SCRATCH + 256;
  m.bytes.fill(DIRT, SCRATCH, ptr + length + 256);
  return ptr;
}

/** Copies `bytes` to the very end of the memory: whoever reads behind them traps. */
export function placeAtEnd(m: TestModule, bytes: Uint8Array): number {
  const ptr = m.bytes.length - bytes.length;
  m.bytes.set(bytes, ptr);
  return ptr;
}

/** A copy of `length` bytes at `ptr`. */
export function read(m: TestModule, ptr: number, length: number): Uint8Array {
  return m.bytes.slice(ptr, ptr + length);
}

/** Whether everything but `length` bytes at `ptr` (from `dirt` or `place`) is still dirt, 256 bytes to either side. */
export function onlyWroteInside(m: TestModule, ptr: number, length: number): boolean {
  const isDirt = (byte: number): boolean => byte === DIRT;
  return (
    m.bytes.subarray(ptr - 256, ptr).every(isDirt) && m.bytes.subarray(ptr + length, ptr + length + 256).every(isDirt)
  );
}

/** `frame` with 802.1Q or 802.1ad tags after its addresses: each a TPID and tag control information as one u32. */
export function withTags(frame: Uint8Array, ...tags: number[]): Uint8Array {
  const tagged = new Uint8Array(frame.length + tags.length * 4);
  tagged.set(frame.subarray(0, 12));
  const view = new DataView(tagged.buffer);
  tags.forEach((tag, i) => {
    view.setUint32(12 + i * 4, tag);
  });
  tagged.set(frame.subarray(12), 12 + tags.length * 4);
  return tagged;
}

/** `frame` with `bytes` written over it at `offset`. */
export function withBytes(frame: Uint8Array, offset: number, ...bytes: number[]): Uint8Array {
  const edited = frame.slice();
  edited.set(bytes, offset);
  return edited;
}

/** The Internet checksum (RFC 1071) the slow way, by its definition. */
export function slowChecksum(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** A MAC address as the module keeps it: the first byte on the wire least significant. */
export function macWord(mac: string): bigint {
  return BigInt(`0x${mac.split(':').reverse().join('')}`);
}
