// Which flow a frame belongs to, as a number: the outer source port is made of it, so that an underlay with several
// paths spreads flows and keeps each on one (RFC 7348 section 5). What is hashed must be the same in every frame of a
// flow: so not the ports of a first fragment, which the others do not have, and not the IPv6 flow label, which Linux
// changes within a connection.

import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, ethDst, ethIs, ethSrc } from '../wire/ethernet';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HLEN,
  ipv4AddressesWord,
  ipv4Check,
  ipv4HeaderLength,
  ipv4IsFragment,
  ipv4IsPlain,
  ipv4Protocol,
} from '../wire/ipv4';
import { IPV6_HLEN, ipv6Check, ipv6DstHigh, ipv6DstLow, ipv6NextHeader, ipv6SrcHigh, ipv6SrcLow } from '../wire/ipv6';
import { IPPROTO_SCTP, PORTS_LEN, portsWord } from '../wire/ports';
import { innerEtherType, l3Offset, VLAN_TOWER } from '../wire/vlan';

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15; // 2^64 over the golden ratio, odd: no bit of a word is lost

@inline
function mix(hash: u64, word: u64): u64 {
  const product = (hash ^ word) * MULTIPLIER;
  return product ^ (product >> 32);
}

// The high half of the last product: every bit of all words reaches its low bits as well as its high ones.
@inline
function finish(hash: u64, word: u64): u32 {
  return <u32>(((hash ^ word) * MULTIPLIER) >> 32);
}

/**
 * 32 bits made of the IP addresses, the protocol and the ports of TCP, UDP or SCTP; of fragments and other protocols
 * without the ports; of what is not IP, the MAC addresses and the EtherType inside up to two tags. Reads inside `len`.
 * `depth`: the frame's `vlanDepth`.
 */
export function flowHash(frame: usize, len: u32, depth: i32): u32 {
  if (depth < 0) return 0;
  if (depth >= VLAN_TOWER) return addressesHash(frame, 0);
  const etherType = innerEtherType(frame, depth);
  const packet = frame + l3Offset(depth);
  const rest = len - l3Offset(depth);
  if (etherType == ETH_P_IP && ipv4Check(packet, rest)) return ipv4Hash(packet, rest);
  if (etherType == ETH_P_IPV6 && ipv6Check(packet, rest)) return ipv6Hash(packet, rest);
  return addressesHash(frame, etherType);
}

/** The same of a frame without tags that has an Ethernet header. */
@inline
export function flowHashUntagged(frame: usize, len: u32): u32 {
  const packet = frame + ETH_HLEN;
  const rest = len - ETH_HLEN;
  if (ethIs(frame, ETH_P_IP) && ipv4IsPlain(packet, rest)) return ipv4HashBefore(packet, IPV4_HLEN, rest);
  return flowHash(frame, len, 0);
}

@inline
function ipv4Hash(packet: usize, len: u32): u32 {
  return ipv4HashBefore(packet, ipv4IsFragment(packet) ? len : ipv4HeaderLength(packet), len);
}

// `at`: where ports may stand.
@inline
function ipv4HashBefore(packet: usize, at: u32, len: u32): u32 {
  return finish(mix(0, ipv4AddressesWord(packet)), upper(packet, at, len, ipv4Protocol(packet)));
}

// Behind an extension header, a fragment's among them, ports are not looked for.
@inline
function ipv6Hash(packet: usize, len: u32): u32 {
  let hash = mix(mix(0, ipv6SrcHigh(packet)), ipv6SrcLow(packet));
  hash = mix(hash, ipv6DstHigh(packet));
  hash = mix(hash, ipv6DstLow(packet));
  return finish(hash, upper(packet, IPV6_HLEN, len, ipv6NextHeader(packet)));
}

// The protocol and, if it has them and they are inside `len`, the ports, which stand `at` bytes behind the IP header's
// start.
@inline
function upper(packet: usize, at: u32, len: u32, protocol: u32): u64 {
  const word = <u64>protocol << 32;
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP) return word;
  return at + PORTS_LEN <= len ? word | <u64>portsWord(packet + at) : word;
}

function addressesHash(frame: usize, etherType: u32): u32 {
  return finish(mix(mix(0, ethDst(frame)), ethSrc(frame)), etherType);
}
