// Entries of the output list for VNICs, as gathering writes to TAPs: the virtio_net_hdr of the entry, the frame, and
// the payloads of the frames that were joined to it (gro-list.ts). A super-frame whose VNIC takes none is cut: a write
// for each of its frames, which are made in the arena of messages.ts.
//
// A VNIC that shares its TAP has a tag: that is put in between two pieces of the frame, the first of which stands with
// the virtio_net_hdr in W_TUNNEL_HEADERS.
//
// A frame that goes alone, and before which there is room for its virtio_net_hdr, goes in one piece: that is written
// there, and the iovec is left to the engine that needs one.

import {
  DELIVER_FD,
  DELIVER_FIRST,
  DELIVER_IOV_MAX,
  DELIVER_OUT,
  DELIVER_RESULT,
  DELIVER_SIZE,
  DELIVER_VECTORS,
  EMIT_MAX,
  IOVEC_SIZE,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_LEN,
  OUT_NEXT,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_SETTLED,
  OUT_SIZE,
  OUT_VNET,
  OUT_VNIC,
  TUNNEL_HEADERS_SIZE,
  VNET_SIZE,
  VNIC_TAG,
  VNIC_UNTAGGED,
  W_DELIVER,
  W_DELIVER_COUNT,
  W_DELIVER_IOV,
  W_NO_VNET,
  W_TUNNEL_HEADERS,
  W_VNIC_WRITE_FDS,
} from '../../layout';
import { segmentation } from '../../datapath/frame';
import { outIsWhole } from '../../datapath/output-list';
import { w } from '../../datapath/worker';
import { KIND_TCP, KIND_UDP } from '../../offload/flow-of';
import { segmentOpen, segmentWrite } from '../../offload/gso';
import { vnicAt } from '../../table/records';
import { UDP_CHECKSUM } from '../../wire/udp';
import { vnetCopy, vnetCsumOffset, vnetGrow } from '../../wire/virtio';
import { tagHead, VLAN_HLEN } from '../../wire/vlan';
import { iovec } from '../descriptors';
import {
  submissionNext, submissionsAhead, submissionsUpTo, submitPieces, submitWrite, writeHead,
} from '../submissions';
import { reserve } from './messages';

const WHOLE: u64 = 0x8000_0000_ffff_ffff; // DELIVER_VECTORS, and the sign of DELIVER_RESULT
const CUT: u32 = 1; // in OUT_PAYLOAD, where no frame is

// From deliveriesBegin on, of one round:
let vector: usize = 0; // where the next iovec goes
let nextDelivery: usize = 0; // where the next write's record goes

export function deliveriesBegin(): void {
  vector = w() + W_DELIVER_IOV;
  nextDelivery = deliveryAt(0);
}

// All writes of the round are made. Answers how many they are.
export function deliveriesEnd(): u32 {
  store<u32>(w() + W_DELIVER_COUNT, madeDeliveries());
  return madeDeliveries();
}

@inline
function madeDeliveries(): u32 {
  return <u32>(nextDelivery - deliveryAt(0)) / DELIVER_SIZE;
}

// Where the next write's headers may stand that are not of the frame; 0: no room for a write of two pieces.
@inline
export function nextWriteHeaders(): usize {
  return hasRoom() ? nextHeaders() : 0;
}

@inline
function nextHeaders(): usize {
  return w() + W_TUNNEL_HEADERS + <usize>madeDeliveries() * TUNNEL_HEADERS_SIZE;
}

// Whether a write of two pieces can be made.
@inline
function hasRoom(): bool {
  return hasVectors(2) && nextDelivery != deliveryAt(EMIT_MAX);
}

@inline
function hasVectors(count: usize): bool {
  return vector + count * IOVEC_SIZE <= w() + W_DELIVER_IOV + DELIVER_IOV_MAX * IOVEC_SIZE;
}

