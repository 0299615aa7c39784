// The Ethernet header (IEEE 802.3), without preamble and FCS.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |               destination MAC address ...                     |
// +-------------------------------+-------------------------------+
// |          ... destination      |        source MAC address ... |
// +-------------------------------+-------------------------------+
// |                  ... source MAC address                       |
// +-------------------------------+-------------------------------+
// |           EtherType           |
// +-------------------------------+
//
// A MAC address is a u64 whose low 48 bits are the address, first byte on the wire least significant (see bytes.ts).

import { load16be, store16be, storeMac } from './bytes';

/** Bytes of a MAC address. */
export const ETH_ALEN: u32 = 6;
const DESTINATION: usize = 0;
const SOURCE: usize = DESTINATION + ETH_ALEN;
const ETHER_TYPE: usize = SOURCE + ETH_ALEN;
/** Bytes of the header. */
export const ETH_HLEN: u32 = <u32>ETHER_TYPE + 2;

export const ETH_P_IP: u32 = 0x0800;
export const ETH_P_ARP: u32 = 0x0806;
export const ETH_P_8021Q: u32 = 0x8100; // customer VLAN tag, IEEE 802.1Q
export const ETH_P_IPV6: u32 = 0x86dd;
export const ETH_P_8021AD: u32 = 0x88a8; // service VLAN tag, IEEE 802.1ad
export const ETH_P_CFM: u32 = 0x8902; // Ethernet OAM, IEEE 802.1Q clause 18 to 22 (802.1ag), ITU-T G.8013

/** ff:ff:ff:ff:ff:ff */
export const BROADCAST: u64 = 0xffff_ffff_ffff;
/** 33:33:00:00:00:01: every IPv6 node (RFC 2464 section 7). */
export const ALL_NODES: u64 = 0x0100_0000_3333;
const MAC_MASK: u64 = BROADCAST;
/** 02:76:xx:xx:xx:xx: a VTEP itself, see docs/decisions/0032-ethernet-oam.md. The first 16 bits of its MAC. */
const VTEP_MAC: u32 = 0x7602;

/** Whether `len` bytes hold the header; every other function of this file may be used only after this. */
@inline
export function ethCheck(len: u32): bool {
  return len >= ETH_HLEN;
}

/** Destination MAC address. Reads 8 bytes: the header has 14, and one load is cheaper than two. */
@inline
export function ethDst(frame: usize): u64 {
  return load<u64>(frame, DESTINATION) & MAC_MASK;
}

/** Source MAC address. */
@inline
export function ethSrc(frame: usize): u64 {
  return load<u64>(frame, SOURCE) & MAC_MASK;
}

/** The 16 bits after the addresses: an EtherType, a tag's TPID, or an 802.3 length below 0x0600. */
@inline
export function ethType(frame: usize): u32 {
  return load16be(frame, ETHER_TYPE);
}

/** Whether those are `etherType`, a constant: then nothing has to be swapped. */
@inline
export function ethIs(frame: usize, etherType: u32): bool {
  return <u32>load<u16>(frame, ETHER_TYPE) == <u32>bswap<u16>(<u16>etherType);
}

/** Source MAC address and EtherType as one word, only to compare (ethFrom). */
@inline
export function ethSourceAndType(frame: usize): u64 {
  return load<u64>(frame, SOURCE);
}

/** Whether what ethSourceAndType answered has that EtherType, a constant. */
@inline
export function ethTypeIs(word: u64, etherType: u32): bool {
  return <u32>(word >> 48) == <u32>bswap<u16>(<u16>etherType);
}

/** What ethSourceAndType answers of frames from a MAC with `etherType`, a constant. */
@inline
export function ethFrom(mac: u64, etherType: u32): u64 {
  return mac | ((<u64>bswap<u16>(<u16>etherType)) << 48);
}

@inline
export function ethSetDst(frame: usize, mac: u64): void {
  storeMac(frame, DESTINATION, mac);
}

@inline
export function ethSetSrc(frame: usize, mac: u64): void {
  storeMac(frame, SOURCE, mac);
}

@inline
export function ethSetType(frame: usize, etherType: u32): void {
  store16be(frame, ETHER_TYPE, etherType);
}

/** Whether it is untagged OAM to the MAC of a VTEP. */
@inline
export function ethIsOamOfVtep(frame: usize): bool {
  return load<u16>(frame, DESTINATION) == VTEP_MAC && ethIs(frame, ETH_P_CFM);
}

/** The I/G bit of an address, the first on the wire. */
export const MULTICAST: u64 = 1;

/** Whether the I/G bit is set: a multicast address, of which broadcast is one. */
@inline
export function isMulticast(mac: u64): bool {
  return (mac & MULTICAST) != 0;
}

/**
 * Whether a group is one that hosts send to unasked, and that matters on one link alone: IGMP and MLD reports, router
 * solicitations, DHCPv6 clients, mDNS, LLMNR, SSDP, and what bridges tell each other (IEEE 802.1D, 01:80:c2:00:00:0X).
 */
export function ethIsChatter(mac: u64): bool {
  if ((mac & 0xf0ff_ffff_ffff) == 0x0000_00c2_8001) return true;
  switch (mac) {
    case 0x1600_005e_0001: // 01:00:5e:00:00:16, IGMPv3 (RFC 3376)
    case 0xfb00_005e_0001: // 01:00:5e:00:00:fb, mDNS (RFC 6762)
    case 0xfc00_005e_0001: // 01:00:5e:00:00:fc, LLMNR (RFC 4795)
    case 0xfaff_7f5e_0001: // 01:00:5e:7f:ff:fa, SSDP
    case 0x0200_0000_3333: // 33:33:00:00:00:02, all routers (RFC 4861)
    case 0x0c00_0000_3333: // 33:33:00:00:00:0c, SSDP
    case 0x1600_0000_3333: // 33:33:00:00:00:16, MLDv2 (RFC 3810)
    case 0xfb00_0000_3333: // 33:33:00:00:00:fb, mDNS
    case 0x0200_0100_3333: // 33:33:00:01:00:02, DHCPv6 servers and relays (RFC 8415)
    case 0x0300_0100_3333: // 33:33:00:01:00:03, LLMNR
      return true;
    default:
      return false;
  }
}
