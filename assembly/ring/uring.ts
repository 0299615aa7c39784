// The two queues of an io_uring, inside this memory (IORING_SETUP_NO_MMAP): submissions are written here, completions
// read. The kernel reads and writes them while a system call runs on this very thread (SINGLE_ISSUER, DEFER_TASKRUN),
// so there is no race, and what is written for every frame is written by plain stores.

import { CQ_ENTRIES, CQE_SIZE, SQ_ENTRIES, SQE_SIZE, TAP_SLOTS } from '../layout';

// struct io_uring_sqe
const OPCODE: usize = 0; // u8, u8 of flags, and an i32 behind IOPRIO: the descriptor
const IOPRIO: usize = 2; // u16
const OFFSET: usize = 8; // u64
const ADDRESS: usize = 16; // u64
const LENGTH: usize = 24; // u32
const OP_FLAGS: usize = 28; // u32
const USER_DATA: usize = 32; // u64
const BUFFER_GROUP: usize = 40; // u16
const ADDRESS_LENGTH: usize = 44; // u16; what follows nothing here uses, and it stays zero

// struct io_uring_cqe
const CQE_USER_DATA: usize = 0; // u64
const CQE_RESULT: usize = 8; // i32
const CQE_FLAGS: usize = 12; // u32

export const CQ_DEFERRED_MAX: u32 = 2 * TAP_SLOTS; // more than there can be of one TAP

export const IORING_OP_WRITEV: u8 = 2;
export const IORING_OP_POLL_ADD: u8 = 6;
export const IORING_OP_SENDMSG: u8 = 9;
export const IORING_OP_RECVMSG: u8 = 10;
export const IORING_OP_ASYNC_CANCEL: u8 = 14;
export const IORING_OP_WRITE: u8 = 23;
export const IORING_OP_SEND: u8 = 26;
export const IORING_OP_READ_MULTISHOT: u8 = 49;
export const IOSQE_BUFFER_SELECT: u8 = 1 << 5;
export const IOSQE_CQE_SKIP_SUCCESS: u8 = 1 << 6;
export const IORING_CQE_F_BUFFER: u32 = 1;
export const IORING_CQE_F_MORE: u32 = 2;

// An offset: the position where the file is, for what cannot be sought in.
export const NO_OFFSET: u64 = u64.MAX_VALUE;

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
  const sqe = sqeNext();
  sqePut(sqe, sqeHead(opcode, flags, fd), 0, 0, 0, user);
  store<u32>(sqe, 0, OP_FLAGS);
  sqPublish(sqeAfter(sqe));
  return sqe;
}

// Where the next submission goes: several are written one behind the other, and then published.
@inline
export function sqeNext(): usize {
  return sqeAt(load<u32>(sqTail));
}

@inline
function sqeAt(position: u32): usize {
  return sqes + <usize>(position & (SQ_ENTRIES - 1)) * SQE_SIZE;
}

// Where the one behind it goes.
@inline
export function sqeAfter(sqe: usize): usize {
  return sqeWrapped(sqe + SQE_SIZE);
}

// The same of the end of those that were written.
@inline
export function sqeWrapped(after: usize): usize {
  return after == sqes + SQ_ENTRIES * SQE_SIZE ? sqes : after;
}

// How many can be written one behind the other from there on, before the queue begins again.
@inline
export function sqesAhead(sqe: usize): usize {
  return (sqes + SQ_ENTRIES * SQE_SIZE - sqe) / SQE_SIZE;
}

// The submissions before `end` are the kernel's: fewer than SQ_ENTRIES have been written.
export function sqPublish(end: usize): void {
  store<u32>(sqTail, load<u32>(sqTail) + (<u32>((end - sqeNext()) / SQE_SIZE) & (SQ_ENTRIES - 1)));
}

// What a submission begins with: opcode, flags, and a descriptor.
@inline
export function sqeHead(opcode: u8, flags: u8, fd: i32): u64 {
  return ((<u64><u32>fd) << 32) | <u32>opcode | ((<u32>flags) << 8); // and IOPRIO: 0
}

// Writes all of a submission but for its op flags. `offset` is also the address of a second buffer.
@inline
export function sqePut(sqe: usize, head: u64, offset: u64, address: u64, length: u32, user: u64): void {
  store<u64>(sqe, head, OPCODE); // and FD
  store<u64>(sqe, offset, OFFSET);
  sqeAddress(sqe, address, length);
  store<u64>(sqe, user, USER_DATA);
  store<u64>(sqe, 0, BUFFER_GROUP); // and ADDRESS_LENGTH
}

// The bytes of the address at `offset`, of a SEND.
@inline
export function sqeAddressLength(sqe: usize, length: u32): void {
  store<u16>(sqe, <u16>length, ADDRESS_LENGTH);
}

@inline
export function sqeAddress(sqe: usize, address: u64, length: u32): void {
  store<u64>(sqe, address, ADDRESS);
  store<u32>(sqe, length, LENGTH);
}

@inline
export function sqeOffset(sqe: usize, offset: u64): void {
  store<u64>(sqe, offset, OFFSET);
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

// How many of those stand one behind the other from the oldest on, before the queue begins again.
@inline
export function cqAhead(): u32 {
  return min(cqWaiting(), CQ_ENTRIES - (cqFirst() & (CQ_ENTRIES - 1)));
}

// The position of the oldest, from which on they stand one behind the other.
@inline
export function cqFirst(): u32 {
  return load<u32>(cqHead);
}

@inline
export function completionAt(position: u32): usize {
  return cqes + <usize>(position & (CQ_ENTRIES - 1)) * CQE_SIZE;
}

// Gives the `count` oldest back.
@inline
export function cqAdvance(count: u32): void {
  store<u32>(cqHead, load<u32>(cqHead) + count);
}

// Puts the completions of `user` behind all others, both in their order. `scratch`: room for CQ_DEFERRED_MAX of them;
// what is beyond stays where it is. They are the worker's own as long as they have not been given back.
export function cqDefer(user: u64, scratch: usize): void {
  const first = cqFirst();
  const end = first + cqWaiting();
  let deferred: u32 = 0;
  let kept = first;
  for (let at = first; at != end; at++) {
    const cqe = completionAt(at);
    if (cqeUser(cqe) == user && deferred < CQ_DEFERRED_MAX) memory.copy(scratch + deferred++ * CQE_SIZE, cqe, CQE_SIZE);
    else memory.copy(completionAt(kept++), cqe, CQE_SIZE);
  }
  for (let index: u32 = 0; index < deferred; index++) {
    memory.copy(completionAt(kept + index), scratch + index * CQE_SIZE, CQE_SIZE);
  }
}

@inline
export function cqeUser(cqe: usize): u64 {
  return load<u64>(cqe, CQE_USER_DATA);
}

// Its high byte.
@inline
export function cqeUserHigh(cqe: usize): u32 {
  return load<u8>(cqe, CQE_USER_DATA + 7);
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

// Number of the buffer it came in, by its flags.
@inline
export function bufferOf(flags: u32): u32 {
  return flags >> 16;
}
