// The output list: what is to be sent, in order, for the engine to turn into I/O descriptors.
// An entry carries its virtio_net_hdr along: a VNIC gets it as it is; for the underlay a super-frame is segmented.
// A frame that is flooded has an entry for each endpoint, one behind the other.
// borrowed: a listed frame's bytes belong to whoever listed it (a frame slot, a held arena, the inject ring) and stay
// as they are until the engine has sent the list, which it does before the next pass begins.

import {
  Drop,
  FLOOD_COUNT,
  FLOOD_ENDPOINTS,
  FLOOD_MAX,
  MARK_FRAGMENT,
  OUT_BYTES,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_LEN,
  OUT_MARK,
  OUT_OVERLAY,
  OUT_SENDER,
  OUT_SOURCE,
  OUT_VNET,
  OUT_VNIC,
  OVL_HEADER,
  OVL_MARK,
  OVL_SOCKET,
  SOCK_SOURCES,
  SOURCES_MAX,
  VNET_SIZE,
  VNIC_TAG,
  VNIC_UNTAGGED,
  VXLAN_HLEN,
  W_OUT_SUPER,
} from '../layout';
import { overlayAt, socketAt, vnicAt, vnicHasTag } from '../table/records';
import { vnetCopy, vnetIsPlain } from '../wire/virtio';
import { countCopy, countLost, drop } from './counters';
import { flowHash, flowHashUntagged } from './flow';
import { completeFrame, Frame, isSuperFrame } from './frame';
import { chainBy } from './gso-chains';
import { outerMark } from './mark';
import { outAddSegments, outChain, outNoteFlow, outShares, outTake, outUntouched } from './output-list';
import { fitsPath, pathFrameMax, tooBigAnswer } from './too-big';
import { headerOf } from './tunnel-header';
import { w } from './worker';

const ROOM_BEFORE: u32 = 1 << 16; // OUT_ROOM of 1, in the word from OUT_OVERLAY on

@inline
function append(frame: Frame, overlay: u32, sender: u32): usize {
  const out = appendComplete(frame.start, frame.len, frame.frames, frame.bytes, overlay, sender);
  if (!vnetIsPlain(frame.vnet)) vnetCopy(out + OUT_VNET, frame.vnet);
  return out;
}

// An entry that leaves nothing to its receiver.
@inline
function appendComplete(start: usize, len: u32, frames: u32, bytes: u32, overlay: u32, sender: u32): usize {
  const out = outTake();
  store<u32>(out, <u32>start, OUT_FRAME);
  store<u32>(out, len, OUT_LEN);
  store<u32>(out, overlay, OUT_OVERLAY); // and OUT_SOURCE
  store<u32>(out, sender, OUT_SENDER);
  store<u32>(out, frames, OUT_FRAMES);
  store<u32>(out, bytes, OUT_BYTES);
  outUntouched(out);
  return out;
}

// What the entries of a run of ordinary frames have in common, from outBegin on. In variables of the module, because
// V8 computes anew for every frame what is only an argument.
let header: u64 = 0;
let by: u64 = 0; // the word from OUT_ENDPOINT on, of the first source port: without the endpoint
let common: v128 = i64x2(0, 0); // from OUT_MARK on: with OUT_SENDER and OUT_FRAMES, without OUT_BYTES
let sources: u32 = 0; // ports
let shares: bool = false; // outShares

// The next ordinary frames are the VNIC's. `record`: the overlay's.
export function outBegin(record: usize, overlay: u32, sender: u32): void {
  const socket = load<u32>(record, OVL_SOCKET);
  header = load<u64>(record, OVL_HEADER);
  by = (<u64>(overlay | (firstSource(socket) << 16))) << 32;
  common = i32x4(load<u32>(record, OVL_MARK), sender, 1, 0);
  sources = load<u32>(socketAt(socket), SOCK_SOURCES);
  shares = outShares(record, socket);
}

// At `out` the same as outEncap of most frames: complete, without tags, within its path, with nothing that the outer
// header would copy.
@inline
export function outOrdinary(out: usize, start: usize, len: u32, endpoint: u32): void {
  let its = by | endpoint;
  if (sources > 1) its += <u64>sourceOfFlow(flowHashUntagged(start, len), sources) << 48;
  store<u32>(out, <u32>start, OUT_FRAME);
  store<u32>(out, len, OUT_LEN);
  store<u64>(out, its, OUT_ENDPOINT); // and OUT_OVERLAY, OUT_SOURCE
  v128.store(out, common, OUT_MARK); // and OUT_SENDER, OUT_FRAMES
  store<u32>(out, len, OUT_BYTES);
  outUntouched(out);
  if (shares) chainBy(out, its, len);
  store<u64>(start - VXLAN_HLEN, header);
}

// The frame goes to an endpoint of the underlay; its VXLAN header, ready in the overlay's record, is written here, over
// the virtio_net_hdr that stood before the frame.
@inline
export function outEncap(frame: Frame, overlay: u32, endpoint: u32, sender: u32): void {
  assert(endpoint != 0);
  if (frame.len > pathFrameMax(endpoint)) {
    if (refuseTooBig(frame, overlay, endpoint, sender)) return;
  }
  if (!vnetIsPlain(frame.vnet)) {
    if (!makeReady(frame)) return drop(frame, Drop.bad_offload, overlay, sender);
  }
  const record = overlayAt(overlay);
  const source = sourceOf(frame, load<u32>(record, OVL_SOCKET));
  appendRemote(frame, overlay, endpoint, sender, source, outerMark(frame, record));
  store<u64>(frame.start - VXLAN_HLEN, headerOf(frame, record));
}

