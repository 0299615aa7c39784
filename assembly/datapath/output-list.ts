// The output list itself: its entries, how much room there is, and which of them leave together. What is put on it:
// output.ts.

import {
  OUT_ENDPOINT,
  OUT_FRAME_MAX,
  OUT_JOINED,
  OUT_MARK,
  OUT_MAX,
  OUT_OVERLAY,
  OUT_PAYLOAD_LEN,
  OUT_SETTLED,
  OUT_SIZE,
  OUT_SOURCE,
  OUT_VNET,
  OVL_FLAGS,
  OVL_FLAG_SEGMENT,
  SEGMENTS_LISTED_MAX,
  SOURCES_MAX,
  W_NO_SEGMENT,
  W_OUT,
  W_OUT_COUNT,
  W_OUT_SUPER,
} from '../layout';
import { overlayAt } from '../table/records';
import { VNET_GSO_NONE, vnetGsoType, vnetIsPlain } from '../wire/virtio';

import { chain, chainClose, chainsBegin } from './gso-chains';

import { w } from './worker';

// In the word from OUT_ENDPOINT on: OUT_OVERLAY, and OUT_ROOM of 1.
const OVERLAY: u64 = 0xffff << 32;
const ROOM_BEFORE: u64 = 1 << 48;
const ROOM: u32 = OUT_MAX - OUT_FRAME_MAX;

let room: u32 = ROOM; // entries that the list may have before one more frame is taken
let mayJoin: bool = false; // what is of a flow, perhaps, is among those for VNICs
let segments: u32 = 0; // frames that super-frames for the underlay among them will be cut into

// Whether one more frame may be taken: even a broadcast to every VNIC and a whole flood list fits. What is listed is
// sent before anything else happens, so super-frames of many segments fill the list by what they are cut into.
@inline
export function outHasRoom(): bool {
  return load<u32>(w(), W_OUT_COUNT) <= room;
}

// Whether it is those that have filled it.
export function outIsHeavy(): bool {
  return room == 0;
}

export function outAddSegments(count: u32): void {
  segments += count;
  if (segments >= <u32>SEGMENTS_LISTED_MAX) room = 0;
}

// Its first entry is about to be written.
function listBegin(): void {
  mayJoin = false;
  chainsBegin();
}

// The list is empty again.
export function outForget(): void {
  room = ROOM;
  segments = 0;
  store<u32>(w() + W_OUT_COUNT, 0);
  store<u32>(w() + W_OUT_SUPER, 0);
}

// An entry of the list; it stays readable until the next pass lists something in its place.
@inline
export function outAt(index: u32): usize {
  return w() + W_OUT + <usize>index * OUT_SIZE;
}

// Where the next entry goes. Several may be written one behind the other, and then listed.
@inline
export function outNext(): usize {
  const count = load<u32>(w(), W_OUT_COUNT);
  assert(count < <u32>OUT_MAX);
  if (count == 0) listBegin();
  return outAt(count);
}

// The next entry, which is listed.
@inline
export function outTake(): usize {
  const out = outNext();
  store<u32>(w(), load<u32>(w(), W_OUT_COUNT) + 1, W_OUT_COUNT);
  return out;
}

// Before which entries have to be taken, of one frame each, so that outHasRoom says yes.
@inline
export function outRoom(): usize {
  return outAt(room + 1);
}

// The entries before `end` are listed.
@inline
export function outUpTo(end: usize): void {
  store<u32>(w(), <u32>(end - outAt(0)) / OUT_SIZE, W_OUT_COUNT);
}

// A frame for a VNIC is among the entries that is of a flow, perhaps (offload/flow-of.ts), or no frame as on a wire.
@inline
export function outNoteFlow(): void {
  mayJoin = true;
}

// Whether there is one, so that some of those for VNICs may leave together.
@inline
export function outMayJoin(): bool {
  return mayJoin;
}

// Whether an entry leaves with an earlier one.
@inline
export function outIsJoined(out: usize): bool {
  return load<u32>(out, OUT_JOINED) != 0;
}

// Whether nothing was planned for an entry, and nothing of it has left.
@inline
function outIsAlone(out: usize): bool {
  return (load<u64>(out, OUT_SETTLED) | load<u64>(out, OUT_JOINED)) == 0; // and OUT_NEXT, OUT_PAYLOAD
}

// The same of one for an endpoint that is a single frame without a mark.
@inline
export function outIsPlain(out: usize): bool {
  return outIsAlone(out) && load<u32>(out, OUT_MARK) == 0 && vnetIsPlain(out + OUT_VNET);
}

// The same of one for a VNIC before which its virtio_net_hdr may be written.
@inline
export function outIsWhole(out: usize): bool {
  return (load<u64>(out, OUT_ENDPOINT) & ~OVERLAY) == ROOM_BEFORE && outIsAlone(out);
}

// Nothing was planned for it, and it leaves nothing to its receiver.
@inline
export function outUntouched(out: usize): void {
  v128.store(out, i64x2(0, 0), OUT_SETTLED); // and OUT_NEXT, OUT_JOINED, OUT_PAYLOAD
  v128.store(out, i64x2(0, 0), OUT_PAYLOAD_LEN); // and OUT_DROPPED, OUT_VNET
}

// Whether datagrams of an overlay may leave in one send, by that socket.
@inline
export function outShares(record: usize, socket: u32): bool {
  if (!(load<u32>(record, OVL_FLAGS) & OVL_FLAG_SEGMENT)) return false;
  return load<u32>(w() + W_NO_SEGMENT + ((<usize>socket) << 2)) == 0;
}

// Chains an entry for an endpoint to the ones before that it can leave with.
export function outChain(out: usize): void {
  const record = overlayAt(load<u16>(out, OUT_OVERLAY));
  const isSuper = vnetGsoType(out + OUT_VNET) != VNET_GSO_NONE;
  if (!isSuper && outShares(record, load<u16>(out, OUT_SOURCE) / SOURCES_MAX)) chain(out);
  else chainClose(out);
}
