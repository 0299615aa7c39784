// Entries of the output list for the underlay as writes to the underlay TAP: headers made here, from the endpoint's
// template, and the frame where it is, with its VXLAN header. A super-frame leaves whole: the kernel cuts and sums it,
// or the interface, or nobody.
//
// Whether the TAP or the sockets send is decided for a list: by the TAP when there is a super-frame in it, so that
// frames of one flow stay in order. Without one the sockets are faster (gso-chains.ts). What an endpoint's route does
// not take, in bytes or at all, is always left to the sockets, which say so.

import {
  MARK_FRAGMENT,
  OUT_ENDPOINT,
  OUT_FRAME,
  OUT_FRAMES,
  OUT_LEN,
  OUT_MARK,
  OUT_PAYLOAD,
  OUT_PAYLOAD_LEN,
  OUT_SOURCE,
  OUT_VNET,
  SOCK_FLAGS,
  SOCK_FLAG_CHECKSUM,
  SOCK_FLAG_CHECKSUM_FRAGMENTABLE,
  SOCK_SOURCE_PORTS,
  SOURCES_MAX,
  UNDERLAY_TAP,
  VNIC_FLAGS,
  VXLAN_HLEN,
  WORKERS_BASE,
  WORKERS_MAX,
  W_OUT_SUPER,
  W_SIZE,
  W_VNIC_FDS,
} from '../../layout';
import { w } from '../../datapath/worker';
import { socketAt, vnicAt } from '../../table/records';
import { routeHeaderLength, routeMtu, routeOf } from '../../table/routes';
import { ETH_HLEN } from '../../wire/ethernet';
import { OUTER_IPV4_HLEN, outerSetMark, outerStamp } from '../../wire/outer';
import { tcpHeaderLength } from '../../wire/tcp';
import {
  TUNNEL_VNET_SIZE,
  tunnelVnetClear,
  tunnelVnetSet,
  VNET_TUNNEL_IPV4,
  VNET_TUNNEL_IPV6,
} from '../../wire/tunnel-vnet';
import { UDP_CHECKSUM, UDP_HLEN } from '../../wire/udp';
import {
  VNET_GSO_NONE,
  vnetCsumOffset,
  vnetCsumStart,
  vnetGsoSize,
  vnetGsoType,
  vnetSet,
} from '../../wire/virtio';
import { l3Offset, vlanDepth } from '../../wire/vlan';
import { emitWrite, nextWriteHeaders } from './tap-writes';

const IP_LENGTH_MAX: u32 = 0xffff;

// The IPv4 identification of the next datagram that may be fragmented (RFC 6864 section 4.3: no other between the same
// addresses should have it at the time). Whoever cuts a super-frame counts on from its first.
let nextId: u32 = 0;

// Workers count by themselves, and begin far apart.
export function tunnelStart(): void {
  nextId = (0x10000 / WORKERS_MAX) * <u32>((w() - WORKERS_BASE) / W_SIZE);
}

@inline
function isSuper(out: usize): bool {
  return vnetGsoType(out + OUT_VNET) != VNET_GSO_NONE;
}

// Whether this list leaves by the underlay TAP, as far as its routes allow.
export function tunnelIsWanted(): bool {
  return load<u32>(w() + W_OUT_SUPER) != 0 && load<u32>(vnicAt(UNDERLAY_TAP), VNIC_FLAGS) != 0;
}

// Marks an entry that leaves by the TAP: from here on OUT_PAYLOAD is its template, and OUT_PAYLOAD_LEN says of how many
// bytes. False: it is for the sockets.
export function planTunnel(out: usize): bool {
  const endpoint = load<u32>(out, OUT_ENDPOINT);
  const template = routeOf(endpoint);
  if (template == 0) return false;
  const hlen = routeHeaderLength(endpoint);
  const len = load<u32>(out, OUT_LEN);
  const datagram = isSuper(out) ? innerHeaders(out) + vnetGsoSize(out + OUT_VNET) : len;
  const before = hlen - ETH_HLEN + VXLAN_HLEN;
  if (before + datagram > routeMtu(template) || before + len > IP_LENGTH_MAX) return false;
  store<u32>(out, <u32>template, OUT_PAYLOAD);
  store<u32>(out, hlen, OUT_PAYLOAD_LEN);
  return true;
}

// Whether planTunnel has marked it.
@inline
export function isTunnel(out: usize): bool {
  return load<u32>(out, OUT_PAYLOAD) != 0;
}

// Bytes to the end of the TCP or UDP header of a super-frame, which was looked at when it was taken.
@inline
function innerHeaders(out: usize): u32 {
  const vnet = out + OUT_VNET;
  const l4 = vnetCsumStart(vnet);
  if (vnetCsumOffset(vnet) == UDP_CHECKSUM) return l4 + UDP_HLEN;
  return l4 + tcpHeaderLength(<usize>load<u32>(out, OUT_FRAME) + l4);
}

// False: no room.
export function emitTunnel(out: usize): bool {
  const headers = nextWriteHeaders();
  if (headers == 0) return false;
  const hlen = load<u32>(out, OUT_PAYLOAD_LEN);
  const len = load<u32>(out, OUT_LEN) + VXLAN_HLEN;
  const source = <u32>load<u16>(out, OUT_SOURCE);
  const socket = socketAt(source / SOURCES_MAX);
  const mark = load<u32>(out, OUT_MARK);
  const flag = mark & MARK_FRAGMENT ? SOCK_FLAG_CHECKSUM_FRAGMENTABLE : SOCK_FLAG_CHECKSUM;
  const withChecksum = (load<u32>(socket, SOCK_FLAGS) & flag) != 0;
  const port = <u32>load<u16>(socket + SOCK_SOURCE_PORTS + ((<usize>(source % SOURCES_MAX)) << 1));
  outerStamp(headers + TUNNEL_VNET_SIZE, load<u32>(out, OUT_PAYLOAD), hlen, len, port, withChecksum);
  if (mark != 0) {
    outerSetMark(headers + TUNNEL_VNET_SIZE, hlen, mark, nextId);
    if (mark & MARK_FRAGMENT) nextId += load<u32>(out, OUT_FRAMES);
  }
  describe(headers, out, hlen, withChecksum);
  const fd = load<i32>(w() + W_VNIC_FDS + UNDERLAY_TAP * 4);
  emitWrite(out, fd, headers, TUNNEL_VNET_SIZE + hlen, <usize>load<u32>(out, OUT_FRAME) - VXLAN_HLEN, len);
  return true;
}

// The virtio_net_hdr. The outer checksum of a single frame is left to the kernel too.
@inline
function describe(vnet: usize, out: usize, hlen: u32, withChecksum: bool): void {
  const th = hlen - UDP_HLEN;
  if (!isSuper(out)) {
    tunnelVnetClear(vnet);
    if (withChecksum) vnetSet(vnet, VNET_GSO_NONE, hlen, 0, th, UDP_CHECKSUM);
    return;
  }
  const frame = <usize>load<u32>(out, OUT_FRAME);
  const tunnel = hlen == OUTER_IPV4_HLEN ? VNET_TUNNEL_IPV4 : VNET_TUNNEL_IPV6;
  const l3 = l3Offset(vlanDepth(frame, load<u32>(out, OUT_LEN)));
  tunnelVnetSet(vnet, out + OUT_VNET, tunnel, withChecksum, hlen + VXLAN_HLEN, th, innerHeaders(out), l3);
}
