/** mmsghdrs for our own sender and receiver of UDP: one system call for up to 64 datagrams, from flat memory. */
import { pointerTo } from '../../src/system/libc.js';

//  mmsghdr   0      8          16    24       32        40            48      56       60
//          | name | name len | iov | iovlen | control | control len | flags | length |
const MMSGHDR_SIZE = 64;
const IOVEC_SIZE = 16; // base, length
export const BATCH = 64;

export interface Messages {
  /** Address of mmsghdr[BATCH]. */
  readonly address: number;
  /** Keeps the memory alive. */
  readonly memory: Buffer;
}

/** BATCH messages of `size` bytes each, from or to one place; `to`: a sockaddr, or null to receive. */
export function messages(size: number, to: Uint8Array | null): Messages {
  const iovecs = BATCH * MMSGHDR_SIZE;
  const name = iovecs + BATCH * IOVEC_SIZE;
  const payload = name + 32;
  const memory = Buffer.alloc(payload + size);
  const address = pointerTo(memory);
  if (to !== null) memory.set(to, name);
  for (let i = 0; i < BATCH; i++) {
    const header = i * MMSGHDR_SIZE;
    const iovec = iovecs + i * IOVEC_SIZE;
    if (to !== null) {
      memory.writeBigUInt64LE(BigInt(address + name), header);
      memory.writeUInt32LE(to.length, header + 8);
    }
    memory.writeBigUInt64LE(BigInt(address + iovec), header + 16);
    memory.writeBigUInt64LE(1n, header + 24);
    memory.writeBigUInt64LE(BigInt(address + payload), iovec);
    memory.writeBigUInt64LE(BigInt(size), iovec + 8);
  }
  return { address, memory };
}

/** A `struct timespec` of so many microseconds, less than a second. */
export function timespec(microseconds: number): { address: number; memory: Buffer } {
  const memory = Buffer.alloc(16);
  memory.writeBigUInt64LE(BigInt(microseconds) * 1000n, 8);
  return { address: pointerTo(memory), memory };
}

/** The same, each message with a payload of its own; `to`: null for a bound packet socket. */
export function eachMessage(
  size: number,
  to: Uint8Array | null = null,
): { address: number; payloads: readonly Buffer[] } {
  const { address, memory } = messages(BATCH * size, to);
  const first = memory.length - BATCH * size;
  const payloads = Array.from({ length: BATCH }, (_, i) => {
    const payload = first + i * size;
    const iovec = BATCH * MMSGHDR_SIZE + i * IOVEC_SIZE;
    memory.writeBigUInt64LE(BigInt(address + payload), iovec);
    memory.writeBigUInt64LE(BigInt(size), iovec + 8);
    return memory.subarray(payload, payload + size);
  });
  return { address, payloads };
}
