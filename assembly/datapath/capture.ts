// Captures: frames are mirrored into a ring of this worker, from which the host serves those who watch. While nobody
// does, each place where that might be costs a load and a branch.
//
//  from a VNIC,           captureSent, captureReceived: as they came, before anything is changed in them. The record is
//  from the underlay      published when the frame's way is known (captureVerdict), and says it
//  dropped                captureDropped: what came before, waited, and goes nowhere
//  to the underlay,       engine/output/mirror.ts, when the kernel has taken them or not
//  to a VNIC
//
// A full ring costs a frame no time: it is not mirrored, which is counted for the captures that wanted it.

import {
  CAPTURES_MAX,
  CAPTURE_FILTERS,
  CAPTURE_CAPACITY,
  CAP_BYTES,
  CAP_DATA,
  CAP_FRAMES,
  CAP_HEADER,
  CAP_LEN,
  CAP_MARK,
  CAP_OUTPUTS,
  CAP_OVERLAY,
  CAP_OVERLAY_INCARNATION,
  CAP_REASON,
  CAP_SOCKADDR,
  CAP_SOURCE,
  CAP_TIME,
  CAP_TO_SOCKADDR,
  CAP_TO_VNIC,
  CAP_VERDICT,
  CAP_VNIC,
  CAP_VNIC_INCARNATION,
  CAP_WANTED,
  CF_VNIC,
  CF_VNIC_INCARNATION,
  C_HELD,
  C_UPCALLED,
  Capture,
  Drop,
  EP_SOCKADDR,
  EP_SOCKADDR_MAX,
  OUT_ENDPOINT,
  OUT_SIZE,
  OUT_VNIC,
  OVL_HEADER,
  OVL_INCARNATION,
  OVL_SOCKET,
  RING_HEAD,
  RING_TAIL,
  SOURCES_MAX,
  VNIC_INCARNATION,
  VXLAN_HLEN,
  Verdict,
  W_CAPTURES,
  W_CAPTURE_LOST,
  W_CAPTURE_RING,
  W_CLOCK,
  W_COUNTERS,
  W_OUT,
  W_OUT_COUNT,
} from '../layout';
import { ringAbort, ringPublish, ringReserveIn } from '../ring/spsc';
import { endpointAt, overlayAt, vnicAt } from '../table/records';
import { overlayOfVni } from '../table/vnis';
import { tunnelHasVni, tunnelHeader, tunnelVni } from '../wire/tunnel';
import { filterAt, snapLength, wantedBy, wantsFate } from './capture-filter';
import { Frame } from './frame';
import { kindOf } from './tunnel-header';
import { w } from './worker';

// The frame that came, from captureSent or captureReceived until captureVerdict:
let isOpen: bool = false;
let wanted: u32 = 0; // captures that want it, if they want its fate
let record: usize = 0; // 0: there was no room, or nobody wants it
let sender: u32 = 0; // VNIC, 0: the underlay
let reason: Drop = Drop.none;
let listed: u32 = 0; // entries of the output list before it came,
let held: u64 = 0; // frames held,
let upcalled: u64 = 0; // and frames that the host has had

/** A bit for each that this worker mirrors for. */
@inline
export function captures(): u32 {
  return load<u32>(w(), W_CAPTURES);
}

@inline
export function isCapturing(): bool {
  return captures() != 0;
}

/** Whether the frames are those of a trace (src/datapath/tracer.ts), which go nowhere. */
@inline
export function isTracing(): bool {
  return captures() >> CAPTURES_MAX != 0;
}

// A new instance takes over this worker's memory: what was reserved never was.
export function captureStart(): void {
  isOpen = false;
  ringAbort(w() + W_CAPTURE_RING);
}

/** A VNIC has sent the frame. */
export function captureSent(frame: Frame, overlay: u32, vnic: u32): void {
  open(Capture.from_vnic, frame, overlay, vnic);
}

/**
 * The frame came from the struct sockaddr at `from` behind a VXLAN header, for the overlays of a socket. `arrival`: see
 * arrival.ts.
 */
export function captureReceived(frame: Frame, socket: u32, from: usize, arrival: u32): void {
  const datagram = frame.start - VXLAN_HLEN;
  const isWhole = frame.len > 0 && tunnelHasVni(kindOf(socket), datagram);
  open(Capture.from_underlay, frame, isWhole ? overlayOfVni(socket, tunnelVni(datagram)) : 0, 0);
  if (record == 0) return;
  memory.copy(record + CAP_SOCKADDR, from, EP_SOCKADDR_MAX);
  store<u32>(record, socket * SOURCES_MAX, CAP_SOURCE);
  store<u32>(record, arrival, CAP_MARK);
  store<u64>(record, frame.len > 0 ? tunnelHeader(datagram) : 0, CAP_HEADER);
}

function open(point: Capture, frame: Frame, overlay: u32, vnic: u32): void {
  isOpen = true;
  sender = vnic;
  reason = Drop.none;
  listed = load<u32>(w(), W_OUT_COUNT);
  held = load<u64>(w() + W_COUNTERS, C_HELD);
  upcalled = load<u64>(w() + W_COUNTERS, C_UPCALLED);
  wanted = wantedBy(captures(), frame.start, frame.len, overlay);
  record = wanted == 0 ? 0 : write(point, frame, overlay, vnic);
}

/** What became of the frame that came is decided, and of how many frames it stands for. */
export function captureVerdict(frame: Frame): void {
  isOpen = false;
  if (wanted == 0) return;
  const by = wantedOf(wanted, sender, listed, load<u32>(w(), W_OUT_COUNT), reason);
  if (record == 0) return captureLost(by);
  if (by == 0) return ringAbort(w() + W_CAPTURE_RING);
  store<u32>(record, frame.frames, CAP_FRAMES);
  describeVerdict();
  capturePublish(record, by, reason);
}

