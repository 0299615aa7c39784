// The headers of a super-frame: those of its first frame, with the lengths of the whole, the last one's flags, and the
// transport checksum left to the receiver (struct virtio_net_hdr says so, as it does of what a TAP gives).

import { ipv4FillChecksum, ipv4SetTotalLength } from '../wire/ipv4';
import { IPV6_HLEN, ipv6SetPayloadLength } from '../wire/ipv6';
import { TCP_CHECKSUM, tcpFlags, tcpSetChecksum, tcpSetFlags } from '../wire/tcp';
import { UDP_CHECKSUM, udpSetChecksum, udpSetLength } from '../wire/udp';
import { VNET_GSO_TCPV4, VNET_GSO_TCPV6, VNET_GSO_UDP_L4, vnetSet } from '../wire/virtio';
import { KIND_TCP } from './flow-of';
import { SuperFrame, transportSum } from './gro';

/** Writes them over the head's, which was verified, and the virtio_net_hdr at `vnet`. */
export function writeHeaders(head: SuperFrame, vnet: usize): void {
  assert(head.frames > 1 && head.isVerified);
  const transport = head.frame + head.l4;
  const length = <u32>head.headers - head.l4 + head.bytes;
  const sum = transportSum(head, head.bytes);
  setIpLength(head.frame + head.l3, <u32>head.l4 - head.l3 + length, head.isIpv4);
  if (head.kind == <u8>KIND_TCP) {
    tcpSetFlags(transport, tcpFlags(transport) | head.lastFlags);
    tcpSetChecksum(transport, sum);
    const type = head.isIpv4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
    vnetSet(vnet, type, head.headers, head.payload, head.l4, TCP_CHECKSUM);
  } else {
    udpSetLength(transport, length);
    udpSetChecksum(transport, sum);
    vnetSet(vnet, VNET_GSO_UDP_L4, head.headers, head.payload, head.l4, UDP_CHECKSUM);
  }
}

// `length`: bytes from the IP header on.
@inline
function setIpLength(packet: usize, length: u32, isIpv4: bool): void {
  if (!isIpv4) return ipv6SetPayloadLength(packet, length - IPV6_HLEN);
  ipv4SetTotalLength(packet, length);
  ipv4FillChecksum(packet);
}
