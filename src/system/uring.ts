/**
 * io_uring whose rings lie inside the shared Wasm memory (IORING_SETUP_NO_MMAP): Wasm fills submission entries and
 * reaps completions itself, and a turn is one {@link enter}. A ring belongs to the thread that opened it
 * (SINGLE_ISSUER), and completions happen inside that thread's `enter` alone (DEFER_TASKRUN).
 */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { check, EINVAL, ENOMEM, ENOSYS, EPERM, errnoName } from './errno.js';
import { lastErrno, close as libcClose, pointerTo, syscallEnter, syscallRegister, syscallSetup } from './libc.js';
import * as abi from './uring-abi.js';

const FLAGS =
  abi.IORING_SETUP_CQSIZE |
  // An entry that is refused gets its completion like any other, and those after it are still submitted.
  abi.IORING_SETUP_SUBMIT_ALL |
  abi.IORING_SETUP_SINGLE_ISSUER |
  abi.IORING_SETUP_DEFER_TASKRUN |
  abi.IORING_SETUP_NO_MMAP |
  abi.IORING_SETUP_NO_SQARRAY;

/** What IORING_OP_READ_MULTISHOT needs; NO_MMAP (6.5) and NO_SQARRAY (6.6) are older. */
const LEAST_RELEASE = '6.7';

const NEEDED: readonly (readonly [op: number, name: string])[] = [
  [abi.IORING_OP_WRITEV, 'WRITEV'],
  [abi.IORING_OP_POLL_ADD, 'POLL_ADD'],
  [abi.IORING_OP_SENDMSG, 'SENDMSG'],
  [abi.IORING_OP_RECVMSG, 'RECVMSG'],
  [abi.IORING_OP_ASYNC_CANCEL, 'ASYNC_CANCEL'],
  [abi.IORING_OP_READ_MULTISHOT, 'READ_MULTISHOT'],
];

export interface UringOptions {
  /** Submission entries: a power of two. */
  readonly entries: number;
  /** Completion entries: a power of two, not below `entries`. */
  readonly cqEntries: number;
  /**
   * Address of {@link uringRingsSize} bytes, of a page, all zero. The kernel keeps the pages and writes to them until
   * the ring is closed and its last request is over.
   */
  readonly rings: number;
  /** Address of 64 bytes for each of `entries`, of a page. */
  readonly sqes: number;
}

/** Where things are in the rings: bytes from `rings`. Everything is a u32 but the entries at `cqes` (16 bytes each). */
export interface Uring {
  readonly fd: number;
  /** Entry n of the submission queue is SQE n: there is no array of indexes. */
  readonly sq: { readonly head: number; readonly tail: number; readonly mask: number; readonly flags: number };
  readonly cq: {
    readonly head: number;
    readonly tail: number;
    readonly mask: number;
    readonly overflow: number;
    readonly cqes: number;
    readonly flags: number;
  };
  /** IORING_FEAT_ bits. */
  readonly features: number;
}

/** Room for the rings of so many completion entries: the indexes, 64 bytes on Linux 6.18, have a page here. */
export function uringRingsSize(cqEntries: number): number {
  return 4096 + cqEntries * abi.CQE_SIZE;
}

/** Opens a ring for the calling thread. */
export function openUring(options: UringOptions): Uring {
  const params = setupParams(options);
  const fd = check('io_uring_setup', setup(options.entries, params));
  const word = (offset: number) => params.readUInt32LE(offset);
  const sq = (index: number) => word(abi.PARAMS_SQ_OFF + index * 4);
  const cq = (index: number) => word(abi.PARAMS_CQ_OFF + index * 4);
  return {
    fd,
    sq: { head: sq(0), tail: sq(1), mask: sq(2), flags: sq(4) },
    cq: { head: cq(0), tail: cq(1), mask: cq(2), overflow: cq(4), cqes: cq(5), flags: cq(6) },
    features: word(abi.PARAMS_FEATURES),
  };
}

function setupParams({ cqEntries, rings, sqes }: UringOptions): Buffer {
  const params = Buffer.alloc(abi.PARAMS_SIZE);
  params.writeUInt32LE(cqEntries, abi.PARAMS_CQ_ENTRIES);
  params.writeUInt32LE(FLAGS, abi.PARAMS_FLAGS);
  params.writeBigUInt64LE(BigInt(sqes), abi.PARAMS_SQ_OFF + abi.OFF_USER_ADDR);
  params.writeBigUInt64LE(BigInt(rings), abi.PARAMS_CQ_OFF + abi.OFF_USER_ADDR);
  return params;
}

const setup = (entries: number, params: Buffer): number => syscallSetup(abi.SYS_IO_URING_SETUP, entries, params);

/**
 * Submits up to `toSubmit` entries and, with IORING_ENTER_GETEVENTS, waits for `minComplete` completions. Answers the
 * number submitted, or -errno. With IORING_ENTER_EXT_ARG the argument is a `struct io_uring_getevents_arg` (24 bytes),
 * which points to a timespec: its time over, the answer is -ETIME, unless entries were submitted: their number comes
 * first. Never throws, allocates nothing.
 */
export function enter(
  fd: number,
  toSubmit: number,
  minComplete: number,
  flags: number,
  argAddress: number,
  argSize: number,
): number {
  const answer = syscallEnter(abi.SYS_IO_URING_ENTER, fd, toSubmit, minComplete, flags, argAddress, argSize);
  return answer >= 0 ? answer : -lastErrno();
}

