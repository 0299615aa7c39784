// Records of messages, which say what is sent and what becomes of it; and those messages that are one datagram without
// options, which have no more than that.

import {
  EMIT_MAX,
  MARK_FRAGMENT,
  MARK_FRAGMENT_SHIFT,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_LEN,
  OUT_SIZE,
  OUT_SOURCE,
  SOURCE_KINDS,
  TX_BYTES,
  TX_FD,
  TX_FRAMES,
  TX_OUT,
  TX_SIZE,
  TX_VECTORS,
  VXLAN_HLEN,
  W_SOURCE_FDS,
  W_TX,
  W_TX_COUNT,
} from '../../layout';

import { outIsJoined, outIsPlain } from '../../datapath/output-list';

import { w } from '../../datapath/worker';
import { endpointAt } from '../../table/records';

import {
  sendHead,
  submissionNext,
  submissionsAhead,
  submissionsUpTo,
  submitSend,
} from '../submissions';

let nextMessage: usize = 0; // where the next one's record goes, from recordsBegin on

export function recordsBegin(): void {
  nextMessage = messageAt(0);
}

// All messages of the round are made. Answers how many they are.
export function messagesEnd(): u32 {
  store<u32>(w() + W_TX_COUNT, madeMessages());
  return madeMessages();
}

// Messages of the round so far.
@inline
export function madeMessages(): u32 {
  return <u32>(nextMessage - messageAt(0)) / TX_SIZE;
}

// Whether no more can be made.
@inline
export function isFull(): bool {
  return nextMessage == messageAt(EMIT_MAX);
}

// The record of a message, up to EMIT_MAX.
@inline
export function messageAt(index: u32): usize {
  return w() + W_TX + <usize>index * TX_SIZE;
}

// A datagram without options. False: no room.
export function emitLone(out: usize): bool {
  if (isFull()) return false;
  const fd = sourceFd(load<u16>(out, OUT_SOURCE), 1, 0);
  submissionsUpTo(lone(nextMessage, submissionNext(), sendHead(fd), fd, out));
  nextMessage += TX_SIZE;
  return true;
}

// The entries up to `end` that are such datagrams, or leave with an earlier one. Answers the first that is something
// else, or that there is no room for.
export function emitLones(from: usize, end: usize): usize {
  const most = min((messageAt(EMIT_MAX) - nextMessage) / TX_SIZE, submissionsAhead());
  const stop = min(end, from + most * OUT_SIZE);
  let record = nextMessage;
  let sqe = submissionNext();
  let source: u32 = u32.MAX_VALUE;
  let fd: i32 = 0; // of that source
  let head: u64 = 0;
  let out = from;
  for (; out < stop; out += OUT_SIZE) {
    if (!outIsPlain(out)) {
      if (outIsJoined(out)) continue;
      break;
    }
    const its = <u32>load<u16>(out, OUT_SOURCE);
    if (its != source) {
      source = its;
      fd = sourceFd(its, 1, 0);
      head = sendHead(fd);
    }
    sqe = lone(record, sqe, head, fd, out);
    record += TX_SIZE;
  }
  nextMessage = record;
  submissionsUpTo(sqe);
  return out;
}

// The record of one, and its submission at `sqe`, if there are any. Answers where the next one goes.
@inline
function lone(record: usize, sqe: usize, head: u64, fd: i32, out: usize): usize {
  const bytes = load<u32>(out, OUT_LEN);
  list(record, out, fd, 1, bytes, 0);
  if (sqe == 0) return 0;
  const endpoint = endpointAt(load<u32>(out, OUT_ENDPOINT));
  const datagram = <usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN;
  return submitSend(sqe, head, endpoint, datagram, bytes + VXLAN_HLEN, record);
}

// The next message. Answers its record.
@inline
export function listMessage(out: usize, fd: i32, frames: u32, bytes: u32, vectors: u32): usize {
  const record = nextMessage;
  list(record, out, fd, frames, bytes, vectors);
  nextMessage = record + TX_SIZE;
  return record;
}

// `frames` datagrams with `bytes` of frame.
@inline
function list(record: usize, out: usize, fd: i32, frames: u32, bytes: u32, itsVectors: u32): void {
  store<i32>(record, fd, TX_FD);
  store<u32>(record, <u32>out, TX_OUT);
  store<u32>(record, frames, TX_FRAMES);
  store<u32>(record, bytes, TX_BYTES);
  store<u64>(record, itsVectors, TX_VECTORS); // and TX_RESULT: 0
}

// Where `count` datagrams of that mark are sent by one of the source ports.
@inline
export function sourceFd(source: u32, count: u32, mark: u32): i32 {
  const kind = <usize>(count == 1) + <usize>((mark & MARK_FRAGMENT) >> (MARK_FRAGMENT_SHIFT - 1));
  return load<i32>(w() + W_SOURCE_FDS + ((<usize>source * SOURCE_KINDS + kind) << 2));
}
