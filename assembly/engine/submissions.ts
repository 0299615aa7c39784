// Requests of the uring engine: what a completion is of, and the submissions that messages and writes become as they
// are made (output/). The mmsg engine begins none, and then none is written.

import { EMIT_MAX, EP_SOCKADDR, EP_SOCKADDR_LEN, SQE_SIZE } from '../layout';
import {
  IORING_OP_SEND,
  IORING_OP_SENDMSG,
  IORING_OP_WRITE,
  IORING_OP_WRITEV,
  IOSQE_CQE_SKIP_SUCCESS,
  NO_OFFSET,
  sqeAddressLength,
  sqeAfter,
  sqeHead,
  sqeNext,
  sqeOpFlags,
  sqePut,
  sqesAhead,
  sqeWrapped,
  sqPublish,
} from '../ring/uring';
import { address } from './descriptors';

/**
 * What a completion is of, in the high byte of its user data; the low half is an index, or where a message's or write's
 * record is. Those of the output list have the bit OUTGOING.
 */
export enum Request {
  wake,
  read,
  receive,
  cancel,
  send,
  write,
}
export const OUTGOING: u32 = 4;

const MSG_DONTWAIT: u32 = 0x40;

let next: usize = 0; // where the next submission goes; 0: nothing is submitted

@inline
export function userOf(request: Request, low: u32): u64 {
  return ((<u64>request) << 56) | low;
}

@inline
export function requestOf(user: u64): Request {
  return <Request>(user >> 56);
}

/** From here on messages and writes are submitted as they are made; there must be room for all of them. */
export function submissionsBegin(): void {
  next = sqeNext();
}

/** Those that were made are the kernel's. */
export function submissionsEnd(): void {
  sqPublish(next);
}

/** Where the next submission goes; 0: nothing is submitted. */
@inline
export function submissionNext(): usize {
  return next;
}

/** How many may be written one behind the other before submissionsUpTo. */
@inline
export function submissionsAhead(): usize {
  return next == 0 ? <usize>EMIT_MAX : sqesAhead(next);
}

/** Submissions were written up to there. */
@inline
export function submissionsUpTo(end: usize): void {
  next = end == 0 ? 0 : sqeWrapped(end);
}

/** What submissions of SEND by a socket begin with. */
@inline
export function sendHead(fd: i32): u64 {
  return sqeHead(IORING_OP_SEND, IOSQE_CQE_SKIP_SUCCESS, fd);
}

/**
 * A datagram to an endpoint's record: SEND takes an address as sendto does, and no msghdr has to be made, nor read by
 * the kernel. Answers where the next one goes, if that is ahead.
 */
@inline
export function submitSend(sqe: usize, head: u64, endpoint: usize, datagram: usize, len: u32, message: usize): usize {
  sqePut(sqe, head, address(endpoint + EP_SOCKADDR), address(datagram), len, userOf(Request.send, <u32>message));
  sqeAddressLength(sqe, load<u32>(endpoint, EP_SOCKADDR_LEN));
  sqeOpFlags(sqe, MSG_DONTWAIT);
  return sqe + SQE_SIZE;
}

/** A message with a msghdr. */
export function submitMessage(fd: i32, header: usize, message: usize): void {
  const head = sqeHead(IORING_OP_SENDMSG, IOSQE_CQE_SKIP_SUCCESS, fd);
  sqePut(next, head, 0, address(header), 1, userOf(Request.send, <u32>message));
  sqeOpFlags(next, MSG_DONTWAIT);
  next = sqeAfter(next);
}

/** What writes of one piece to a TAP begin with. */
@inline
export function writeHead(fd: i32): u64 {
  return sqeHead(IORING_OP_WRITE, IOSQE_CQE_SKIP_SUCCESS, fd);
}

/** A write of one piece. Answers as submitSend does. */
@inline
export function submitWrite(sqe: usize, head: u64, at: usize, len: u32, delivery: usize): usize {
  sqePut(sqe, head, NO_OFFSET, address(at), len, userOf(Request.write, <u32>delivery));
  sqeOpFlags(sqe, 0);
  return sqe + SQE_SIZE;
}

/** A write of `count` pieces. */
export function submitPieces(fd: i32, vectors: usize, count: u32, delivery: usize): void {
  const head = sqeHead(IORING_OP_WRITEV, IOSQE_CQE_SKIP_SUCCESS, fd);
  submitWrite(next, head, vectors, count, delivery);
  next = sqeAfter(next);
}
