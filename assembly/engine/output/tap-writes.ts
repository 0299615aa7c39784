// Entries of the output list for VNICs, as gathering writes to TAPs: the virtio_net_hdr of the entry, the frame, and
// the payloads of the frames that were joined to it (gro-list.ts). A super-frame whose VNIC takes none is cut: a write
// for each of its frames, which are made in the arena of messages.ts.

import {
  DELIVER_IOV_MAX,
  EMIT_MAX,
  IOVEC_SIZE,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_LEN,
  OUT_NEXT,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_SETTLED,
  OUT_VNET,
  OUT_VNIC,
  TUNNEL_HEADERS_SIZE,
  VNET_SIZE,
  W_DELIVER_COUNT,
  W_DELIVER_FD,
  W_DELIVER_FIRST,
  W_DELIVER_IOV,
  W_DELIVER_IOVS,
  W_DELIVER_OUT,
  W_NO_VNET,
  W_TUNNEL_HEADERS,
  W_VNIC_WRITE_FDS,
} from '../../layout';
import { segmentation } from '../../datapath/frame';
import { outAt } from '../../datapath/output';
import { w } from '../../datapath/worker';
import { KIND_TCP, KIND_UDP } from '../../offload/flow-of';
import { segmentOpen, segmentWrite } from '../../offload/gso';
import { UDP_CHECKSUM } from '../../wire/udp';
import { vnetCsumOffset } from '../../wire/virtio';
import { iovec } from '../descriptors';
import { reserve } from './messages';

const CUT: u32 = 1; // in OUT_PAYLOAD, where no frame is

let vectors: u32 = 0; // iovecs in use

export function deliveriesBegin(): void {
  vectors = 0;
  store<u32>(w() + W_DELIVER_COUNT, 0);
}

// Where the next write's headers may stand that are not of the frame; 0: no room for a write of two pieces.
@inline
export function nextWriteHeaders(): usize {
  const at = load<u32>(w() + W_DELIVER_COUNT);
  if (vectors + 2 > <u32>DELIVER_IOV_MAX || at == <u32>EMIT_MAX) return 0;
  return w() + W_TUNNEL_HEADERS + <usize>at * TUNNEL_HEADERS_SIZE;
}

// A write of `headers` and what stands at `base`.
export function emitWrite(index: u32, fd: i32, headers: usize, headersLen: u32, base: usize, len: u32): void {
  const first = vectors;
  push(headers, headersLen);
  push(base, len);
  list(index, fd, first);
}

@inline
function push(base: usize, len: u32): void {
  iovec(w() + W_DELIVER_IOV + <usize>(vectors++) * IOVEC_SIZE, base, len);
}

// The run that starts with this entry, as one write. False: no room.
@inline
export function emitDelivery(index: u32, out: usize): bool {
  if (isCut(out)) return emitCut(index, out);
  const first = vectors;
  if (first + 2 > <u32>DELIVER_IOV_MAX || load<u32>(w() + W_DELIVER_COUNT) == <u32>EMIT_MAX) return false;
  const trimmed = load<u32>(out, OUT_PAYLOAD_LEN); // a run's first frame, without padding at its end
  push(out + OUT_VNET, VNET_SIZE);
  push(load<u32>(out, OUT_FRAME), trimmed == 0 ? load<u32>(out, OUT_LEN) : trimmed);
  if (load<u32>(out, OUT_NEXT) != 0 && !pushJoined(load<u32>(out, OUT_NEXT))) {
    vectors = first;
    return false;
  }
  list(index, load<i32>(w() + W_VNIC_WRITE_FDS + ((<usize>load<u32>(out, OUT_VNIC)) << 2)), first);
  return true;
}

// The payloads of the frames that were joined to a run's first, from this entry on.
function pushJoined(from: u32): bool {
  for (let next = from; next != 0; next = load<u32>(outAt(next), OUT_NEXT)) {
    if (vectors == <u32>DELIVER_IOV_MAX) return false;
    push(load<u32>(outAt(next), OUT_PAYLOAD), load<u32>(outAt(next), OUT_PAYLOAD_LEN));
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
function emitCut(index: u32, out: usize): bool {
  const fd = load<i32>(w() + W_VNIC_WRITE_FDS + ((<usize>load<u32>(out, OUT_VNIC)) << 2));
  const gso = segmentation();
  segmentOpen(gso, load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), out + OUT_VNET);
  const size = gso.headers + gso.payload;
  const end = load<u32>(out, OUT_FRAMES);
  for (let segment = load<u32>(out, OUT_SETTLED); segment < end; segment++) {
    if (vectors + 2 > <u32>DELIVER_IOV_MAX || load<u32>(w() + W_DELIVER_COUNT) == <u32>EMIT_MAX) return false;
    const at = reserve(size);
    if (at == 0) return false;
    emitWrite(index, fd, w() + W_NO_VNET, VNET_SIZE, at, segmentWrite(gso, at, segment));
  }
  return true;
}

// Bytes of the frame that a write of emitCut carries.
export function cutLength(delivery: u32): u32 {
  const first = load<u32>(w() + W_DELIVER_FIRST + ((<usize>delivery) << 2));
  return <u32>load<u64>(w() + W_DELIVER_IOV + <usize>(first + 1) * IOVEC_SIZE, 8);
}

// The iovecs from `first` on are one write.
@inline
function list(index: u32, fd: i32, first: u32): void {
  const at = <usize>load<u32>(w() + W_DELIVER_COUNT);
  store<u32>(w() + W_DELIVER_FIRST + (at << 2), first);
  store<u32>(w() + W_DELIVER_IOVS + (at << 2), vectors - first);
  store<i32>(w() + W_DELIVER_FD + (at << 2), fd);
  store<u32>(w() + W_DELIVER_OUT + (at << 2), index);
  store<u32>(w() + W_DELIVER_COUNT, <u32>at + 1);
}