function describeVerdict(): void {
  const outputs = load<u32>(w(), W_OUT_COUNT) - listed;
  const totals = w() + W_COUNTERS;
  let verdict = Verdict.none;
  if (outputs > 0) {
    verdict = Verdict.listed;
    const first = w() + W_OUT + <usize>listed * OUT_SIZE;
    const endpoint = load<u32>(first, OUT_ENDPOINT);
    if (endpoint == 0) store<u32>(record, load<u32>(first, OUT_VNIC), CAP_TO_VNIC);
    else memory.copy(record + CAP_TO_SOCKADDR, endpointAt(endpoint) + EP_SOCKADDR, EP_SOCKADDR_MAX);
  } else if (load<u64>(totals, C_HELD) != held) verdict = Verdict.held;
  else if (load<u64>(totals, C_UPCALLED) != upcalled) verdict = Verdict.upcalled;
  store<u32>(record, verdict, CAP_VERDICT);
  store<u32>(record, outputs, CAP_OUTPUTS);
}

/** The frame, or a copy of it, goes nowhere. `vnic` sent it, 0: it came from the underlay. */
export function captureDropped(frame: Frame, why: Drop, overlay: u32, vnic: u32): void {
  if (isOpen) {
    if (reason == Drop.none) reason = why;
    return;
  }
  const by = wantedOf(wantedBy(captures(), frame.start, frame.len, overlay), vnic, 0, 0, why);
  if (by == 0) return;
  const dropped = write(Capture.dropped, frame, overlay, vnic);
  if (dropped == 0) return captureLost(by);
  capturePublish(dropped, by, why);
}

/**
 * Those of `by` that want a frame of a VNIC (0: the underlay), which is listed from entry `first` up to `end`, and
 * dropped for `why`, if it is.
 */
export function wantedOf(by: u32, vnic: u32, first: u32, end: u32, why: Drop): u32 {
  let left = by;
  for (let capture: u32 = 0; capture < <u32>CAPTURE_FILTERS; capture++) {
    if (!((by >> capture) & 1)) continue;
    if (!wantsFate(capture, why) || !wantsVnic(capture, vnic, first, end)) left &= ~(<u32>1 << capture);
  }
  return left;
}

function wantsVnic(capture: u32, vnic: u32, first: u32, end: u32): bool {
  const filter = filterAt(capture);
  const its = load<u32>(filter, CF_VNIC);
  if (its == 0) return true;
  if (load<u32>(filter, CF_VNIC_INCARNATION) != load<u32>(vnicAt(its), VNIC_INCARNATION)) return false;
  if (its == vnic) return true;
  for (let index = first; index < end; index++) {
    const out = w() + W_OUT + <usize>index * OUT_SIZE;
    if (load<u32>(out, OUT_ENDPOINT) == 0 && load<u32>(out, OUT_VNIC) == its) return true;
  }
  return false;
}

// A record of a frame that stands in one piece; 0: there is no room.
function write(point: Capture, frame: Frame, overlay: u32, vnic: u32): usize {
  const bytes = min(frame.len, snapLength(captures()));
  const at = captureReserve(point, bytes, overlay, vnic);
  if (at == 0) return 0;
  store<u32>(at, frame.frames, CAP_FRAMES);
  store<u32>(at, frame.len, CAP_LEN);
  memory.copy(at + CAP_DATA, frame.start, bytes);
  return at;
}

/** A record with room for `bytes` of a frame, of which an overlay and a VNIC are known; 0: there is no room. */
export function captureReserve(point: Capture, bytes: u32, overlay: u32, vnic: u32): usize {
  const at = ringReserveIn(w() + W_CAPTURE_RING, CAPTURE_CAPACITY, point, CAP_DATA + bytes);
  if (at == 0) return 0;
  memory.fill(at + CAP_WANTED, 0, CAP_DATA - CAP_WANTED);
  const its = overlayAt(overlay);
  store<u64>(at, load<u64>(w(), W_CLOCK) * 1_000_000_000 + load<u64>(w(), W_CLOCK + 8), CAP_TIME);
  store<u32>(at, overlay, CAP_OVERLAY);
  store<u32>(at, load<u32>(its, OVL_INCARNATION), CAP_OVERLAY_INCARNATION);
  store<u32>(at, vnic, CAP_VNIC);
  store<u32>(at, load<u32>(vnicAt(vnic), VNIC_INCARNATION), CAP_VNIC_INCARNATION);
  store<u64>(at, load<u64>(its, OVL_HEADER), CAP_HEADER);
  store<u32>(at, load<u32>(its, OVL_SOCKET) * SOURCES_MAX, CAP_SOURCE);
  store<u32>(at, bytes, CAP_BYTES);
  return at;
}

/** Hands the record that was reserved last to the host, and wakes it if it had read all before. */
export function capturePublish(at: usize, by: u32, why: Drop): void {
  const ring = w() + W_CAPTURE_RING;
  const before = load<u32>(ring, RING_HEAD);
  store<u32>(at, by, CAP_WANTED);
  store<u32>(at, why, CAP_REASON);
  ringPublish(ring);
  if (atomic.load<u32>(ring, RING_TAIL) == before) atomic.notify(ring + RING_HEAD, 1);
}

/** A frame that these wanted was not mirrored. */
export function captureLost(by: u32): void {
  for (let capture: u32 = 0; capture < <u32>CAPTURE_FILTERS; capture++) {
    const count = w() + W_CAPTURE_LOST + (<usize>capture << 2);
    store<u32>(count, load<u32>(count) + ((by >> capture) & 1));
  }
}