// A write of `headers` and what stands at `base`.
export function emitWrite(out: usize, fd: i32, headers: usize, headersLen: u32, base: usize, len: u32): void {
  const first = vector;
  push(headers, headersLen);
  push(base, len);
  pieces(out, fd, first);
}

@inline
function push(base: usize, len: u32): void {
  iovec(vector, base, len);
  vector += IOVEC_SIZE;
}

// The entries up to `end` that are a frame to a VNIC which nothing was joined to, in one piece, or were joined to an
// earlier one. Answers the first that is something else, or that there is no room for.
export function emitWholes(from: usize, end: usize): usize {
  const full = w() + W_DELIVER_IOV + DELIVER_IOV_MAX * IOVEC_SIZE;
  const most = min((deliveryAt(EMIT_MAX) - nextDelivery) / DELIVER_SIZE, (full - vector) / IOVEC_SIZE);
  const stop = min(end, from + min(most, submissionsAhead()) * OUT_SIZE);
  const fds = writeFds();
  let at = vector;
  let delivery = nextDelivery;
  let sqe = submissionNext();
  let out = from;
  for (; out < stop; out += OUT_SIZE) {
    if (!outIsWhole(out)) break;
    const whole = wholeFrame(out);
    const len = wholeLength(out);
    const fd = fdOf(fds, out);
    vnetCopy(whole, out + OUT_VNET);
    list(delivery, out, fd, at, 1);
    if (sqe != 0) sqe = submitWrite(sqe, writeHead(fd), whole, len, delivery);
    at += IOVEC_SIZE;
    delivery += DELIVER_SIZE;
  }
  vector = at;
  nextDelivery = delivery;
  submissionsUpTo(sqe);
  return out;
}

// Where the virtio_net_hdr and the frame behind it stand, of an entry with OUT_ROOM; and the bytes of both.
@inline
function wholeFrame(out: usize): usize {
  return <usize>load<u32>(out, OUT_FRAME) - VNET_SIZE;
}

@inline
function wholeLength(out: usize): u32 {
  return load<u32>(out, OUT_LEN) + VNET_SIZE;
}

// The run that starts with this entry, as one write. False: no room.
export function emitDelivery(out: usize): bool {
  if (isCut(out)) return emitCut(out);
  if (!hasRoom()) return false;
  const first = vector;
  const trimmed = load<u32>(out, OUT_PAYLOAD_LEN); // a run's first frame, without padding at its end
  pushFrame(out, trimmed == 0 ? load<u32>(out, OUT_LEN) : trimmed);
  if (!pushJoined(load<u32>(out, OUT_NEXT))) {
    vector = first;
    return false;
  }
  pieces(out, writeFd(out), first);
  return true;
}

@inline
function pushFrame(out: usize, len: u32): void {
  pushParts(out, out + OUT_VNET, load<u32>(out, OUT_FRAME), len);
}

// A frame for an entry's VNIC, with its tag if it has one.
@inline
function pushParts(out: usize, vnet: usize, frame: usize, len: u32): void {
  const tag = load<u32>(vnicAt(load<u32>(out, OUT_VNIC)), VNIC_TAG);
  if (tag > <u32>VNIC_UNTAGGED) return pushTagged(tag, vnet, frame, len);
  push(vnet, VNET_SIZE);
  push(frame, len);
}

function pushTagged(tag: u32, vnet: usize, frame: usize, len: u32): void {
  const head = nextHeaders();
  vnetCopy(head, vnet);
  vnetGrow(head, VLAN_HLEN);
  const addresses = tagHead(head + VNET_SIZE, frame, tag) - VLAN_HLEN;
  push(head, VNET_SIZE + addresses + VLAN_HLEN);
  push(frame + addresses, len - addresses);
}

// Makes an iovec for each write of one piece.
export function completeDeliveries(): void {
  const count = load<u32>(w() + W_DELIVER_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const delivery = deliveryAt(index);
    const out = <usize>load<u32>(delivery, DELIVER_OUT);
    if (isWholeUnrefused(delivery)) iovec(load<u32>(delivery, DELIVER_FIRST), wholeFrame(out), wholeLength(out));
  }
}

