// GRO messages: datagrams that UDP_GRO joined come one behind the other in one message, and most often they are the
// segments that another VTEP cut a super-frame into. Those that belong together become a super-frame again where they
// stand, before they are decapsulated, so that everything after is done once and not per segment.
//
//  1. the first     TCP or UDP, nothing in it that forbids a super-frame (offload/flow-of.ts)
//  2. the others    the same VXLAN header and the same headers inside, but for what follows from their place
//                   (offload/gro.ts)
//  3. each          its checksums are verified while its payload is moved up to the one before, or may be partial
//  4. the headers   become those of the whole (offload/gro-headers.ts)

import { GRO_HEADERS_MAX, VXLAN_HLEN, W_GRO_HEADERS, W_GRO_MESSAGE, W_GRO_VNET } from '../layout';
import { ACCEPT_PARTIAL, FlowOf, flowOf } from '../offload/flow-of';
import {
  append,
  begin,
  continues,
  isSegment,
  kindsOf,
  mayBegin,
  SuperFrame,
  transportSum,
  verifyHead,
  verifyIp,
} from '../offload/gro';
import { writeHeaders } from '../offload/gro-headers';
import { checksumField, describeSuperFrame } from '../offload/partial';
import { overlayOfVni } from '../table/vnis';
import { copyAndSum, copyBytes, foldSum, sum } from '../wire/checksum';
import { ETH_HLEN } from '../wire/ethernet';
import { tunnelVni } from '../wire/tunnel';
import { segmentation } from './frame';
import { hasOptions } from './tunnel-header';
import { w } from './worker';

// The record of the super-frame that datagrams of a message become. A worker takes one message at a time.
@inline
export function groMessage(): SuperFrame {
  return changetype<SuperFrame>(w() + W_GRO_MESSAGE);
}

// Where writeHeaders puts its struct virtio_net_hdr.
@inline
export function groVnet(): usize {
  return w() + W_GRO_VNET;
}

// Bytes of its frames on the wire.
@inline
export function groWireBytes(joined: SuperFrame): u32 {
  return joined.frames * joined.headers + joined.bytes;
}

// Whether a message is one datagram of `len` bytes with a UDP super-frame in it, of segments of `size` bytes, as a
// kernel on this machine hands it over. UDP_GRO tells that size as it tells the size of datagrams that it joined; the
// length that the packet inside says it has tells the two apart.
export function openWhole(whole: SuperFrame, at: usize, len: u32, size: u32, socket: u32): bool {
  if (len <= <u32>(VXLAN_HLEN + ETH_HLEN) || hasOptions(at, socket)) return false;
  const gso = segmentation();
  if (!describeSuperFrame(gso, at + VXLAN_HLEN, len - VXLAN_HLEN, 0, size, groVnet())) return false;
  if (!(kindsOf(overlayOfVni(socket, tunnelVni(at))) & ACCEPT_PARTIAL)) return false;
  whole.frames = gso.count;
  whole.headers = <u16>gso.headers;
  whole.bytes = gso.bytes;
  return true;
}

// Makes a super-frame of the datagrams that stand at `at`, of `size` bytes each in `len`, the last of which may be
// shorter. Answers how many `joined` is made of: 1 leaves everything as it was.
export function joinDatagrams(joined: SuperFrame, at: usize, len: u32, size: u32, socket: u32): u32 {
  if (len <= size || size <= <u32>VXLAN_HLEN || hasOptions(at, socket)) return 1;
  if (flowOf(joined, at + VXLAN_HLEN, size - VXLAN_HLEN, 0) != FlowOf.Known) return 1;
  const kinds = kindsOf(overlayOfVni(socket, tunnelVni(at)));
  if (!mayBegin(joined, kinds)) return 1;
  joined.mayBePartial = (kinds & ACCEPT_PARTIAL) != 0;
  const headers = <u32>VXLAN_HLEN + joined.headers;
  if (headers + joined.payload != size || headers > <u32>GRO_HEADERS_MAX) return 1;
  begin(joined);
  for (let start = size; start < len; start += size) {
    const datagram = at + start;
    const rest = min(size, len - start);
    if (rest <= headers || load<u64>(datagram) != load<u64>(at)) break;
    const payload = rest - headers;
    const frame = datagram + VXLAN_HLEN;
    if (!isSegment(joined, frame, payload) || !continues(joined, frame, payload)) break;
    if (!verifyHead(joined) || !moveUp(joined, datagram, payload)) break;
    if (append(joined, w() + W_GRO_HEADERS + VXLAN_HLEN, payload)) break;
  }
  if (joined.frames > 1) writeHeaders(joined, groVnet());
  return joined.frames;
}

// Moves a datagram's `payload` bytes to the end of the super-frame, sums them on the way unless that is left to the
// receiver, and leaves its headers in W_GRO_HEADERS. Should a checksum be wrong, the datagram is made again what it
// was.
function moveUp(joined: SuperFrame, datagram: usize, payload: u32): bool {
  const frame = datagram + VXLAN_HLEN;
  if (!verifyIp(joined, frame)) return false;
  const headers = <u32>joined.headers;
  const to = joined.frame + headers + joined.bytes;
  const pseudo = transportSum(joined, payload);
  copyBytes(w() + W_GRO_HEADERS, datagram, VXLAN_HLEN + headers);
  if (joined.isPartial && checksumField(joined, frame + joined.l4) == pseudo) {
    copyBytes(to, frame + headers, payload);
    return true;
  }
  const before = sum(frame + joined.l4, headers - joined.l4, pseudo);
  if (foldSum(<u64>copyAndSum(to, frame + headers, payload) + <u64>before) == 0xffff) return true;
  const header = w() + W_GRO_HEADERS + VXLAN_HLEN + joined.l4; // where it stood, there may be payload now
  if (joined.mayBePartial && checksumField(joined, header) == pseudo) return true;
  memory.copy(frame + headers, to, payload);
  memory.copy(datagram, w() + W_GRO_HEADERS, VXLAN_HLEN + headers);
  return false;
}
