/**
 * Proxy neighbour discovery (RFC 4861): solicitation in, advertisement out. Solicitations were validated by the
 * datapath (section 7.1.1): ICMPv6 straight after the IPv6 header, hop limit 255, good checksum.
 *
 *   IPv6 (40): version, payload length at 4, next header at 6, hop limit at 7, source at 8, destination at 24
 *   ICMPv6 (32): type 136, code 0, checksum at 2, flags R S O at 4, target at 8, option 2: target link-layer address
 */
import { ipBytes, ipFromBytes } from '../address.js';
import {
  checksum,
  ETH_DESTINATION,
  ETH_HLEN,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERTYPE_IPV6,
  etherHeaderLength,
  MAC_LEN,
  part,
  readMac,
  viewOf,
  writeMac,
} from './bytes.js';

const IPV6_ADDR_LEN = 16;
export const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_NEXT_HEADER = 6;
const IPV6_HOP_LIMIT = 7;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = IPV6_SOURCE + IPV6_ADDR_LEN;
export const IPV6_HLEN = IPV6_DESTINATION + IPV6_ADDR_LEN;
const IPV6_VERSION = 0x60;
const PROTOCOL_ICMPV6 = 58;
const HOP_LIMIT = 255;

export const ICMP6_CHECKSUM = 2;
const ND_FLAGS = 4;
const ND_TARGET = 8;
const ND_OPTION = ND_TARGET + IPV6_ADDR_LEN;
const OPTION_HLEN = 2;
const NA_LEN = ND_OPTION + OPTION_HLEN + MAC_LEN;
const NS_LEN_MIN = ND_OPTION;
const TYPE_NEIGHBOR_ADVERTISEMENT = 136;
const OPTION_TARGET_LINK_LAYER = 2;
const FLAG_ROUTER = 0x80;
const FLAG_SOLICITED = 0x40;
const FLAG_OVERRIDE = 0x20;

const ALL_NODES = 'ff02::1';
const ALL_NODES_MAC = '33:33:00:00:00:01';

/** A neighbour solicitation; addresses in canonical text. */
export interface NdpQuestion {
  readonly target: string;
  /** `::` when the asker has no address yet. */
  readonly source: string;
  /** Duplicate address detection: the source is unspecified (RFC 4862 section 5.4.2). */
  readonly isDad: boolean;
  /** Ethernet source of the frame. */
  readonly sourceMac: string;
}

/** What an advertisement says of the owner. */
export interface AdvertisementOptions {
  /** The R flag. */
  readonly router: boolean;
}

/** Reads a neighbour solicitation. */
export function ndpQuestion(frame: Uint8Array): NdpQuestion {
  const packet = part(frame, etherHeaderLength(frame), IPV6_HLEN + NS_LEN_MIN);
  const source = ipFromBytes(packet.subarray(IPV6_SOURCE, IPV6_DESTINATION));
  return {
    target: ipFromBytes(packet.subarray(IPV6_HLEN + ND_TARGET, IPV6_HLEN + ND_OPTION)),
    source,
    isDad: source === '::',
    sourceMac: readMac(frame, ETH_SOURCE),
  };
}

/** The flags of an advertisement (RFC 4861 section 4.4). */
export function advertisementFlags(frame: Uint8Array): { readonly isRouter: boolean; readonly overrides: boolean } {
  const flags = part(frame, etherHeaderLength(frame) + IPV6_HLEN, NS_LEN_MIN)[ND_FLAGS]!;
  return { isRouter: (flags & FLAG_ROUTER) !== 0, overrides: (flags & FLAG_OVERRIDE) !== 0 };
}

/**
 * The owner's answer to a solicitation, with its VLAN tags. To an asker with an address: unicast, Solicited, not
 * Override, so that an answer of the real owner wins. To duplicate address detection: to all nodes, Override, not
 * Solicited (section 7.2.4).
 */
