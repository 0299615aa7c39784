// The header of 24 bytes that stands before every frame on an underlay TAP: struct virtio_net_hdr_v1_hash_tunnel of
// linux/virtio_net.h (VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO), little-endian. The frame is a whole one of the underlay.
//
//  0             10          12                              20               22               24
// +-------------+-----------+-------------------------------+----------------+----------------+
// | virtio.ts   | buffers   | hash, its type, padding: zero | outerThOffset  | innerNhOffset  |
// +-------------+-----------+-------------------------------+----------------+----------------+
//
// The first part is that of a VNIC, but its offsets count from the underlay's Ethernet header. With a tunnel's bit
// beside the GSO type it speaks of the frame inside: type, segment size and checksum are the inner ones, outerThOffset
// is where the outer UDP header is and innerNhOffset where the inner IP header is.

import { VNET_SIZE } from '../layout';
import {
  VNET_GSO_NONE,
  VNET_NEEDS_CSUM,
  vnetClear,
  vnetCopy,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
  vnetSet,
  vnetShift,
} from './virtio';

const FLAGS: usize = 0;
const GSO_TYPE: usize = FLAGS + 1;
const OUTER_TH_OFFSET: usize = VNET_SIZE + 10;
const INNER_NH_OFFSET: usize = OUTER_TH_OFFSET + 2;
/** Bytes of the header. */
export const TUNNEL_VNET_SIZE: u32 = <u32>INNER_NH_OFFSET + 2;

/** The outer UDP checksum is to be made as well: its field holds the folded sum of the pseudo header. */
export const VNET_TUNNEL_CSUM: u32 = 8;
/** Beside a GSO type: inside a UDP tunnel over IPv4, or IPv6. */
export const VNET_TUNNEL_IPV4: u32 = 0x20;
export const VNET_TUNNEL_IPV6: u32 = 0x40;
const TUNNELS: u32 = VNET_TUNNEL_IPV4 | VNET_TUNNEL_IPV6;

/** A frame that is complete as it stands. */
@inline
export function tunnelVnetClear(vnet: usize): void {
  store<u64>(vnet, 0);
  store<u64>(vnet, 0, 8);
  store<u64>(vnet, 0, 16);
}

/**
 * Writes all of it for a frame inside a tunnel. `inner`: its virtio_net_hdr as a VNIC gave it, NEEDS_CSUM and a GSO
 * type set; `outer`: bytes before it, VXLAN header included; `headers`: bytes of its own headers, never 0; `l3`: where
 * its IP header is. `tunnel`: VNET_TUNNEL_IPV4 or VNET_TUNNEL_IPV6. `th`: where the outer UDP header is.
 */
export function tunnelVnetSet(
  vnet: usize,
  inner: usize,
  tunnel: u32,
  withChecksum: bool,
  outer: u32,
  th: u32,
  headers: u32,
  l3: u32,
): void {
  assert(vnetGsoType(inner) != VNET_GSO_NONE && headers > l3);
  tunnelVnetClear(vnet);
  vnetSet(
    vnet,
    <u32>load<u8>(inner, GSO_TYPE) | tunnel,
    outer + headers,
    vnetGsoSize(inner),
    outer + vnetCsumStart(inner),
    vnetCsumOffset(inner),
  );
  if (withChecksum) store<u8>(vnet, <u8>(VNET_NEEDS_CSUM | VNET_TUNNEL_CSUM), FLAGS);
  store<u16>(vnet, <u16>th, OUTER_TH_OFFSET);
  store<u16>(vnet, <u16>(outer + l3), INNER_NH_OFFSET);
}

/** Whether the frame is a super-frame inside a tunnel. */
@inline
export function tunnelVnetIsTunnel(vnet: usize): bool {
  return (load<u8>(vnet, GSO_TYPE) & <u8>TUNNELS) != 0;
}

/** Where the outer UDP header is, in bytes from the Ethernet header, of a super-frame inside a tunnel. */
@inline
export function tunnelVnetOuterTh(vnet: usize): u32 {
  return load<u16>(vnet, OUTER_TH_OFFSET);
}

/** Where the inner IP header is, as above. */
@inline
export function tunnelVnetInnerNh(vnet: usize): u32 {
  return load<u16>(vnet, INNER_NH_OFFSET);
}

/**
 * The virtio_net_hdr of the frame that begins `outer` bytes on: what is said of that frame, without the tunnel; clear
 * when all that is said is of the outer headers. `to` may be anywhere, also where the header itself is.
 */
export function tunnelVnetInner(to: usize, vnet: usize, outer: u32): void {
  const start = vnetCsumStart(vnet);
  const needs = (vnetFlags(vnet) & VNET_NEEDS_CSUM) != 0;
  const type = <u32>load<u8>(vnet, GSO_TYPE);
  if ((type & TUNNELS) == 0 && (!needs || start < outer)) return vnetClear(to);
  vnetCopy(to, vnet);
  store<u8>(to, <u8>(vnetFlags(vnet) & VNET_NEEDS_CSUM), FLAGS);
  store<u8>(to, <u8>(type & ~TUNNELS), GSO_TYPE);
  vnetShift(to, outer);
}
