// Entries of the output list for the underlay, as messages. A message is one of
//  * a datagram, where its frame is; without options of its own it is no more than its record of W_TX, and the engine
//    hands it over in the way that costs it least
//  * a chain of equally long datagrams (gso-chains.ts), which the kernel cuts again: small ones are copied behind one
//    another, which costs less than to have the kernel gather them; of large ones it is the other way round
//  * segments of a super-frame, each written anew (offload/gso.ts), which the kernel cuts again
// A super-frame of more segments than one send may carry makes several messages. All but the first kind have a msghdr.
//
// What is made anew stands in an arena of two sends, which is always the same memory and so stays in the cache; when it
// is full, the host sends, and the rest follows in the next round.

import {
  CACHE_LINE,
  CONTROL_SIZE,
  EMIT_MAX,
  EP_SOCKADDR,
  EP_SOCKADDR_LEN,
  IOVEC_SIZE,
  MARK_FRAGMENT,
  MMSGHDR_SIZE,
  MSG_NAME,
  MSG_NAMELEN,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_JOINED,
  OUT_LEN,
  OUT_MARK,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SETTLED,
  OUT_SOURCE,
  OUT_VNET,
  SEGMENTS_MAX,
  SOURCES_MAX,
  TX_ARENA_SIZE,
  TX_BYTES,
  TX_IOV_MAX,
  TX_OUT,
  TX_VECTORS,
  UDP_PAYLOAD_MAX,
  VXLAN_HLEN,
  W_TX_ARENA,
  W_TX_CONTROL,
  W_TX_COUNT,
  W_TX_IOV,
  W_TX_LONE_IOV,
  W_TX_MMSG,
} from '../../layout';
import { segmentation } from '../../datapath/frame';
import { outShares } from '../../datapath/output-list';
import { pathFrameMax } from '../../datapath/too-big';
import { segmentOpen, segmentWrite } from '../../offload/gso';
import { w } from '../../datapath/worker';
import { endpointAt, overlayAt } from '../../table/records';
import { copyBytes } from '../../wire/checksum';
import { isInDoubt } from './doubt';
import { emitLone, isFull, listMessage, madeMessages, messageAt, recordsBegin, sourceFd } from './message-records';
import { address, attachOptions, clearMessages, iovec, message } from '../descriptors';
import { submissionNext, submitMessage } from '../submissions';

const GATHER_MIN: u32 = 1024; // bytes of a datagram that is large

// From messagesBegin on, of one round:
let cursor: usize = 0; // where the used part of the arena ends
let vectors: u32 = 0; // iovecs in use

export function messagesStart(): void {
  clearMessages(w() + W_TX_MMSG, EMIT_MAX);
}

export function messagesBegin(): void {
  cursor = arena();
  vectors = 0;
  recordsBegin();
}

@inline
function arena(): usize {
  return (w() + W_TX_ARENA) & ~(CACHE_LINE - 1);
}

// Whether the entry's datagrams may share a send.
@inline
export function maySegment(out: usize): bool {
  if (isInDoubt()) return false;
  return outShares(overlayAt(load<u16>(out, OUT_OVERLAY)), load<u16>(out, OUT_SOURCE) / SOURCES_MAX);
}

// The chain that starts with this entry, as one message. False: no room.
export function emitChain(out: usize): bool {
  if (load<u32>(out, OUT_NEXT) != 0) {
    if (!hasToBeCut(out, load<u32>(out, OUT_LEN))) return emitJoined(out);
    leaveChain(out);
  }
  return load<u32>(out, OUT_MARK) == 0 ? emitLone(out) : emitMarked(out, load<u32>(out, OUT_LEN) + VXLAN_HLEN);
}

// A datagram with options.
function emitMarked(out: usize, len: u32): bool {
  if (!hasRoom(0)) return false;
  const first = vectors;
  push(<usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN, len);
  emit(out, first, len, 1, 0);
  return true;
}

// Whether the kernel has to make fragments of a datagram with a frame of so many bytes. It does not do so with
// UDP_SEGMENT: EMSGSIZE.
@inline
function hasToBeCut(out: usize, len: u32): bool {
  return (load<u32>(out, OUT_MARK) & MARK_FRAGMENT) != 0 && len > pathFrameMax(load<u32>(out, OUT_ENDPOINT));
}

// The head of a chain leaves alone; the next one is the head of the others.
function leaveChain(out: usize): void {
  store<u32>(load<u32>(out, OUT_NEXT), 0, OUT_JOINED);
  store<u32>(out, 0, OUT_NEXT);
}

