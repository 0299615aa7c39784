// The headers of a super-frame: those of its first frame, with the lengths of the whole, the last one's flags, and the
// transport checksum left to the receiver (struct virtio_net_hdr says so, as it does of what a TAP gives).

import { foldSum } from '../wire/checksum';
import { ipv4FillChecksum, ipv4SetTotalLength } from '../wire/ipv4';
import { IPV6_HLEN, ipv6SetPayloadLength } from '../wire/ipv6';
import { TCP_CHECKSUM, tcpFlags, tcpSetChecksum, tcpSetFlags } from '../wire/tcp';
import { UDP_CHECKSUM, udpSetChecksum, udpSetLength } from '../wire/udp';
import { VNET_GSO_TCPV4, VNET_GSO_TCPV6, VNET_GSO_UDP_L4, vnetSet } from '../wire/virtio';

// `l3`, `l4`: where the headers are in the frame. `headers`: bytes of all of them; `payload` bytes follow, `segment` of
// them in each frame but the last. `pseudo`: sum of addresses and protocol. `vnet`: where the virtio_net_hdr goes.
export function superTcp(
  frame: usize,
  isIpv4: bool,
  l3: u32,
  l4: u32,
  headers: u32,
  payload: u32,
  segment: u32,
  lastFlags: u32,
  pseudo: u32,
  vnet: usize,
): void {
  setIpLength(frame + l3, headers - l3 + payload, isIpv4);
  const transport = frame + l4;
  tcpSetFlags(transport, tcpFlags(transport) | lastFlags);
  tcpSetChecksum(transport, foldSum(<u64>pseudo + <u64>(headers - l4 + payload)));
  vnetSet(vnet, isIpv4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6, headers, segment, l4, TCP_CHECKSUM);
}

// The same of UDP.
export function superUdp(
  frame: usize,
  isIpv4: bool,
  l3: u32,
  l4: u32,
  headers: u32,
  payload: u32,
  segment: u32,
  pseudo: u32,
  vnet: usize,
): void {
  setIpLength(frame + l3, headers - l3 + payload, isIpv4);
  const length = headers - l4 + payload;
  udpSetLength(frame + l4, length);
  udpSetChecksum(frame + l4, foldSum(<u64>pseudo + <u64>length));
  vnetSet(vnet, VNET_GSO_UDP_L4, headers, segment, l4, UDP_CHECKSUM);
}

// `length`: bytes from the IP header on.
@inline
function setIpLength(packet: usize, length: u32, isIpv4: bool): void {
  if (!isIpv4) return ipv6SetPayloadLength(packet, length - IPV6_HLEN);
  ipv4SetTotalLength(packet, length);
  ipv4FillChecksum(packet);
}
