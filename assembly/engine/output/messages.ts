// Entries of the output list for the underlay, as messages for sendmmsg or SENDMSG. A message is one of
//  * a datagram, where its frame is
//  * a chain of equally long datagrams (gso-chains.ts), which the kernel cuts again: small ones are copied behind one
//    another, which costs less than to have the kernel gather them; of large ones it is the other way round
//  * segments of a super-frame, each written anew (offload/gso.ts), which the kernel cuts again
// A super-frame of more segments than one send may carry makes several messages.
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
  MMSGHDR_SIZE,
  MSG_NAME,
  MSG_NAMELEN,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_LEN,
  OUT_MARK,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SETTLED,
  OUT_SOURCE,
  OUT_VNET,
  OVL_FLAGS,
  OVL_FLAG_SEGMENT,
  OVL_HEADER,
  SEGMENTS_MAX,
  SOURCES_MAX,
  SOURCE_KINDS,
  TX_ARENA_SIZE,
  TX_IOV_MAX,
  UDP_PAYLOAD_MAX,
  VXLAN_HLEN,
  W_NO_SEGMENT,
  W_SOURCE_FDS,
  W_TX_ARENA,
  W_TX_BYTES,
  W_TX_CONTROL,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_FRAMES,
  W_TX_IOV,
  W_TX_MMSG,
  W_TX_OUT,
} from '../../layout';
import { outAt } from '../../datapath/output';
import { segmentation } from '../../datapath/frame';
import { segmentOpen, segmentWrite } from '../../offload/gso';
import { w } from '../../datapath/worker';
import { endpointAt, overlayAt } from '../../table/records';
import { copyBytes } from '../../wire/checksum';
import { isInDoubt } from './doubt';
import { address, attachOptions, clearMessages, iovec, message } from '../descriptors';

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
  store<u32>(w() + W_TX_COUNT, 0);
}

@inline
function arena(): usize {
  return (w() + W_TX_ARENA) & ~(CACHE_LINE - 1);
}

// Whether the entry's datagrams may share a send.
@inline
export function maySegment(out: usize): bool {
  if (isInDoubt()) return false;
  if (!(load<u32>(overlayAt(load<u32>(out, OUT_OVERLAY)), OVL_FLAGS) & OVL_FLAG_SEGMENT)) return false;
  return load<u32>(w() + W_NO_SEGMENT + ((<usize>(load<u16>(out, OUT_SOURCE) / SOURCES_MAX)) << 2)) == 0;
}

// The chain that starts with this entry, as one message. False: no room.
@inline
export function emitChain(index: u32, out: usize): bool {
  if (load<u32>(out, OUT_NEXT) != 0) return emitJoined(index, out);
  if (!hasRoom(0)) return false;
  const len = VXLAN_HLEN + load<u32>(out, OUT_LEN);
  const first = vectors;
  push(<usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN, len);
  emit(index, out, first, len, 1, 0);
  return true;
}

function emitJoined(index: u32, head: usize): bool {
  if (!hasRoom(UDP_PAYLOAD_MAX)) return false;
  const size: u32 = VXLAN_HLEN + load<u32>(head, OUT_LEN);
  const first = vectors;
  const start = cursor;
  let bytes: u32 = 0;
  let count: u32 = 0;
  for (let next = index; next != 0 || count == 0; next = load<u32>(outAt(next), OUT_NEXT)) {
    const out = outAt(next);
    const datagram = <usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN;
    const len = VXLAN_HLEN + load<u32>(out, OUT_LEN);
    if (size >= GATHER_MIN) push(datagram, len);
    else copyBytes(start + bytes, datagram, len);
    bytes += len;
    count++;
  }
  if (size < GATHER_MIN) pushMade(start, bytes);
  emit(index, head, first, bytes, count, size);
  return true;
}

// The segments of a super-frame that are not settled yet. False: no room for all of them.
export function emitSegments(index: u32): bool {
  const out = outAt(index);
  const gso = segmentation();
  segmentOpen(gso, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), out + OUT_VNET); // as it was when it was taken
  const size = VXLAN_HLEN + gso.headers + gso.payload;
  const most = maySegment(out) ? min(<u32>SEGMENTS_MAX, max(1, UDP_PAYLOAD_MAX / size)) : 1;
  const vxlan = load<u64>(overlayAt(load<u32>(out, OUT_OVERLAY)), OVL_HEADER);
  const end = load<u32>(out, OUT_FRAMES);
  for (let segment = load<u32>(out, OUT_SETTLED); segment < end; ) {
    const count = min(end - segment, most);
    if (!hasRoom(count * size)) return false;
    const start = cursor;
    for (const stop = segment + count; segment < stop; segment++) {
      store<u64>(cursor, vxlan);
      cursor += VXLAN_HLEN + segmentWrite(gso, cursor + VXLAN_HLEN, segment);
    }
    const len = <u32>(cursor - start);
    const first = vectors;
    pushMade(start, len);
    emit(index, out, first, len, count, size);
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
  if (load<u32>(w() + W_TX_COUNT) == <u32>EMIT_MAX || vectors + SEGMENTS_MAX > <u32>TX_IOV_MAX) return false;
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
function emit(index: u32, out: usize, first: u32, len: u32, count: u32, size: u32): void {
  const at = <usize>load<u32>(w() + W_TX_COUNT);
  const endpoint = endpointAt(load<u32>(out, OUT_ENDPOINT));
  const header = w() + W_TX_MMSG + at * MMSGHDR_SIZE;
  store<u64>(header, address(endpoint + EP_SOCKADDR), MSG_NAME);
  store<u32>(header, load<u32>(endpoint, EP_SOCKADDR_LEN), MSG_NAMELEN);
  message(header, w() + W_TX_IOV + <usize>first * IOVEC_SIZE, vectors - first);
  const mark = load<u32>(out, OUT_MARK);
  if (count > 1 || mark != 0) {
    const control = w() + W_TX_CONTROL + at * CONTROL_SIZE;
    attachOptions(header, control, count > 1 ? size : 0, mark, endpoint + EP_SOCKADDR);
  }
  store<i32>(w() + W_TX_FD + (at << 2), sourceFd(out, count));
  store<u32>(w() + W_TX_OUT + (at << 2), index);
  store<u32>(w() + W_TX_FRAMES + (at << 2), count);
  store<u32>(w() + W_TX_BYTES + (at << 2), len - count * VXLAN_HLEN);
  store<u32>(w() + W_TX_COUNT, <u32>at + 1);
}

@inline
function sourceFd(out: usize, count: u32): i32 {
  const kind = <usize>(count == 1);
  return load<i32>(w() + W_SOURCE_FDS + ((<usize>load<u16>(out, OUT_SOURCE) * SOURCE_KINDS + kind) << 2));
}