function emitJoined(head: usize): bool {
  if (!hasRoom(UDP_PAYLOAD_MAX)) return false;
  const size: u32 = VXLAN_HLEN + load<u32>(head, OUT_LEN);
  const first = vectors;
  const start = cursor;
  let bytes: u32 = 0;
  let count: u32 = 0;
  for (let out = head; out != 0; out = load<u32>(out, OUT_NEXT)) {
    const datagram = <usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN;
    const len = VXLAN_HLEN + load<u32>(out, OUT_LEN);
    if (size >= GATHER_MIN) push(datagram, len);
    else copyBytes(start + bytes, datagram, len);
    bytes += len;
    count++;
  }
  if (size < GATHER_MIN) pushMade(start, bytes);
  emit(head, first, bytes, count, size);
  return true;
}

// The segments of a super-frame that are not settled yet. False: no room for all of them.
export function emitSegments(out: usize): bool {
  const gso = segmentation();
  segmentOpen(gso, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), out + OUT_VNET); // as it was when it was taken
  const size = VXLAN_HLEN + gso.headers + gso.payload;
  const mayShare = maySegment(out) && !hasToBeCut(out, size - VXLAN_HLEN);
  const most = mayShare ? min(<u32>SEGMENTS_MAX, max(1, UDP_PAYLOAD_MAX / size)) : 1;
  const header = load<u64>(<usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN);
  const end = load<u32>(out, OUT_FRAMES);
  for (let segment = load<u32>(out, OUT_SETTLED); segment < end; ) {
    const count = min(end - segment, most);
    if (!hasRoom(count * size)) return false;
    const start = cursor;
    for (const stop = segment + count; segment < stop; segment++) {
      store<u64>(cursor, header);
      cursor += VXLAN_HLEN + segmentWrite(gso, cursor + VXLAN_HLEN, segment);
    }
    const len = <u32>(cursor - start);
    const first = vectors;
    pushMade(start, len);
    emit(out, first, len, count, size);
  }
  return true;
}

// So many bytes of the arena for what is not a message; 0: there is no room.
export function reserve(size: u32): usize {
  if (cursor + size > arena() + TX_ARENA_SIZE) return 0;
  const at = cursor;
  cursor = (cursor + size + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
  return at;
}

// Whether one more message may be made, of so many bytes of the arena.
@inline
function hasRoom(size: u32): bool {
  if (isFull() || vectors + SEGMENTS_MAX > <u32>TX_IOV_MAX) return false;
  return cursor + size <= arena() + TX_ARENA_SIZE;
}

// The next piece of a message.
@inline
function push(base: usize, len: u32): void {
  iovec(w() + W_TX_IOV + <usize>(vectors++) * IOVEC_SIZE, base, len);
}

// The same, where it was made in the arena.
@inline
function pushMade(start: usize, len: u32): void {
  push(start, len);
  cursor = (start + len + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
}

// A message of the iovecs from `first` on: `count` datagrams of `size` bytes, the last of which may be shorter, of
// `len` bytes in all.
@inline
function emit(out: usize, first: u32, len: u32, count: u32, size: u32): void {
  const at = madeMessages();
  const header = headerAt(at);
  name(header, out);
  message(header, w() + W_TX_IOV + <usize>first * IOVEC_SIZE, vectors - first);
  const mark = load<u32>(out, OUT_MARK);
  if (count > 1 || mark != 0) {
    const control = w() + W_TX_CONTROL + <usize>at * CONTROL_SIZE;
    const to = endpointAt(load<u32>(out, OUT_ENDPOINT)) + EP_SOCKADDR;
    attachOptions(header, control, count > 1 ? size : 0, mark, to);
  }
  const fd = sourceFd(load<u16>(out, OUT_SOURCE), count, mark);
  const record = listMessage(out, fd, count, len - count * VXLAN_HLEN, vectors - first);
  if (submissionNext() != 0) submitMessage(fd, header, record);
}

// Its msghdr.
@inline
function headerAt(index: u32): usize {
  return w() + W_TX_MMSG + <usize>index * MMSGHDR_SIZE;
}

// Names an entry's endpoint.
@inline
function name(header: usize, out: usize): void {
  const endpoint = endpointAt(load<u32>(out, OUT_ENDPOINT));
  store<u64>(header, address(endpoint + EP_SOCKADDR), MSG_NAME);
  store<u32>(header, load<u32>(endpoint, EP_SOCKADDR_LEN), MSG_NAMELEN);
}

// Whether a message is a datagram without a msghdr.
@inline
function isLone(record: usize): bool {
  return load<u32>(record, TX_VECTORS) == 0;
}

// Makes a msghdr for each message that has none.
export function completeMessages(): void {
  const count = load<u32>(w() + W_TX_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const record = messageAt(index);
    if (!isLone(record)) continue;
    const out = <usize>load<u32>(record, TX_OUT);
    const vector = w() + W_TX_LONE_IOV + <usize>index * IOVEC_SIZE;
    iovec(vector, <usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN, load<u32>(record, TX_BYTES) + VXLAN_HLEN);
    name(headerAt(index), out);
    message(headerAt(index), vector, 1);
  }
}
