// The VXLAN-GPE header, draft-ietf-nvo3-vxlan-gpe-13 section 3: VXLAN's, and what it carries need not be Ethernet.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+---+-+-+-+-+-------------------------------+---------------+   I: the VNI is valid   P: there is a next protocol
// |R|R|Ver|I|P|B|O|           reserved            | next protocol |   B: broadcast, unknown or multicast, replicated by
// +-+-+---+-+-+-+-+-------------------------------+---------------+      its sender         O: OAM, for the VTEP itself
// |     VXLAN network identifier (VNI)            |   reserved    |
// +-----------------------------------------------+---------------+

import { Drop } from '../layout';
import { load32be } from './bytes';

const VERSION: u32 = 0x3000_0000;
const FLAG_I: u32 = 0x0800_0000;
const FLAG_P: u32 = 0x0400_0000;
const FLAG_B: u32 = 0x0200_0000;
const FLAG_O: u32 = 0x0100_0000;
const PROTOCOL: u32 = 0xff;
const ETHERNET: u32 = 3;

/** The first word of what carries an Ethernet frame. */
export const GPE_WORD: u32 = FLAG_I | FLAG_P | ETHERNET;

/** Why what is behind the header may not be looked at as an Ethernet frame: without P it is one, as in VXLAN. */
@inline
export function gpeRefusal(datagram: usize): Drop {
  const word = load32be(datagram, 0);
  if ((word & (FLAG_I | VERSION)) != FLAG_I) return Drop.bad_vxlan_header;
  return (word & FLAG_P) == 0 || (word & PROTOCOL) == ETHERNET ? Drop.none : Drop.not_ethernet;
}

/** Whether a bit is set that has no meaning yet. */
@inline
export function gpeReservedBits(datagram: usize): bool {
  const known = VERSION | FLAG_I | FLAG_P | FLAG_B | FLAG_O | PROTOCOL;
  return ((load32be(datagram, 0) & ~known) | (load32be(datagram, 4) & 0xff)) != 0;
}

/** The O flag: it is for the VTEP itself. */
@inline
export function gpeIsControl(datagram: usize): bool {
  return (load32be(datagram, 0) & FLAG_O) != 0;
}