// The frame goes to every endpoint of a flood list: the first entry is its own fate, each other one a copy. The VXLAN
// header is written last, as it would spoil the virtio_net_hdr that every entry copies.
export function outFlood(frame: Frame, overlay: u32, list: usize, sender: u32): void {
  const count = load<u32>(list, FLOOD_COUNT);
  assert(count > 0 && count <= <u32>FLOOD_MAX);
  if (!vnetIsPlain(frame.vnet) && !makeReady(frame)) return drop(frame, Drop.bad_offload, overlay, sender);
  if (isSuperFrame(frame)) outAddSegments(frame.frames * (count - 1));
  const record = overlayAt(overlay);
  const source = sourceOf(frame, load<u32>(record, OVL_SOCKET));
  const mark = outerMark(frame, record);
  for (let index: u32 = 0; index < count; index++) {
    const endpoint = load<u32>(list + ((<usize>index) << 2), FLOOD_ENDPOINTS);
    if (index > 0) countCopy(frame);
    if (frame.len > pathFrameMax(endpoint) && refuseTooBig(frame, overlay, endpoint, sender)) continue;
    appendRemote(frame, overlay, endpoint, sender, source, mark);
  }
  store<u64>(frame.start - VXLAN_HLEN, headerOf(frame, record));
}

// Whether the frame is what its virtio_net_hdr says, which is not plain, and its checksum made, if that may not be left
// to whoever cuts it.
function makeReady(frame: Frame): bool {
  if (isSuperFrame(frame)) {
    store<u32>(w(), 1, W_OUT_SUPER);
    outAddSegments(frame.frames);
  }
  return completeFrame(frame);
}

@inline
function appendRemote(frame: Frame, overlay: u32, endpoint: u32, sender: u32, source: u32, mark: u32): void {
  const out = append(frame, overlay, sender);
  store<u32>(out, endpoint, OUT_ENDPOINT);
  store<u32>(out, mark, OUT_MARK);
  store<u16>(out, <u16>source, OUT_SOURCE);
  outChain(out);
}

// A frame that is longer than what is known of its path, or a super-frame: whether it does not fit, and may not be
// fragmented. Then it is dropped, and its sender told.
function refuseTooBig(frame: Frame, overlay: u32, endpoint: u32, sender: u32): bool {
  if (fitsPath(frame, endpoint) || outerMark(frame, overlayAt(overlay)) & MARK_FRAGMENT) return false;
  drop(frame, Drop.exceeds_pmtu, overlay, sender);
  countLost(endpoint, frame.frames);
  const answer = tooBigAnswer(frame, pathFrameMax(endpoint), sender);
  if (answer != null) outDeliver(answer, overlay, sender, 0);
  return true;
}

// The socket and which of its source ports.
@inline
function sourceOf(frame: Frame, socket: u32): u32 {
  const ports = load<u32>(socketAt(socket), SOCK_SOURCES);
  const first = firstSource(socket);
  return ports > 1 ? first + sourceOfFlow(flowHash(frame.start, frame.len, frame.depth), ports) : first;
}

// One flow always leaves by the same.
@inline
function sourceOfFlow(hash: u32, ports: u32): u32 {
  return <u32>((<u64>hash * ports) >> 32);
}

@inline
function firstSource(socket: u32): u32 {
  return socket * SOURCES_MAX;
}

// The frame goes to a VNIC of this host. To one whose frames are those without a tag on its TAP goes none with a tag,
// which would be taken for another VNIC's there.
export function outDeliver(frame: Frame, overlay: u32, vnic: u32, sender: u32): void {
  assert(vnic != 0);
  if (frame.depth != 0 && load<u32>(vnicAt(vnic), VNIC_TAG) == VNIC_UNTAGGED) {
    return drop(frame, Drop.vlan_unknown, overlay, sender);
  }
  const out = append(frame, overlay, sender);
  store<u32>(out, 0, OUT_ENDPOINT);
  store<u32>(out, vnic, OUT_VNIC);
  outNoteFlow();
}

// The same of one that nobody else gets: where its virtio_net_hdr stands right before it, there is room for another,
// but not for a tag.
export function outDeliverAlone(frame: Frame, overlay: u32, vnic: u32, sender: u32): void {
  const hasRoom = frame.vnet + VNET_SIZE == frame.start && !vnicHasTag(vnic);
  outDeliver(frame, hasRoom ? overlay | ROOM_BEFORE : overlay, vnic, sender);
}

// What entries of complete frames for VNICs have in common from OUT_ENDPOINT on: 0, OUT_OVERLAY, OUT_ROOM. `hasRoom`:
// nobody needs the VNET_SIZE bytes before them any more.
@inline
export function outDelivered(overlay: u32, hasRoom: bool): u64 {
  return (<u64>(hasRoom ? overlay | ROOM_BEFORE : overlay)) << 32;
}

// At `out` the same as outDeliver of such a frame; the list has to be told that it delivers. `ends`: the VNIC and, in
// the high half, its sender.
@inline
export function outComplete(out: usize, start: usize, len: u32, common: u64, ends: u64): void {
  store<u32>(out, <u32>start, OUT_FRAME);
  store<u32>(out, len, OUT_LEN);
  store<u64>(out, common, OUT_ENDPOINT);
  store<u64>(out, ends, OUT_VNIC); // and OUT_SENDER
  store<u32>(out, 1, OUT_FRAMES);
  store<u32>(out, len, OUT_BYTES);
  outUntouched(out);
}