/** Cancelled requests are found again until they have ended; closing the ring does what is left. */
const CANCEL_TRIES = 16;

export interface BufferRing {
  /** Of a page; 16 bytes for each of `entries`. The kernel reads it until it is unregistered. */
  readonly address: number;
  /** A power of two, at most 32768. */
  readonly entries: number;
  /** What requests name it by. */
  readonly bufferGroup: number;
}

/** Buffers for multishot requests: the thread of the ring puts them in, the kernel takes them out. */
export function registerBufferRing(fd: number, ring: BufferRing): void {
  register(`register buffer ring ${ring.bufferGroup}`, fd, abi.IORING_REGISTER_PBUF_RING, ring);
}

/** No request may use it any more. */
export function unregisterBufferRing(fd: number, bufferGroup: number): void {
  const none = { address: 0, entries: 0, bufferGroup };
  register(`unregister buffer ring ${bufferGroup}`, fd, abi.IORING_UNREGISTER_PBUF_RING, none);
}

/**
 * Cancels every request of the ring and sees to it that they let go of their descriptors. To be called
 * by the ring's thread before it ends: what closing the ring leaves to the kernel may hold a port or an interface for a
 * while after the process has gone.
 */
export function cancelAll(fd: number): void {
  const request = Buffer.alloc(abi.SYNC_CANCEL_SIZE);
  request.writeUInt32LE(abi.IORING_ASYNC_CANCEL_ALL | abi.IORING_ASYNC_CANCEL_ANY, abi.SYNC_CANCEL_FLAGS);
  request.writeBigInt64LE(1n, abi.SYNC_CANCEL_TIMEOUT);
  for (let tries = 0; tries < CANCEL_TRIES; tries++) {
    const found = syscallRegister(abi.SYS_IO_URING_REGISTER, fd, abi.IORING_REGISTER_SYNC_CANCEL, request, 1);
    enter(fd, 0, 0, abi.IORING_ENTER_GETEVENTS, 0, 0); // a cancelled request ends when its thread looks
    if (found <= 0) return;
  }
}

function register(what: string, fd: number, operation: number, { address, entries, bufferGroup }: BufferRing): void {
  const request = Buffer.alloc(abi.BUF_REG_SIZE);
  request.writeBigUInt64LE(BigInt(address), 0);
  request.writeUInt32LE(entries, 8);
  request.writeUInt16LE(bufferGroup, 12);
  check(what, syscallRegister(abi.SYS_IO_URING_REGISTER, fd, operation, request, 1));
}

export type UringProbe = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Whether this process may use io_uring as the datapath wants it; `reason` is one line for the log. */
export function probeUring(): UringProbe {
  const entries = 256;
  const cqEntries = 1024; // rings of more than a page: before Linux 6.10 those had to be contiguous in physical memory
  const memory = new WebAssembly.Memory({ shared: true, initial: 1, maximum: 1 });
  const rings = pointerTo(new Uint8Array(memory.buffer));
  const params = setupParams({ entries, cqEntries, rings, sqes: rings + 2 * 16384 });
  const fd = setup(entries, params);
  if (fd < 0) return { ok: false, reason: whyNot(lastErrno()) };
  try {
    const missing = missingOperations(fd);
    if (missing.length === 0) return { ok: true };
    return { ok: false, reason: tooOld(`it lacks ${missing.join(', ')}`) };
  } finally {
    libcClose(fd);
  }
}

function missingOperations(fd: number): string[] {
  const most = 256;
  const probe = Buffer.alloc(abi.PROBE_HLEN + most * abi.PROBE_OP_SIZE);
  if (syscallRegister(abi.SYS_IO_URING_REGISTER, fd, abi.IORING_REGISTER_PROBE, probe, most) < 0) {
    return [`the probe of operations (${errnoName(lastErrno())})`];
  }
  const flags = (op: number) => probe.readUInt16LE(abi.PROBE_HLEN + op * abi.PROBE_OP_SIZE + abi.PROBE_OP_FLAGS);
  return NEEDED.filter(([op]) => (flags(op) & abi.IO_URING_OP_SUPPORTED) === 0).map(([, name]) => name);
}

function whyNot(errno: number): string {
  if (errno === ENOSYS) return 'this kernel has no io_uring, or a seccomp filter hides it (ENOSYS)';
  if (errno === EPERM) return forbidden();
  if (errno === EINVAL) return tooOld('it refuses rings in our memory');
  if (errno === ENOMEM) return 'no memory for rings: they count towards RLIMIT_MEMLOCK (ENOMEM)';
  return `io_uring_setup answers ${errnoName(errno)}`;
}

// EPERM has two senders, and the sysctl says which it was: 1 leaves io_uring to a group and CAP_SYS_ADMIN, 2 to nobody.
function forbidden(): string {
  const value = disabledBySysctl();
  if (value === '1' || value === '2')
    return `io_uring is forbidden by sysctl kernel.io_uring_disabled=${value} (EPERM)`;
  return 'io_uring is forbidden to this process, perhaps by a seccomp filter (EPERM)';
}

function disabledBySysctl(): string {
  try {
    return readFileSync('/proc/sys/kernel/io_uring_disabled', 'utf8').trim();
  } catch {
    return ''; // before Linux 6.6
  }
}

const tooOld = (what: string) =>
  `Linux ${release()} is too old for the uring engine: ${what}; ${LEAST_RELEASE} or newer is needed`;
