// Which group frames of a VNIC concern a proxy. The answer is complete: a frame classified as Arp, Ndp, DhcpRequest
// or DhcpReply has been checked in full, so what the host makes of it needs no second look.
//
//  1. tags      nothing is said of a frame without a readable EtherType, or with more than two tags: Plain
//  2. protocol  ARP, IPv4 or IPv6, and only where the overlay has a proxy for it (OVL_FLAG_PROXY_*)
//  3. message   request, solicitation, BOOTP ports: anything else of the protocol is Plain
//  4. validity  the message's own rules; what breaks them is the protocol's Bad class

import { OVL_FLAG_PROXY_ARP, PROXY_FRAME_MAX } from '../layout';
import { ARP_REQUEST, arpCheck, arpOperation, arpSpa, arpTpa } from '../wire/arp';
import { ETH_P_ARP } from '../wire/ethernet';
import { innerEtherType, l3Offset, VLAN_TOWER, vlanDepth } from '../wire/vlan';

/** What a group frame is to the proxies. */
export enum Class {
  /** No proxy's business: the overlay's flood rules decide. */
  Plain,
  /** An ARP request, probes included. */
  Arp,
  /** An announcement or other request for the sender's own address: never answered. */
  ArpGratuitous,
  ArpBad,
  /** A neighbour solicitation. */
  Ndp,
  NdpBad,
  /** A DHCPv4 client's broadcast. */
  DhcpRequest,
  /** A DHCPv4 server's broadcast. */
  DhcpReply,
  DhcpBad,
}

/**
 * Classifies a frame of `len` bytes that has a group destination. `flags` are the overlay's OVL_FLAG_PROXY_* bits: a
 * protocol whose bit is clear is Plain. Reads only inside `len`.
 */
export function classify(frame: usize, len: u32, flags: u32): Class {
  const depth = vlanDepth(frame, len);
  if (depth < 0 || depth == VLAN_TOWER) return Class.Plain;
  const etherType = innerEtherType(frame, depth);
  const l3 = l3Offset(depth);
  if (etherType == ETH_P_ARP && (flags & OVL_FLAG_PROXY_ARP) != 0) return classifyArp(frame + l3, len - l3, len);
  return Class.Plain;
}

/** An ARP message, padding included, of a frame of `frameLen` bytes. */
function classifyArp(message: usize, len: u32, frameLen: u32): Class {
  if (frameLen > <u32>PROXY_FRAME_MAX || !arpCheck(message, len)) return Class.ArpBad;
  if (arpOperation(message) != ARP_REQUEST) return Class.Plain;
  return arpSpa(message) == arpTpa(message) ? Class.ArpGratuitous : Class.Arp;
}