// Whether a write is of one piece, and was not refused, as none is that was not tried yet.
@inline
export function isWholeUnrefused(delivery: usize): bool {
  if (DELIVER_RESULT != DELIVER_VECTORS + 4) ERROR('DELIVER_RESULT is read with DELIVER_VECTORS');
  return (load<u64>(delivery, DELIVER_VECTORS) & WHOLE) == 1;
}

// Where an entry's VNIC is written to.
@inline
function writeFd(out: usize): i32 {
  return fdOf(writeFds(), out);
}

@inline
function writeFds(): usize {
  return w() + W_VNIC_WRITE_FDS;
}

@inline
function fdOf(fds: usize, out: usize): i32 {
  return load<i32>(fds + ((<usize>load<u32>(out, OUT_VNIC)) << 2));
}

// The payloads of the frames that were joined to a run's first, from this entry on.
function pushJoined(from: usize): bool {
  for (let next = from; next != 0; next = load<u32>(next, OUT_NEXT)) {
    if (!hasVectors(1)) return false;
    push(load<u32>(next, OUT_PAYLOAD), load<u32>(next, OUT_PAYLOAD_LEN));
  }
  return true;
}

// A super-frame that stands on the list as one: marks it if its VNIC takes none of its kind.
export function planCut(out: usize, kinds: u32): void {
  const kind = vnetCsumOffset(out + OUT_VNET) == UDP_CHECKSUM ? KIND_UDP : KIND_TCP;
  if (!(kind & kinds)) store<u32>(out, CUT, OUT_PAYLOAD);
}

// Whether planCut has marked it.
@inline
export function isCut(out: usize): bool {
  return load<u32>(out, OUT_PAYLOAD) == CUT;
}

// Its frames that are not settled yet. False: no room for all of them.
function emitCut(out: usize): bool {
  const fd = writeFd(out);
  const gso = segmentation();
  segmentOpen(gso, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), out + OUT_VNET);
  const size = gso.headers + gso.payload;
  const end = load<u32>(out, OUT_FRAMES);
  for (let segment = load<u32>(out, OUT_SETTLED); segment < end; segment++) {
    if (!hasRoom()) return false;
    const at = reserve(size);
    if (at == 0) return false;
    const first = vector;
    pushParts(out, w() + W_NO_VNET, at, segmentWrite(gso, at, segment));
    pieces(out, fd, first);
  }
  return true;
}

// Bytes of the frame that a write of emitCut carries, without a tag.
export function cutLength(delivery: usize): u32 {
  const first = <usize>load<u32>(delivery, DELIVER_FIRST);
  const head = <u32>iovecLength(first);
  return <u32>iovecLength(first + IOVEC_SIZE) + (head == VNET_SIZE ? 0 : head - VNET_SIZE - VLAN_HLEN);
}

@inline
function iovecLength(at: usize): u64 {
  return load<u64>(at, 8);
}

/** The record of a write, up to EMIT_MAX. */
@inline
export function deliveryAt(index: u32): usize {
  return w() + W_DELIVER + <usize>index * DELIVER_SIZE;
}

// The iovecs from `first` on are one write.
@inline
function pieces(out: usize, fd: i32, first: usize): void {
  const count = <u32>(vector - first) / IOVEC_SIZE;
  list(nextDelivery, out, fd, first, count);
  if (submissionNext() != 0) submitPieces(fd, first, count, nextDelivery);
  nextDelivery += DELIVER_SIZE;
}

@inline
function list(delivery: usize, out: usize, fd: i32, first: usize, count: u32): void {
  store<i32>(delivery, fd, DELIVER_FD);
  store<u32>(delivery, <u32>out, DELIVER_OUT);
  store<u32>(delivery, <u32>first, DELIVER_FIRST);
  store<u32>(delivery, count, DELIVER_VECTORS);
  store<i32>(delivery, 0, DELIVER_RESULT);
}
