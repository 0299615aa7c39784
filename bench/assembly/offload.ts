// Segmentation and coalescing: frames are made here, with the views that the datapath has.

import { coalesce, coalesceBegin, coalesceEnd } from '../../assembly/engine/output/gro-list';
import { flowHash } from '../../assembly/datapath/flow';
import { groMessage, joinDatagrams } from '../../assembly/datapath/gro-message';
import { outAt } from '../../assembly/datapath/output-list';
import { segmentation } from '../../assembly/datapath/frame';
import { segmentOpen, segmentWrite } from '../../assembly/offload/gso';
import { workerAttach } from '../../assembly/datapath/worker';
import {
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_JOINED,
  OUT_LEN,
  OUT_VNET,
  OUT_VNIC,
  OVL_FLAGS,
  OVL_FLAG_ACCEPT_PARTIAL,
  OVL_FLAG_COALESCE_TCP,
  OVL_FLAG_COALESCE_UDP,
  VXLAN_HLEN,
} from '../../assembly/layout';
import { overlayAt } from '../../assembly/table/records';
import { sum } from '../../assembly/wire/checksum';
import { ETH_HLEN, ETH_P_IP, ethSetDst, ethSetSrc, ethSetType } from '../../assembly/wire/ethernet';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HLEN,
  ipv4FillChecksum,
  ipv4PseudoSum,
  ipv4SetId,
  ipv4Stamp,
} from '../../assembly/wire/ipv4';
import {
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_HLEN,
  tcpFillChecksum,
  tcpSetOffsetAndFlags,
  tcpStamp,
} from '../../assembly/wire/tcp';
import { UDP_CHECKSUM, UDP_HLEN, udpFillChecksum, udpStamp } from '../../assembly/wire/udp';
import { VNET_GSO_TCPV4, VNET_GSO_UDP_L4, vnetClear, vnetSet } from '../../assembly/wire/virtio';
import { vlanDepth } from '../../assembly/wire/vlan';

const L4: u32 = ETH_HLEN + IPV4_HLEN;
const TCP_WITH_OPTIONS: u32 = TCP_HLEN + 12; // as Linux sends it, with timestamps
const HEADERS_SAVED: usize = 80;
const VNIC: u32 = 1;

@inline
function transportLength(tcp: bool): u32 {
  return tcp ? TCP_WITH_OPTIONS : UDP_HLEN;
}

// Bytes before the payload.
export function headerLength(tcp: bool): u32 {
  return L4 + transportLength(tcp);
}

// Writes the headers of frame `index` of a flow around `payload` bytes that are there already; answers its length.
export function makeFrame(at: usize, tcp: bool, port: u32, index: u32, payload: u32): u32 {
  ethSetDst(at, 0x0100_0000_0002);
  ethSetSrc(at, 0x0200_0000_0002);
  ethSetType(at, ETH_P_IP);
  const packet = at + ETH_HLEN;
  const header = at + L4;
  const protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
  const length = transportLength(tcp) + payload;
  ipv4Stamp(packet, protocol, IPV4_HLEN + length, 0x0a000001, 0x0a000002);
  ipv4SetId(packet, index);
  ipv4FillChecksum(packet);
  const pseudo = ipv4PseudoSum(packet, protocol, length);
  if (tcp) {
    tcpStamp(header, port, 5201, index * payload, 1, TCP_ACK);
    tcpSetOffsetAndFlags(header, ((TCP_WITH_OPTIONS >> 2) << 12) | TCP_ACK);
    memory.fill(header + TCP_HLEN, 1, TCP_WITH_OPTIONS - TCP_HLEN);
    tcpFillChecksum(header, length, pseudo);
  } else {
    udpStamp(header, port, 5201, length);
    udpFillChecksum(header, pseudo);
  }
  return L4 + length;
}

