/**
 * The kernel's part of an io_uring, as far as reads of a TAP and the submissions after them are concerned, without a
 * system call: a read completes when a case says so, and whatever is submitted succeeds at once.
 */
import {
  CONTROL_SIZE,
  CQ_ENTRIES,
  CQE_SIZE,
  KERNEL_PAGE,
  RECVMSG_HLEN,
  RX_MAX,
  RX_NAME_SIZE,
  TAP_SLOTS,
  W_CQ_HEAD,
  W_CQ_TAIL,
  W_CQES,
  W_RINGS,
  W_SQ_HEAD,
  W_SQ_TAIL,
  W_TAP_RING,
  W_UDP_RING,
  WORKERS_BASE,
} from '../assembly/layout.js';
import type { Views } from '../src/datapath/memory.js';
import type { DatapathExports } from '../src/datapath/module.js';

/** What stands in a slot before a datagram. */
export const RECEIVE_HLEN = RECVMSG_HLEN + RX_NAME_SIZE + CONTROL_SIZE;

const READ = 1 << 24; // Request.read, in the high half of the user data
const RECEIVE = 2 << 24;
const HAS_BUFFER_AND_MORE = 3;
const BUFFER_SIZE = 16;
const BUFFER_NUMBER = 12;
const word = (offset: number): number => (WORKERS_BASE + offset) >> 2;
const RINGS = word(W_RINGS);

/** Where the indexes are, in words from W_RINGS: a cache line each. */
const SQ_HEAD = 0;
const SQ_TAIL = 16;
const CQ_HEAD = 32;
const CQ_TAIL = 48;

export class Ring {
  readonly #u32: Uint32Array;
  readonly #u16: Uint16Array;
  readonly #worker: DatapathExports;
  #frames = 0; // buffers that the kernel has taken from the rings of buffers
  #datagrams = 0;

  constructor({ u8, u16, u32 }: Views, worker: DatapathExports) {
    this.#u32 = u32;
    this.#u16 = u16;
    this.#worker = worker;
    u8.fill(0, WORKERS_BASE + W_RINGS, WORKERS_BASE + W_RINGS + KERNEL_PAGE);
    u32[word(W_SQ_HEAD)] = SQ_HEAD * 4;
    u32[word(W_SQ_TAIL)] = SQ_TAIL * 4;
    u32[word(W_CQ_HEAD)] = CQ_HEAD * 4;
    u32[word(W_CQ_TAIL)] = CQ_TAIL * 4;
    u32[word(W_CQES)] = KERNEL_PAGE;
    worker.uringStart();
    this.turn();
  }

  /** `count` reads of a VNIC have completed, each of `len` bytes, and each in the next buffer that the module gave. */
  read(vnic: number, count: number, len: number): void {
    for (let index = 0; index < count; index++) {
      this.#complete(READ, vnic, len, W_TAP_RING + (this.#frames++ & (TAP_SLOTS - 1)) * BUFFER_SIZE);
    }
  }

  /** The same of datagrams that a socket has received; `len` is all that stands in a buffer. */
  receive(socket: number, count: number, len: number): void {
    for (let index = 0; index < count; index++) {
      this.#complete(RECEIVE, socket, len, W_UDP_RING + (this.#datagrams++ & (RX_MAX - 1)) * BUFFER_SIZE);
    }
  }

  /** The standing read of a VNIC has ended with an errno. */
  endRead(vnic: number, errno: number): void {
    this.#completion(READ, vnic, -errno, 0);
  }

  /** The same of the standing receive of a socket. */
  endReceive(socket: number, errno: number): void {
    this.#completion(RECEIVE, socket, -errno, 0);
  }

  #complete(request: number, index: number, len: number, buffer: number): void {
    const number = this.#u16[(WORKERS_BASE + buffer + BUFFER_NUMBER) >> 1]!;
    this.#completion(request, index, len, (number << 16) | HAS_BUFFER_AND_MORE);
  }

  #completion(request: number, index: number, result: number, flags: number): void {
    const u32 = this.#u32;
    const tail = u32[RINGS + CQ_TAIL]!;
    const cqe = word(W_RINGS + KERNEL_PAGE + (tail & (CQ_ENTRIES - 1)) * CQE_SIZE);
    u32[cqe] = index;
    u32[cqe + 1] = request;
    u32[cqe + 2] = result;
    u32[cqe + 3] = flags;
    u32[RINGS + CQ_TAIL] = tail + 1;
  }

  /** All completions are the kernel's again, and nobody has looked at them. */
  forget(frames: number, datagrams: number): void {
    this.#u32[RINGS + CQ_TAIL] = this.#u32[RINGS + CQ_HEAD]!;
    this.#frames -= frames;
    this.#datagrams -= datagrams;
  }

  /** A turn of the worker, whose submissions have all been taken. */
  turn(): number {
    const answer = this.#worker.uringTurn();
    this.#u32[RINGS + SQ_HEAD] = this.#u32[RINGS + SQ_TAIL]!;
    return answer;
  }
}