export function neighbourAdvertisement(frame: Uint8Array, ownerMac: string, options: AdvertisementOptions): Uint8Array {
  const headerLength = etherHeaderLength(frame);
  const solicitation = part(frame, headerLength, IPV6_HLEN + NS_LEN_MIN);
  const { isDad, sourceMac } = ndpQuestion(frame);
  return advertisement({
    etherHeader: frame.subarray(0, headerLength),
    destinationMac: isDad ? ALL_NODES_MAC : sourceMac,
    destination: isDad ? ipBytes(ALL_NODES) : solicitation.subarray(IPV6_SOURCE, IPV6_DESTINATION),
    target: solicitation.subarray(IPV6_HLEN + ND_TARGET, IPV6_HLEN + ND_OPTION),
    ownerMac,
    flags: (isDad ? FLAG_OVERRIDE : FLAG_SOLICITED) | (options.router ? FLAG_ROUTER : 0),
  });
}

/** An untagged advertisement to all nodes that `ip` is at `mac` now (section 7.2.6). */
export function unsolicitedAdvertisement(ip: string, mac: string, options: AdvertisementOptions): Uint8Array {
  const etherHeader = new Uint8Array(ETH_HLEN);
  viewOf(etherHeader).setUint16(ETH_TYPE, ETHERTYPE_IPV6);
  return advertisement({
    etherHeader,
    destinationMac: ALL_NODES_MAC,
    destination: ipBytes(ALL_NODES),
    target: ipBytes(ip),
    ownerMac: mac,
    flags: FLAG_OVERRIDE | (options.router ? FLAG_ROUTER : 0),
  });
}

interface Advertisement {
  /** Tags and EtherType are taken from it, addresses are not. */
  readonly etherHeader: Uint8Array;
  readonly destinationMac: string;
  readonly destination: Uint8Array;
  readonly target: Uint8Array;
  readonly ownerMac: string;
  readonly flags: number;
}

function advertisement(fields: Advertisement): Uint8Array {
  const headerLength = fields.etherHeader.length;
  const frame = new Uint8Array(headerLength + IPV6_HLEN + NA_LEN);
  frame.set(fields.etherHeader);
  writeMac(frame, ETH_DESTINATION, fields.destinationMac);
  writeMac(frame, ETH_SOURCE, fields.ownerMac);

  const ipv6 = frame.subarray(headerLength, headerLength + IPV6_HLEN);
  ipv6[0] = IPV6_VERSION;
  viewOf(ipv6).setUint16(IPV6_PAYLOAD_LENGTH, NA_LEN);
  ipv6[IPV6_NEXT_HEADER] = PROTOCOL_ICMPV6;
  ipv6[IPV6_HOP_LIMIT] = HOP_LIMIT;
  ipv6.set(fields.target, IPV6_SOURCE);
  ipv6.set(fields.destination, IPV6_DESTINATION);

  const icmp = frame.subarray(headerLength + IPV6_HLEN);
  icmp[0] = TYPE_NEIGHBOR_ADVERTISEMENT;
  icmp[ND_FLAGS] = fields.flags;
  icmp.set(fields.target, ND_TARGET);
  icmp[ND_OPTION] = OPTION_TARGET_LINK_LAYER;
  icmp[ND_OPTION + 1] = 1; // length in units of 8 bytes
  writeMac(icmp, ND_OPTION + OPTION_HLEN, fields.ownerMac);
  viewOf(icmp).setUint16(ICMP6_CHECKSUM, icmp6Checksum(ipv6, icmp));
  return frame;
}

/** Checksum over the pseudo-header of RFC 8200 section 8.1 and the message, whose checksum field must be zero. */
export function icmp6Checksum(ipv6: Uint8Array, icmp: Uint8Array): number {
  const pseudo = new Uint8Array(IPV6_ADDR_LEN * 2 + 8);
  pseudo.set(ipv6.subarray(IPV6_SOURCE, IPV6_HLEN));
  viewOf(pseudo).setUint32(IPV6_ADDR_LEN * 2, icmp.length);
  pseudo[pseudo.length - 1] = PROTOCOL_ICMPV6;
  return checksum(icmp, ~checksum(pseudo) & 0xffff);
}