// Cuts a super-frame `count` times; answers how many frames that made.
export function segments(frame: usize, len: u32, vnet: usize, to: usize, tcp: bool, size: u32, count: u32): u32 {
  vnetSet(vnet, tcp ? VNET_GSO_TCPV4 : VNET_GSO_UDP_L4, 0, size, L4, tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
  let made: u32 = 0;
  workerAttach(0);
  const gso = segmentation();
  for (let turn: u32 = 0; turn < count; turn++) {
    if (!segmentOpen(gso, frame, len, vnet)) return 0;
    for (let index: u32 = 0; index < gso.count; index++) {
      segmentWrite(gso, to, index);
      made++;
    }
  }
  return made;
}

// The baseline: only sums the payloads of `pieces`, `count` times.
export function sumPieces(at: usize, size: u32, pieces: u32, count: u32): u64 {
  let folded: u64 = 0;
  for (let turn: u32 = 0; turn < count; turn++) {
    for (let index: u32 = 0; index < pieces; index++) folded += sum(at + <usize>(index * size), size, 0);
  }
  return folded;
}

// Makes a list of `entries` frames of `flows` flows, `stride` apart, and keeps their headers at `saved`.
export function makeList(
  at: usize,
  saved: usize,
  stride: u32,
  entries: u32,
  flows: u32,
  tcp: bool,
  payload: u32,
): void {
  workerAttach(0);
  for (let index: u32 = 0; index < entries; index++) {
    const frame = at + <usize>(index * stride);
    const len = makeFrame(frame, tcp, 1024 + (index % flows), index / flows, payload);
    memory.copy(saved + <usize>index * HEADERS_SAVED, frame, HEADERS_SAVED);
    const out = outAt(index);
    store<u32>(out, <u32>frame, OUT_FRAME);
    store<u32>(out, len, OUT_LEN);
    store<u32>(out, 0, OUT_ENDPOINT);
    store<u32>(out, VNIC, OUT_VNIC);
    store<u32>(out, 1, OUT_FRAMES);
  }
}

@inline
function restore(saved: usize, entries: u32): void {
  for (let index: u32 = 0; index < entries; index++) {
    const out = outAt(index);
    const frame = <usize>load<u32>(out, OUT_FRAME);
    for (let at: usize = 0; at < HEADERS_SAVED; at += 16) {
      v128.store(frame + at, v128.load(saved + <usize>index * HEADERS_SAVED + at));
    }
    vnetClear(out + OUT_VNET);
    store<u32>(out, 0, OUT_JOINED);
  }
}

// Coalesces the list `count` times; answers how many entries joined another one.
export function coalesceLists(saved: usize, entries: u32, count: u32, kinds: u32): u32 {
  let joined: u32 = 0;
  for (let turn: u32 = 0; turn < count; turn++) {
    restore(saved, entries);
    coalesceBegin();
    for (let index: u32 = 0; index < entries; index++) coalesce(outAt(index), kinds);
    coalesceEnd();
    for (let index: u32 = 0; index < entries; index++) joined += load<u32>(outAt(index), OUT_JOINED);
  }
  return joined;
}

// The baseline: makes the list new and sums what a joined frame's checksum covers.
export function restoreLists(saved: usize, entries: u32, count: u32): u64 {
  let folded: u64 = 0;
  for (let turn: u32 = 0; turn < count; turn++) {
    restore(saved, entries);
    for (let index: u32 = 0; index < entries; index++) {
      const out = outAt(index);
      folded += sum(<usize>load<u32>(out, OUT_FRAME) + L4, load<u32>(out, OUT_LEN) - L4, 0);
      folded += load<u32>(out, OUT_JOINED);
    }
  }
  return folded;
}

// The hashes of the frames of a list, `count` times.
export function flowHashes(entries: u32, count: u32): u64 {
  let folded: u64 = 0;
  for (let turn: u32 = 0; turn < count; turn++) {
    for (let index: u32 = 0; index < entries; index++) {
      const frame = <usize>load<u32>(outAt(index), OUT_FRAME);
      const len = load<u32>(outAt(index), OUT_LEN);
      folded += flowHash(frame, len, vlanDepth(frame, len));
    }
  }
  return folded;
}

// Makes a message of datagrams of one flow, as many as a send may carry, and answers how many bytes each has. The VNI
// that its overlay is found by is 0, and so is the overlay.
export function makeMessage(at: usize, tcp: bool, payload: u32, datagrams: u32): u32 {
  workerAttach(0);
  store<u32>(overlayAt(0), OVL_FLAG_COALESCE_TCP | OVL_FLAG_COALESCE_UDP | OVL_FLAG_ACCEPT_PARTIAL, OVL_FLAGS);
  const size = VXLAN_HLEN + headerLength(tcp) + payload;
  for (let index: u32 = 0; index < datagrams; index++) {
    const datagram = at + <usize>(index * size);
    store<u64>(datagram, 0);
    makeFrame(datagram + VXLAN_HLEN, tcp, 1024, index, payload);
  }
  return size;
}

// Takes the message from `saved` and joins its datagrams, `count` times; answers how many that were.
export function joinMessages(at: usize, saved: usize, len: u32, size: u32, count: u32): u32 {
  let joined: u32 = 0;
  for (let turn: u32 = 0; turn < count; turn++) {
    memory.copy(at, saved, len);
    joined += joinDatagrams(groMessage(), at, len, size, 0);
  }
  return joined;
}

// The baseline: only takes the message.
export function takeMessages(at: usize, saved: usize, len: u32, count: u32): void {
  for (let turn: u32 = 0; turn < count; turn++) memory.copy(at, saved, len);
}
