/** Shared Wasm memory with kernel structures laid out by hand: what the datapath's Wasm does, in slow motion. */
import { addressOf } from '../../src/system/syscalls.js';

const PAGES = 4;
const IOVEC_SIZE = 16;
const MMSGHDR_SIZE = 64;
const MSG_LEN = 56;

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const CMSG_HLEN = 16;

export const POLLIN = 1;
/** Room for one control message of an integer. */
export const CMSG_SPACE = 24;

/** Hands out places of one shared memory, front to back. All places are offsets; `at` makes addresses of them. */
export class Shared {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly base: number;
  #next: number;

  /** Places are taken from offset `first` on. */
  constructor(pages = PAGES, first = 64) {
    this.memory = new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.base = addressOf(this.bytes);
    this.#next = first;
  }

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

  /** struct mmsghdr[n], one iovec each; `control`: where control messages are, or may be written to. */
  mmsghdrs(
    messages: { name: number; nameLen: number; iovec: number; control?: { at: number; length: number } }[],
  ): number {
    const first = this.take(messages.length * MMSGHDR_SIZE);
    messages.forEach(({ name, nameLen, iovec, control }, index) => {
      const header = first + index * MMSGHDR_SIZE;
      this.view.setBigUint64(header, BigInt(this.at(name)), true); // msg_name
      this.view.setUint32(header + 8, nameLen, true); // msg_namelen
      this.view.setBigUint64(header + 16, BigInt(this.at(iovec)), true); // msg_iov
      this.view.setBigUint64(header + 24, 1n, true); // msg_iovlen
      if (control === undefined) return;
      this.view.setBigUint64(header + 32, BigInt(this.at(control.at)), true); // msg_control
      this.view.setBigUint64(header + 40, BigInt(control.length), true); // msg_controllen
    });
    return first;
  }

  /** msg_len of a header of {@link mmsghdrs}: bytes that were sent or received. */
  messageLength(first: number, index: number): number {
    return this.view.getUint32(first + index * MMSGHDR_SIZE + MSG_LEN, true);
  }

  /** One control message that asks for segments of `size` bytes: u64 length, i32 level, i32 type, u16 value. */
  segments(size: number): { at: number; length: number } {
    const at = this.take(CMSG_SPACE);
    this.view.setBigUint64(at, BigInt(CMSG_HLEN + 2), true);
    this.view.setInt32(at + 8, SOL_UDP, true);
    this.view.setInt32(at + 12, UDP_SEGMENT, true);
    this.view.setUint16(at + CMSG_HLEN, size, true);
    return { at, length: CMSG_SPACE };
  }

  /** What a UDP_GRO control message there says; null when there is another, or none. */
  groSize(at: number, length: number): number | null {
    if (length < CMSG_HLEN + 4) return null;
    if (this.view.getInt32(at + 8, true) !== SOL_UDP || this.view.getInt32(at + 12, true) !== UDP_GRO) return null;
    return this.view.getInt32(at + CMSG_HLEN, true);
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
