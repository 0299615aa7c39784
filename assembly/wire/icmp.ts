// ICMP for IPv4 (RFC 792) and of it what path MTU discovery is made of (RFC 1191 section 4).
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |   type = 3    |   code = 4    |           checksum            |
// +---------------+---------------+-------------------------------+
// |               0               |         next-hop MTU          |
// +-------------------------------+-------------------------------+
// |     the header of the packet that was too big, and what follows it ...
// +---------------------------------------------------------------+

import { store16be, store32be } from './bytes';
import { checksum } from './checksum';

const TYPE: usize = 0;
const CHECKSUM: usize = TYPE + 2;
const UNUSED: usize = CHECKSUM + 2;
/** Bytes before what a message quotes. */
export const ICMP_HLEN: u32 = <u32>UNUSED + 4;

export const IPPROTO_ICMP: u32 = 1;
const UNREACHABLE: u32 = 3;
const SOURCE_QUENCH: u32 = 4;
const REDIRECT: u32 = 5;
const TIME_EXCEEDED: u32 = 11;
const PARAMETER_PROBLEM: u32 = 12;
const FRAGMENTATION_NEEDED: u32 = 0x0304; // type and code

/** Whether a message reports an error: none may be reported of such a one (RFC 1122 section 3.2.2). */
export function icmpIsError(message: usize): bool {
  const type = <u32>load<u8>(message, TYPE);
  const isUnreached = type == UNREACHABLE || type == TIME_EXCEEDED;
  return isUnreached || type == SOURCE_QUENCH || type == REDIRECT || type == PARAMETER_PROBLEM;
}

/** Writes the header of "fragmentation needed" before `quoted` bytes that are there, and makes the checksum right. */
export function icmpStampTooBig(message: usize, quoted: u32, mtu: u32): void {
  assert(mtu <= 0xffff);
  store32be(message, TYPE, FRAGMENTATION_NEEDED << 16);
  store32be(message, UNUSED, mtu);
  store16be(message, CHECKSUM, checksum(message, ICMP_HLEN + quoted, 0));
}
