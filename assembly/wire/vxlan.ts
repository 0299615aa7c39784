// The VXLAN header, RFC 7348 section 5. It stands before the inner Ethernet frame and is the start of the datagram.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-----------------------------------------------+
// |R|R|R|R|I|R|R|R|                 reserved                      |   I: the VNI is valid, always set
// +-+-+-+-+-+-+-+-+-------------------------------+---------------+
// |     VXLAN network identifier (VNI)            |   reserved    |   R and reserved: zero when sent,
// +-----------------------------------------------+---------------+   ignored when received

import { VXLAN_HLEN } from '../layout';
import { load32be, store64be } from './bytes';

const FLAGS: usize = 0; // u32: 8 flag bits, 24 reserved
const VNI: usize = FLAGS + 4; // u32: 24 bits of VNI, 8 reserved
const FLAG_I: u32 = 0x0800_0000;

/** The first word of every datagram. */
export const VXLAN_WORD: u32 = FLAG_I;

/** Whether `len` bytes hold the header; the getters may be used only after this. */
@inline
export function vxlanCheck(len: u32): bool {
  return len >= <u32>VXLAN_HLEN;
}

/** Writes all 8 bytes of the header in one store. `vni` is 0..16777215. */
@inline
export function vxlanStamp(datagram: usize, vni: u32): void {
  assert(vni <= 0xff_ffff);
  store64be(datagram, FLAGS, (<u64>FLAG_I << 32) | (<u64>vni << 8));
}

/** Whether the I flag is set, without which the VNI means nothing. */
@inline
export function vxlanHasVni(datagram: usize): bool {
  return (load32be(datagram, FLAGS) & FLAG_I) != 0;
}

/** Whether any bit but I and the VNI is set. RFC 7348 ignores those; Linux drops the datagram. */
@inline
export function vxlanReservedBits(datagram: usize): bool {
  return vxlanReservedBitsBut(datagram, 0);
}

/** The same, where bits of the first word have a meaning. */
@inline
export function vxlanReservedBitsBut(datagram: usize, known: u32): bool {
  return ((load32be(datagram, FLAGS) & ~(FLAG_I | known)) | (load32be(datagram, VNI) & 0xff)) != 0;
}

/** The VNI, 0..16777215. */
@inline
export function vxlanVni(datagram: usize): u32 {
  return load32be(datagram, VNI) >> 8;
}
