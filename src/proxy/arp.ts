/**
 * Proxy ARP (RFC 826, RFC 5227): frame in, frame out. Frames that come in were validated by the datapath: Ethernet and
 * IPv4, six and four byte addresses, complete.
 *
 *   0               2               4       5       6               8
 *   | htype 1       | ptype 0x0800  | hlen 6| plen 4| op            |
 *   | sha (6)                       | spa (4)       | tha (6) …     | tpa (4) |
 */
import { ipBytes, ipFromBytes } from '../address.js';
import {
  ETH_DESTINATION,
  ETH_HLEN,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERTYPE_ARP,
  etherHeaderLength,
  MAC_LEN,
  part,
  readMac,
  viewOf,
  writeMac,
} from './bytes.js';

const IPV4_LEN = 4;
const ARP_HTYPE = 0;
const ARP_PTYPE = ARP_HTYPE + 2;
const ARP_HLEN = ARP_PTYPE + 2;
const ARP_PLEN = ARP_HLEN + 1;
const ARP_OP = ARP_PLEN + 1;
const ARP_SHA = ARP_OP + 2;
const ARP_SPA = ARP_SHA + MAC_LEN;
const ARP_THA = ARP_SPA + IPV4_LEN;
const ARP_TPA = ARP_THA + MAC_LEN;
const ARP_LEN = ARP_TPA + IPV4_LEN;

const HTYPE_ETHERNET = 1;
const PTYPE_IPV4 = 0x0800;
const OP_REQUEST = 1;
const OP_REPLY = 2;

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** Who asks (`senderIp` is 0.0.0.0 in a probe) and for which address; canonical text. */
export interface ArpQuestion {
  readonly targetIp: string;
  readonly senderIp: string;
  readonly senderMac: string;
}

/** Reads an ARP request. */
export function arpQuestion(frame: Uint8Array): ArpQuestion {
  const arp = part(frame, etherHeaderLength(frame), ARP_LEN);
  return {
    targetIp: ipFromBytes(arp.subarray(ARP_TPA, ARP_TPA + IPV4_LEN)),
    senderIp: ipFromBytes(arp.subarray(ARP_SPA, ARP_SPA + IPV4_LEN)),
    senderMac: readMac(arp, ARP_SHA),
  };
}

/** The owner's reply to a request: unicast to the asker, with the VLAN tags of the request. */
export function arpReply(frame: Uint8Array, ownerMac: string): Uint8Array {
  const headerLength = etherHeaderLength(frame);
  const request = part(frame, headerLength, ARP_LEN);
  const reply = frame.slice(0, headerLength + ARP_LEN);
  reply.copyWithin(ETH_DESTINATION, ETH_SOURCE, ETH_SOURCE + MAC_LEN);
  writeMac(reply, ETH_SOURCE, ownerMac);
  const arp = reply.subarray(headerLength);
  viewOf(arp).setUint16(ARP_OP, OP_REPLY);
  writeMac(arp, ARP_SHA, ownerMac);
  arp.set(request.subarray(ARP_TPA, ARP_LEN), ARP_SPA);
  arp.set(request.subarray(ARP_SHA, ARP_THA), ARP_THA); // tha, tpa = the asker's sha, spa
  return reply;
}

/** An untagged announcement that `ip` is at `mac`: a broadcast request with spa = tpa (RFC 5227 section 3). */
export function arpAnnouncement(ip: string, mac: string): Uint8Array {
  const frame = new Uint8Array(ETH_HLEN + ARP_LEN);
  writeMac(frame, ETH_DESTINATION, BROADCAST);
  writeMac(frame, ETH_SOURCE, mac);
  viewOf(frame).setUint16(ETH_TYPE, ETHERTYPE_ARP);
  const arp = frame.subarray(ETH_HLEN);
  const view = viewOf(arp);
  view.setUint16(ARP_HTYPE, HTYPE_ETHERNET);
  view.setUint16(ARP_PTYPE, PTYPE_IPV4);
  view.setUint8(ARP_HLEN, MAC_LEN);
  view.setUint8(ARP_PLEN, IPV4_LEN);
  view.setUint16(ARP_OP, OP_REQUEST);
  writeMac(arp, ARP_SHA, mac);
  arp.set(ipBytes(ip), ARP_SPA);
  arp.set(ipBytes(ip), ARP_TPA);
  return frame;
}
