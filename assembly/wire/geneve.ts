// The Geneve header, RFC 8926 sections 3.4 and 3.5. Options behind it are skipped: none is known here.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---+-----------+-+-+-----------+-------------------------------+   O: a control message, for the VTEP itself
// |Ver|  Opt Len  |O|C|  reserved |         protocol type         |   C: some option is critical
// +---+-----------+-+-+-----------+---------------+---------------+   Opt Len: of all options, in words of four bytes
// |       virtual network identifier (VNI)        |    reserved   |
// +-----------------------------------------------+---------------+
// |          option class         |      type     |R|R|R| length  |   highest bit of the type: it is critical
// +-------------------------------+---------------+-----+---------+   length: of its data, in words of four bytes

import { Drop, VXLAN_HLEN } from '../layout';
import { load32be, store32be } from './bytes';

const VERSION: u32 = 0xc000_0000;
const OPT_LEN_SHIFT: u32 = 24;
const OPT_LEN: u32 = 0x3f << OPT_LEN_SHIFT;
const FLAG_O: u32 = 0x0080_0000;
const FLAG_C: u32 = 0x0040_0000;
const RESERVED: u32 = 0x003f_0000;
const PROTOCOL: u32 = 0xffff;
const ETHERNET: u32 = 0x6558; // transparent Ethernet bridging
const WORD: u32 = 4; // bytes
const CRITICAL: u32 = 0x8000; // in the first word of an option
const LENGTH: u32 = 0x1f;

/** The first word of what carries an Ethernet frame, without options. */
export const GENEVE_WORD: u32 = ETHERNET;

/**
 * Bytes of options behind the header of a datagram of `len` bytes. If there are any, the header then stands before the
 * frame, without a length of options, and with the C flag if one of those is critical or it had the flag. 0, and
 * nothing is changed: it has none, or they are not as long as the header says.
 */
export function geneveSkipOptions(datagram: usize, len: u32): u32 {
  if (len < <u32>VXLAN_HLEN) return 0;
  const word = load32be(datagram, 0);
  const bytes = ((word & OPT_LEN) >> OPT_LEN_SHIFT) * WORD;
  if (bytes == 0 || (word & VERSION) != 0 || bytes > len - VXLAN_HLEN) return 0;
  let critical = word & FLAG_C;
  let at: u32 = 0;
  while (at < bytes) {
    const option = load32be(datagram + VXLAN_HLEN + at, 0);
    if (option & CRITICAL) critical = FLAG_C;
    at += WORD + (option & LENGTH) * WORD;
  }
  if (at != bytes) return 0;
  store<u32>(datagram + bytes + 4, load<u32>(datagram, 4));
  store32be(datagram + bytes, 0, (word & ~(OPT_LEN | FLAG_C)) | critical);
  return bytes;
}

/** Whether options are behind the header, or it says so. */
@inline
export function geneveHasOptions(datagram: usize): bool {
  return (load32be(datagram, 0) & OPT_LEN) != 0;
}

/** Why what is behind a header whose options are skipped may not be looked at as an Ethernet frame. */
@inline
export function geneveRefusal(datagram: usize): Drop {
  const word = load32be(datagram, 0);
  if (word & (VERSION | OPT_LEN)) return Drop.bad_geneve_header;
  if (word & FLAG_C) return Drop.critical_option;
  return (word & PROTOCOL) == ETHERNET ? Drop.none : Drop.not_ethernet;
}

/** Whether a bit is set that has no meaning yet. */
@inline
export function geneveReservedBits(datagram: usize): bool {
  return ((load32be(datagram, 0) & RESERVED) | (load32be(datagram, 4) & 0xff)) != 0;
}

/** The O flag: a control message. */
@inline
export function geneveIsControl(datagram: usize): bool {
  return (load32be(datagram, 0) & FLAG_O) != 0;
}
