// The header chain of an IPv6 packet (RFC 8200 section 4), as a filter has to read it that goes by what is at its end:
// in full, whatever extension headers there are, and nothing is guessed (RFC 7112, RFC 7113 section 3).

import { load16be } from './bytes';
import {
  extensionLength, IPPROTO_AH, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPV6_HLEN,
  ipv6NextHeader,
} from './ipv6';

const IPPROTO_NONE: u32 = 59; // "no next header"
const IPPROTO_MOBILITY: u32 = 135;
const IPPROTO_HIP: u32 = 139;
const IPPROTO_SHIM6: u32 = 140;
const UNASSIGNED: u32 = 148; // from here on nobody can say what a header is: not assigned, or experimental
const FRAGMENT_OFFSET: usize = 2; // of a fragment header, in units of 8 bytes and three other bits

/** The packet ends before its upper layer begins, or has a header that nobody knows. */
export const CHAIN_BAD: u32 = 0;
const OFFSET: u32 = 0xf_ffff;
const PROTOCOL_SHIFT: u32 = 20;
const FRAGMENT: u32 = 1 << 28;
const LATER: u32 = 1 << 29;

/** Reads the chain of a packet of `len` bytes that passed `ipv6Check`. The functions below say what it answered. */
export function ipv6Chain(packet: usize, len: u32): u32 {
  let next = ipv6NextHeader(packet);
  let at = IPV6_HLEN;
  let fragment: u32 = 0;
  while (isExtension(next)) {
    if (at + 8 > len) return CHAIN_BAD;
    const header = packet + at;
    at += extensionLength(header, next);
    if (next == IPPROTO_FRAGMENT) {
      fragment = FRAGMENT;
      if (load16be(header, FRAGMENT_OFFSET) & ~7) return at | FRAGMENT | LATER;
    }
    next = load<u8>(header);
  }
  const isThere = at < len || (at == len && next == IPPROTO_NONE);
  return isThere && next < UNASSIGNED ? at | (next << PROTOCOL_SHIFT) | fragment : CHAIN_BAD;
}

function isExtension(next: u32): bool {
  switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_AH:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MOBILITY:
    case IPPROTO_HIP:
    case IPPROTO_SHIM6:
      return true;
    default:
      return false;
  }
}

/** Where the upper layer begins, or what a later fragment carries: bytes from the start of the IPv6 header. */
@inline
export function chainOffset(chain: u32): u32 {
  return chain & OFFSET;
}

/** The protocol of the upper layer. */
@inline
export function chainProtocol(chain: u32): u32 {
  return (chain >> PROTOCOL_SHIFT) & 0xff;
}

/** Whether there is a fragment header, be it that of a whole packet. */
@inline
export function chainIsFragment(chain: u32): bool {
  return (chain & FRAGMENT) != 0;
}

/** Whether it is a fragment but the first: what the upper layer is stands in the first one. */
@inline
export function chainIsLater(chain: u32): bool {
  return (chain & LATER) != 0;
}
