// The two queues of an io_uring, inside this memory (IORING_SETUP_NO_MMAP): submissions are written here, completions
// read. The kernel reads and writes them while a system call runs on this very thread (SINGLE_ISSUER, DEFER_TASKRUN),
// so there is no race, and what is written for every frame is written by plain stores.

import { CQ_ENTRIES, CQE_SIZE, SQ_ENTRIES, SQE_SIZE } from '../layout';

// struct io_uring_sqe
const OPCODE: usize = 0; // u8
const FLAGS: usize = 1; // u8
const IOPRIO: usize = 2; // u16
const FD: usize = 4; // i32
const OFFSET: usize = 8; // u64
const ADDRESS: usize = 16; // u64
const LENGTH: usize = 24; // u32
const OP_FLAGS: usize = 28; // u32
const USER_DATA: usize = 32; // u64
const BUFFER_GROUP: usize = 40; // u16

// struct io_uring_cqe
const CQE_USER_DATA: usize = 0; // u64
const CQE_RESULT: usize = 8; // i32
const CQE_FLAGS: usize = 12; // u32

export const IORING_OP_WRITEV: u8 = 2;
export const IORING_OP_POLL_ADD: u8 = 6;
export const IORING_OP_SENDMSG: u8 = 9;
export const IORING_OP_RECVMSG: u8 = 10;
export const IORING_OP_ASYNC_CANCEL: u8 = 14;
export const IORING_OP_READ_MULTISHOT: u8 = 49;
export const IOSQE_BUFFER_SELECT: u8 = 1 << 5;
export const IOSQE_CQE_SKIP_SUCCESS: u8 = 1 << 6;
export const IORING_CQE_F_BUFFER: u32 = 1;
export const IORING_CQE_F_MORE: u32 = 2;

let sqes: usize = 0;
let sqHead: usize = 0;
let sqTail: usize = 0;
let cqHead: usize = 0;
let cqTail: usize = 0;
let cqes: usize = 0;

// The addresses of the entries and of the four indexes.
export function uringAttach(
  sqesAt: usize,
  sqHeadAt: usize,
  sqTailAt: usize,
  cqHeadAt: usize,
  cqTailAt: usize,
  cqesAt: usize,
): void {
  sqes = sqesAt;
  sqHead = sqHeadAt;
  sqTail = sqTailAt;
  cqHead = cqHeadAt;
  cqTail = cqTailAt;
  cqes = cqesAt;
}

// Submissions that may be queued before the kernel takes some.
@inline
export function sqRoom(): u32 {
  return SQ_ENTRIES - sqWaiting();
}

// Submissions that the kernel has not taken.
@inline
export function sqWaiting(): u32 {
  return load<u32>(sqTail) - atomic.load<u32>(sqHead);
}

// The next submission, of zeros but for the arguments. There must be room.
export function submission(opcode: u8, flags: u8, fd: i32, user: u64): usize {
  assert(sqRoom() > 0);
  const tail = load<u32>(sqTail);
  const sqe = sqes + <usize>(tail & (SQ_ENTRIES - 1)) * SQE_SIZE;
  const zeros = i64x2.splat(0);
  v128.store(sqe, zeros);
  v128.store(sqe, zeros, 16);
  v128.store(sqe, zeros, 32);
  v128.store(sqe, zeros, 48);
  store<u8>(sqe, opcode, OPCODE);
  store<u8>(sqe, flags, FLAGS);
  store<i32>(sqe, fd, FD);
  store<u64>(sqe, user, USER_DATA);
  store<u32>(sqTail, tail + 1);
  return sqe;
}

@inline
export function sqeAddress(sqe: usize, address: u64, length: u32): void {
  store<u64>(sqe, address, ADDRESS);
  store<u32>(sqe, length, LENGTH);
}

// At the position where the file is: for what cannot be sought in.
@inline
export function sqeNoOffset(sqe: usize): void {
  store<u64>(sqe, u64.MAX_VALUE, OFFSET);
}

@inline
export function sqeOpFlags(sqe: usize, flags: u32): void {
  store<u32>(sqe, flags, OP_FLAGS);
}

@inline
export function sqeIoprio(sqe: usize, ioprio: u16): void {
  store<u16>(sqe, ioprio, IOPRIO);
}

@inline
export function sqeBufferGroup(sqe: usize, bufferGroup: u16): void {
  store<u16>(sqe, bufferGroup, BUFFER_GROUP);
}

// Completions that wait.
@inline
export function cqWaiting(): u32 {
  return atomic.load<u32>(cqTail) - load<u32>(cqHead);
}

// One of those; 0 is the oldest.
@inline
export function completion(index: u32): usize {
  return cqes + <usize>((load<u32>(cqHead) + index) & (CQ_ENTRIES - 1)) * CQE_SIZE;
}

// Gives the `count` oldest back.
@inline
export function cqAdvance(count: u32): void {
  store<u32>(cqHead, load<u32>(cqHead) + count);
}

@inline
export function cqeUser(cqe: usize): u64 {
  return load<u64>(cqe, CQE_USER_DATA);
}

// What the system call would have answered: >= 0, or -errno.
@inline
export function cqeResult(cqe: usize): i32 {
  return load<i32>(cqe, CQE_RESULT);
}

@inline
export function cqeFlags(cqe: usize): u32 {
  return load<u32>(cqe, CQE_FLAGS);
}

// Number of the buffer it came in.
@inline
export function cqeBuffer(cqe: usize): u32 {
  return load<u32>(cqe, CQE_FLAGS) >> 16;
}
