/** Shared Wasm memory with kernel structures laid out by hand: what the datapath's Wasm does, in slow motion. */
import { addressOf } from '../../src/system/syscalls.js';

const PAGES = 4;
const IOVEC_SIZE = 16;
const MMSGHDR_SIZE = 64;
const MSG_LEN = 56;

export const POLLIN = 1;

/** Hands out places of one shared memory, front to back. All places are offsets; `at` makes addresses of them. */
export class Shared {
  readonly memory = new WebAssembly.Memory({ shared: true, initial: PAGES, maximum: PAGES });
  readonly bytes = new Uint8Array(this.memory.buffer);
  readonly view = new DataView(this.memory.buffer);
  readonly base = addressOf(this.bytes);
  #next = 64;

  /** The address of an offset. */
  at(offset: number): number {
    return this.base + offset;
  }

  take(size: number): number {
    const offset = this.#next;
    this.#next += (size + 15) & ~15;
    if (this.#next > this.bytes.length) throw new RangeError('the test memory is used up');
    return offset;
  }

  put(content: Uint8Array): number {
    const offset = this.take(content.length);
    this.bytes.set(content, offset);
    return offset;
  }

  /** A private copy. */
  copy(offset: number, length: number): Buffer {
    return Buffer.from(this.bytes.slice(offset, offset + length));
  }

  /** struct iovec { u64 base; u64 len } */
  iovec(offset: number, length: number): number {
    const iovec = this.take(IOVEC_SIZE);
    this.view.setBigUint64(iovec, BigInt(this.at(offset)), true);
    this.view.setBigUint64(iovec + 8, BigInt(length), true);
    return iovec;
  }

  /** struct mmsghdr[n], one iovec each. */
  mmsghdrs(messages: { name: number; nameLen: number; iovec: number }[]): number {
    const first = this.take(messages.length * MMSGHDR_SIZE);
    messages.forEach(({ name, nameLen, iovec }, index) => {
      const header = first + index * MMSGHDR_SIZE;
      this.view.setBigUint64(header, BigInt(this.at(name)), true); // msg_name
      this.view.setUint32(header + 8, nameLen, true); // msg_namelen
      this.view.setBigUint64(header + 16, BigInt(this.at(iovec)), true); // msg_iov
      this.view.setBigUint64(header + 24, 1n, true); // msg_iovlen
    });
    return first;
  }

  /** msg_len of a header of {@link mmsghdrs}: bytes that were sent or received. */
  messageLength(first: number, index: number): number {
    return this.view.getUint32(first + index * MMSGHDR_SIZE + MSG_LEN, true);
  }

  /** struct pollfd { i32 fd; i16 events; i16 revents } */
  pollfd(fd: number, events: number): number {
    const pollfd = this.take(8);
    this.view.setInt32(pollfd, fd, true);
    this.view.setInt16(pollfd + 4, events, true);
    return pollfd;
  }

  revents(pollfd: number): number {
    return this.view.getInt16(pollfd + 6, true);
  }

  /** struct timespec { i64 seconds; i64 nanoseconds } */
  timespec(milliseconds: number): number {
    const timespec = this.take(16);
    this.view.setBigInt64(timespec, BigInt(Math.floor(milliseconds / 1000)), true);
    this.view.setBigInt64(timespec + 8, BigInt((milliseconds % 1000) * 1e6), true);
    return timespec;
  }
}
