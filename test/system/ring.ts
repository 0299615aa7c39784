/** A ring inside shared Wasm memory on which JavaScript does what Wasm will: submission entries, completions. */
import { constants } from 'node:os';
import { closeFd } from '../../src/system/syscalls.js';
import { enter, openUring, registerBufferRing, type Uring, unregisterBufferRing } from '../../src/system/uring.js';
import * as abi from '../../src/system/uring-abi.js';
import { Shared } from './shared.js';

export const ENTRIES = 64;
const CQ_ENTRIES = 1024;
// The memory: rings, SQEs, buffer ring, then places that are taken front to back.
const SQES = 32 << 10;
const BUFFER_RING = 48 << 10;
const PLACES = 64 << 10;
const PAGES = 32;

const CQE_F_BUFFER = 1;
const CQE_F_MORE = 2;
const IOSQE_BUFFER_SELECT = 1 << 5;
const IORING_RECV_MULTISHOT = 1 << 1;
const ASYNC_CANCEL_FD = 1 << 1;
const MSGHDR_SIZE = 56;
const TAIL = 14;
const BUFFER_GROUP = 7;

export interface Completion {
  readonly user: number;
  readonly res: number;
  /** Of the buffer that was taken, or -1. */
  readonly buffer: number;
  /** The request goes on. */
  readonly more: boolean;
}

export class Ring extends Shared {
  readonly uring: Uring;
  readonly #words = new Int32Array(this.memory.buffer);
  #queued = 0;
  #waiting: Completion[] = [];
  #buffers = { count: 0, first: 0, size: 0 };

  constructor() {
    super(PAGES, PLACES);
    this.uring = openUring({ entries: ENTRIES, cqEntries: CQ_ENTRIES, rings: this.base, sqes: this.base + SQES });
  }

  close(): void {
    closeFd(this.uring.fd);
  }

  /** struct msghdr; parts may be left out. All are offsets and bytes. */
  msghdr(parts: { name?: number; nameLen?: number; iovec?: number; control?: number; controlLen?: number }): number {
    const header = this.take(MSGHDR_SIZE);
    const pointer = (offset: number | undefined) => BigInt(offset === undefined ? 0 : this.at(offset));
    this.view.setBigUint64(header, pointer(parts.name), true);
    this.view.setUint32(header + 8, parts.nameLen ?? 0, true);
    this.view.setBigUint64(header + 16, pointer(parts.iovec), true);
    this.view.setBigUint64(header + 24, parts.iovec === undefined ? 0n : 1n, true);
    this.view.setBigUint64(header + 32, pointer(parts.control), true);
    this.view.setBigUint64(header + 40, BigInt(parts.controlLen ?? 0), true);
    return header;
  }

