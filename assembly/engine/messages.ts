// Entries of the output list for the underlay, as messages for sendmmsg or SENDMSG. A message is one of
//  * a datagram
//  * a chain of equally long datagrams (group.ts), cut again by the kernel
//  * segments of a super-frame: each has its headers written anew in W_TX_HEADERS; its payload stays where it is
// A super-frame of more segments than one send may carry makes several messages.

import {
  CMSG_SIZE,
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
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SETTLED,
  OUT_SOURCE,
  OUT_VNET,
  OVL_FLAGS,
  OVL_FLAG_SEGMENT,
  OVL_HEADER,
  OVL_SOCKET,
  SEGMENTS_MAX,
  SOURCES_MAX,
  SOURCE_KINDS,
  TX_HEADERS_MAX,
  TX_HEADER_SIZE,
  TX_IOV_MAX,
  UDP_PAYLOAD_MAX,
  VXLAN_HLEN,
  W_NO_SEGMENT,
  W_SOURCE_FDS,
  W_TX_BYTES,
  W_TX_CONTROL,
  W_TX_COUNT,
  W_TX_FD,
  W_TX_FRAMES,
  W_TX_HEADERS,
  W_TX_IOV,
  W_TX_MMSG,
  W_TX_OUT,
} from '../layout';
import { outAt } from '../datapath/output';
import { segmentHeader, segmentOpen } from '../datapath/segment';
import { w } from '../datapath/worker';
import { endpointAt, overlayAt } from '../table/records';
import { vnetGsoSize } from '../wire/virtio';
import { address, attachSegmentSize, clearMessages, iovec, message } from './descriptors';

let vectors: u32 = 0; // iovecs in use
let cursor: u32 = 0;
let headers: u32 = 0; // headers in use
let bytes: u32 = 0; // of the message that is being made

export function messagesStart(): void {
  clearMessages(w() + W_TX_MMSG, EMIT_MAX);
}

export function messagesBegin(): void {
  vectors = 0;
  headers = 0;
  cursor = 0;
  store<u32>(w() + W_TX_COUNT, 0);
}

@inline
function socketOf(out: usize): u32 {
  return load<u32>(overlayAt(load<u32>(out, OUT_OVERLAY)), OVL_SOCKET);
}

@inline
function vectorAt(index: u32): usize {
  return w() + W_TX_IOV + <usize>index * IOVEC_SIZE;
}

// Whether the entry's datagrams may share a send.
export function maySegment(out: usize): bool {
  if (!(load<u32>(overlayAt(load<u32>(out, OUT_OVERLAY)), OVL_FLAGS) & OVL_FLAG_SEGMENT)) return false;
  return load<u32>(w() + W_NO_SEGMENT + ((<usize>socketOf(out)) << 2)) == 0;
}

// The chain that starts with this entry, as one message. False: no room.
export function emitChain(index: u32): bool {
  let count: u32 = 0;
  const first = vectors;
  bytes = 0;
  for (let next = index; next != 0 || count == 0; next = load<u32>(outAt(next), OUT_NEXT)) {
    if (vectors == <u32>TX_IOV_MAX) {
      vectors = first;
      return false;
    }
    const out = outAt(next);
    const len = load<u32>(out, OUT_LEN);
    iovec(vectorAt(vectors++), load<u32>(out, OUT_FRAME) - VXLAN_HLEN, len + VXLAN_HLEN);
    bytes += len;
    count++;
  }
  return emit(index, first, count, load<u32>(outAt(index), OUT_LEN) + VXLAN_HLEN);
}

// The segments of a super-frame that are not settled yet. False: no room for all of them.
export function emitSegments(index: u32): bool {
  const out = outAt(index);
  const frame = <usize>load<u32>(out, OUT_FRAME);
  const size = vnetGsoSize(out + OUT_VNET);
  const headerLength = segmentOpen(frame, load<u32>(out, OUT_LEN), out + OUT_VNET);
  const datagram = VXLAN_HLEN + headerLength + size;
  const most = maySegment(out) ? min(<u32>SEGMENTS_MAX, max(1, UDP_PAYLOAD_MAX / datagram)) : 1;
  const vxlan = load<u64>(overlayAt(load<u32>(out, OUT_OVERLAY)), OVL_HEADER);
  const end = load<u32>(out, OUT_FRAMES);
  for (let segment = load<u32>(out, OUT_SETTLED); segment < end; ) {
    const count = min(end - segment, most);
    if (cursor + 70000 > <u32>(TX_HEADERS_MAX * TX_HEADER_SIZE) || vectors + 2 * count > <u32>TX_IOV_MAX) return false;
    const first = vectors;
    bytes = 0;
    const start = cursor;
    for (const stop = segment + count; segment < stop; segment++) {
      emitSegment(segment, vxlan, headerLength, frame + headerLength + <usize>segment * size);
    }
    iovec(vectorAt(vectors++), w() + W_TX_HEADERS + start, cursor - start);
    cursor = (cursor + 63) & ~63;
    if (!emit(index, first, count, datagram)) return false;
  }
  return true;
}

@inline
function emitSegment(segment: u32, vxlan: u64, headerLength: u32, payload: usize): void {
  const header = w() + W_TX_HEADERS + cursor;
  store<u64>(header, vxlan);
  const len = segmentHeader(header + VXLAN_HLEN, segment);
  memory.copy(header + VXLAN_HLEN + headerLength, payload, len);
  cursor += VXLAN_HLEN + headerLength + len;
  bytes += headerLength + len;
}

// A message of `count` datagrams of `size` bytes, whose iovecs start at `first`.
function emit(index: u32, first: u32, count: u32, size: u32): bool {
  const at = load<u32>(w() + W_TX_COUNT);
  if (at == <u32>EMIT_MAX) return false;
  const out = outAt(index);
  const endpoint = endpointAt(load<u32>(out, OUT_ENDPOINT));
  const header = w() + W_TX_MMSG + <usize>at * MMSGHDR_SIZE;
  store<u64>(header, address(endpoint + EP_SOCKADDR), MSG_NAME);
  store<u32>(header, load<u32>(endpoint, EP_SOCKADDR_LEN), MSG_NAMELEN);
  message(header, vectorAt(first), vectors - first);
  if (count > 1) attachSegmentSize(header, w() + W_TX_CONTROL + <usize>at * CMSG_SIZE, size);
  store<i32>(w() + W_TX_FD + ((<usize>at) << 2), sourceFd(out, count));
  store<u32>(w() + W_TX_OUT + ((<usize>at) << 2), index);
  store<u32>(w() + W_TX_FRAMES + ((<usize>at) << 2), count);
  store<u32>(w() + W_TX_BYTES + ((<usize>at) << 2), bytes);
  store<u32>(w() + W_TX_COUNT, at + 1);
  return true;
}

@inline
function sourceFd(out: usize, count: u32): i32 {
  const kind: u32 = count > 1 ? 0 : 1;
  const source = (socketOf(out) * SOURCES_MAX + load<u16>(out, OUT_SOURCE)) * SOURCE_KINDS + kind;
  return load<i32>(w() + W_SOURCE_FDS + ((<usize>source) << 2));
}
