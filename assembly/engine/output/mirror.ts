// The output list, when all of it has met its fate, for those who capture (datapath/capture.ts): each datagram as its
// frame, a super-frame whole, however it was cut; what was joined for a VNIC as the super-frame that its TAP was given.

import {
  CAP_DATA,
  CAP_FRAMES,
  CAP_HEADER,
  CAP_LEN,
  CAP_MARK,
  CAP_SOCKADDR,
  CAP_SOURCE,
  Capture,
  Drop,
  EP_SOCKADDR,
  EP_SOCKADDR_MAX,
  OUT_DROPPED,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_JOINED,
  OUT_LEN,
  OUT_MARK,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_SENDER,
  OUT_SOURCE,
  OUT_VNIC,
  VXLAN_HLEN,
} from '../../layout';
import { captureLost, capturePublish, captureReserve, captures, wantedOf } from '../../datapath/capture';
import { snapLength, wantedBy } from '../../datapath/capture-filter';
import { outAt } from '../../datapath/output-list';
import { endpointAt } from '../../table/records';

/** Mirrors the `count` entries of the list. */
export function mirrorList(count: u32): void {
  for (let index: u32 = 0; index < count; index++) {
    const out = outAt(index);
    if (load<u32>(out, OUT_ENDPOINT) != 0) mirrorSent(out, index);
    else if (load<u32>(out, OUT_JOINED) == 0) mirrorDelivered(out, index);
  }
}

@inline
function wantedEntry(out: usize, index: u32): u32 {
  const by = wantedBy(captures(), load<u32>(out, OUT_FRAME), load<u32>(out, OUT_LEN), load<u16>(out, OUT_OVERLAY));
  return by == 0 ? 0 : wantedOf(by, load<u32>(out, OUT_SENDER), index, index + 1, <Drop>load<u16>(out, OUT_DROPPED));
}

function mirrorSent(out: usize, index: u32): void {
  const by = wantedEntry(out, index);
  if (by == 0) return;
  const len = load<u32>(out, OUT_LEN);
  const bytes = min(len, snapLength(by));
  const at = captureReserve(Capture.to_underlay, bytes, load<u16>(out, OUT_OVERLAY), load<u32>(out, OUT_SENDER));
  if (at == 0) return captureLost(by);
  memory.copy(at + CAP_SOCKADDR, endpointAt(load<u32>(out, OUT_ENDPOINT)) + EP_SOCKADDR, EP_SOCKADDR_MAX);
  store<u64>(at, load<u64>(<usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN), CAP_HEADER);
  store<u32>(at, load<u16>(out, OUT_SOURCE), CAP_SOURCE);
  store<u32>(at, load<u32>(out, OUT_MARK), CAP_MARK);
  store<u32>(at, load<u32>(out, OUT_FRAMES), CAP_FRAMES);
  store<u32>(at, len, CAP_LEN);
  memory.copy(at + CAP_DATA, load<u32>(out, OUT_FRAME), bytes);
  capturePublish(at, by, <Drop>load<u16>(out, OUT_DROPPED));
}

function mirrorDelivered(out: usize, index: u32): void {
  const by = wantedEntry(out, index);
  if (by == 0) return;
  const most = snapLength(by);
  const trimmed = load<u32>(out, OUT_PAYLOAD_LEN); // of a run's first frame, see tap-writes.ts
  const first = trimmed == 0 ? load<u32>(out, OUT_LEN) : trimmed;
  let len = first;
  let frames = load<u32>(out, OUT_FRAMES);
  for (let next = <usize>load<u32>(out, OUT_NEXT); next != 0; next = load<u32>(next, OUT_NEXT)) {
    len += load<u32>(next, OUT_PAYLOAD_LEN);
    frames += load<u32>(next, OUT_FRAMES);
  }
  const bytes = min(len, most);
  const at = captureReserve(Capture.to_vnic, bytes, load<u16>(out, OUT_OVERLAY), load<u32>(out, OUT_VNIC));
  if (at == 0) return captureLost(by);
  store<u32>(at, frames, CAP_FRAMES);
  store<u32>(at, len, CAP_LEN);
  gather(at + CAP_DATA, bytes, out, first);
  capturePublish(at, by, <Drop>load<u16>(out, OUT_DROPPED));
}

// The frame of `first` bytes and the payloads that were joined to it, `bytes` of them in all.
function gather(to: usize, bytes: u32, out: usize, first: u32): void {
  let copied = min(first, bytes);
  memory.copy(to, load<u32>(out, OUT_FRAME), copied);
  for (let next = <usize>load<u32>(out, OUT_NEXT); next != 0 && copied < bytes; next = load<u32>(next, OUT_NEXT)) {
    const more = min(load<u32>(next, OUT_PAYLOAD_LEN), bytes - copied);
    memory.copy(to + copied, load<u32>(next, OUT_PAYLOAD), more);
    copied += more;
  }
}