  /** struct io_uring_sqe: u8 op, flags; u16 ioprio; i32 fd; u64 offset, address; u32 length, op flags; u64 user; … */
  queue(sqe: {
    op: number;
    fd: number;
    user: number;
    address?: number;
    length?: number;
    offset?: bigint;
    flags?: number;
    ioprio?: number;
    opFlags?: number;
    bufferGroup?: number;
  }): void {
    const { sq } = this.uring;
    const tail = Atomics.load(this.#words, sq.tail >> 2) >>> 0;
    const at = SQES + (tail & this.view.getUint32(sq.mask, true)) * abi.SQE_SIZE;
    this.bytes.fill(0, at, at + abi.SQE_SIZE);
    this.view.setUint8(at, sqe.op);
    this.view.setUint8(at + 1, sqe.flags ?? 0);
    this.view.setUint16(at + 2, sqe.ioprio ?? 0, true);
    this.view.setInt32(at + 4, sqe.fd, true);
    this.view.setBigUint64(at + 8, sqe.offset ?? 0n, true);
    this.view.setBigUint64(at + 16, BigInt(sqe.address ?? 0), true);
    this.view.setUint32(at + 24, sqe.length ?? 0, true);
    this.view.setUint32(at + 28, sqe.opFlags ?? 0, true);
    this.view.setBigUint64(at + 32, BigInt(sqe.user), true);
    this.view.setUint16(at + 40, sqe.bufferGroup ?? 0, true);
    Atomics.store(this.#words, sq.tail >> 2, tail + 1);
    this.#queued++;
  }

  readMultishot(fd: number, user: number): void {
    const op = abi.IORING_OP_READ_MULTISHOT;
    this.queue({ op, fd, user, offset: 0xffff_ffff_ffff_ffffn, flags: IOSQE_BUFFER_SELECT, bufferGroup: BUFFER_GROUP });
  }

  receiveMultishot(fd: number, user: number, msghdr: number): void {
    const ioprio = IORING_RECV_MULTISHOT;
    const flags = IOSQE_BUFFER_SELECT;
    this.queue({
      op: abi.IORING_OP_RECVMSG,
      fd,
      user,
      address: this.at(msghdr),
      ioprio,
      flags,
      bufferGroup: BUFFER_GROUP,
    });
  }

  cancelFd(fd: number, user: number): void {
    this.queue({ op: abi.IORING_OP_ASYNC_CANCEL, fd, user, opFlags: ASYNC_CANCEL_FD });
  }

  cancelUser(target: number, user: number): void {
    this.queue({ op: abi.IORING_OP_ASYNC_CANCEL, fd: -1, user, address: target });
  }

  /** Submits what is queued and waits for so many completions, at most that long: what `enter` answered. */
  enter(minComplete: number, waitMs: number): number {
    const timespec = this.take(16);
    this.view.setBigInt64(timespec, BigInt(Math.floor(waitMs / 1000)), true);
    this.view.setBigInt64(timespec + 8, BigInt((waitMs % 1000) * 1e6), true);
    const argument = this.take(abi.GETEVENTS_ARG_SIZE);
    this.view.setBigUint64(argument + 16, BigInt(this.at(timespec)), true);
    const flags = abi.IORING_ENTER_GETEVENTS | abi.IORING_ENTER_EXT_ARG;
    const queued = this.#queued;
    this.#queued = 0;
    return enter(this.uring.fd, queued, minComplete, flags, this.at(argument), abi.GETEVENTS_ARG_SIZE);
  }

  /** The completions there are. */
  reap(): Completion[] {
    const { cq } = this.uring;
    const found: Completion[] = [];
    let head = this.view.getUint32(cq.head, true);
    const tail = Atomics.load(this.#words, cq.tail >> 2) >>> 0;
    for (; head !== tail; head = (head + 1) >>> 0) {
      const at = cq.cqes + (head & this.view.getUint32(cq.mask, true)) * abi.CQE_SIZE;
      const flags = this.view.getUint32(at + 12, true);
      found.push({
        user: Number(this.view.getBigUint64(at, true)),
        res: this.view.getInt32(at + 8, true),
        buffer: (flags & CQE_F_BUFFER) !== 0 ? flags >>> 16 : -1,
        more: (flags & CQE_F_MORE) !== 0,
      });
    }
    Atomics.store(this.#words, cq.head >> 2, head);
    return found;
  }

  /** Enters until so many completions of this user came; those of others wait for their turn. */
  await(user: number, count: number, waitMs = 5000): Completion[] {
    for (;;) {
      const mine = this.#waiting.filter((one) => one.user === user);
      if (mine.length >= count) {
        this.#waiting = this.#waiting.filter((one) => one.user !== user);
        return mine;
      }
      const answer = this.enter(1, waitMs);
      this.#waiting.push(...this.reap());
      if (answer === -constants.errno.ETIME) throw new Error(`${mine.length} of ${count} completions came`);
    }
  }

  /** Registers `count` (a power of two) buffers of `size` bytes and puts them all in. */
  addBuffers(count: number, size: number): void {
    registerBufferRing(this.uring.fd, { address: this.at(BUFFER_RING), entries: count, bufferGroup: BUFFER_GROUP });
    this.#buffers = { count, first: this.take(count * size), size };
    for (let index = 0; index < count; index++) this.giveBack(index);
  }

  removeBuffers(): void {
    unregisterBufferRing(this.uring.fd, BUFFER_GROUP);
  }

  /** struct io_uring_buf: u64 address, u32 length, u16 id; the tail is the last word of the first one. */
  giveBack(buffer: number): void {
    const { count, size } = this.#buffers;
    const tail = this.view.getUint16(BUFFER_RING + TAIL, true);
    const at = BUFFER_RING + (tail & (count - 1)) * 16;
    this.view.setBigUint64(at, BigInt(this.at(this.buffer(buffer))), true);
    this.view.setUint32(at + 8, size, true);
    this.view.setUint16(at + 12, buffer, true);
    this.view.setUint16(BUFFER_RING + TAIL, tail + 1, true);
  }

  /** Where a buffer is. */
  buffer(index: number): number {
    return this.#buffers.first + index * this.#buffers.size;
  }
}
