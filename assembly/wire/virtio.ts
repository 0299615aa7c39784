// The header that stands before every frame on a TAP with IFF_VNET_HDR: struct virtio_net_hdr of linux/virtio_net.h,
// in the machine's byte order (little-endian).
//
//  0        1         2         4          6             8              10
// +--------+---------+---------+----------+-------------+--------------+
// | flags  | gsoType | hdrLen  | gsoSize  | csumStart   | csumOffset   |
// +--------+---------+---------+----------+-------------+--------------+
//
// NEEDS_CSUM: the checksum field at csumStart + csumOffset holds the folded sum of the pseudo header, not complemented;
// the checksum from csumStart to the end of the frame is still to be made. A GSO type: the frame stands for several,
// each with gsoSize bytes of payload but for the last. hdrLen is a hint on what is read: never rely on it.

const FLAGS: usize = 0;
const GSO_TYPE: usize = FLAGS + 1;
const HDR_LEN: usize = GSO_TYPE + 1;
const GSO_SIZE: usize = HDR_LEN + 2;
const CSUM_START: usize = GSO_SIZE + 2;
const CSUM_OFFSET: usize = CSUM_START + 2;

export const VNET_NEEDS_CSUM: u32 = 1;
/** Whoever gave the frame has verified its checksum. */
export const VNET_DATA_VALID: u32 = 2;

export const VNET_GSO_NONE: u32 = 0;
export const VNET_GSO_TCPV4: u32 = 1;
export const VNET_GSO_TCPV6: u32 = 4;
export const VNET_GSO_UDP_L4: u32 = 5;
/** Set beside a TCP type when CWR is set: only the first segment keeps the flag. */
export const VNET_GSO_ECN: u32 = 0x80;

@inline
export function vnetFlags(vnet: usize): u32 {
  return load<u8>(vnet, FLAGS);
}

/** VNET_GSO_*, without VNET_GSO_ECN. */
@inline
export function vnetGsoType(vnet: usize): u32 {
  return <u32>load<u8>(vnet, GSO_TYPE) & ~VNET_GSO_ECN;
}

/** Flags and GSO type as one word. */
@inline
export function vnetMarks(vnet: usize): u32 {
  return load<u16>(vnet, FLAGS);
}

/** Whether there are neither flags nor a GSO type: a frame as it is on a wire. */
@inline
export function vnetIsPlain(vnet: usize): bool {
  return vnetMarks(vnet) == 0;
}

/** Payload bytes of each segment but the last. */
@inline
export function vnetGsoSize(vnet: usize): u32 {
  return load<u16>(vnet, GSO_SIZE);
}

/** Where the transport header starts, in bytes from the start of the Ethernet header. */
@inline
export function vnetCsumStart(vnet: usize): u32 {
  return load<u16>(vnet, CSUM_START);
}

/** Where the checksum field is, in bytes from csumStart. */
@inline
export function vnetCsumOffset(vnet: usize): u32 {
  return load<u16>(vnet, CSUM_OFFSET);
}

/** Whether all of it is zero: the frame is complete as it stands. */
@inline
export function vnetIsClear(vnet: usize): bool {
  return (load<u64>(vnet) | <u64>load<u16>(vnet, CSUM_OFFSET)) == 0;
}

/** A frame that is complete as it stands. */
@inline
export function vnetClear(vnet: usize): void {
  store<u64>(vnet, 0);
  store<u16>(vnet, 0, CSUM_OFFSET);
}

@inline
export function vnetCopy(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u16>(to, load<u16>(from, CSUM_OFFSET), CSUM_OFFSET);
}

/** A frame whose checksum the receiver may take for granted, and make good if it sends the frame on. */
@inline
export function vnetSet(vnet: usize, gsoType: u32, hdrLen: u32, gsoSize: u32, start: u32, offset: u32): void {
  store<u8>(vnet, <u8>VNET_NEEDS_CSUM, FLAGS);
  store<u8>(vnet, <u8>gsoType, GSO_TYPE);
  store<u16>(vnet, <u16>hdrLen, HDR_LEN);
  store<u16>(vnet, <u16>gsoSize, GSO_SIZE);
  store<u16>(vnet, <u16>start, CSUM_START);
  store<u16>(vnet, <u16>offset, CSUM_OFFSET);
}

/** The frame gained `bytes` (a tag) before its transport header. */
@inline
export function vnetGrow(vnet: usize, bytes: u32): void {
  if (vnetFlags(vnet) & VNET_NEEDS_CSUM) store<u16>(vnet, <u16>(vnetCsumStart(vnet) + bytes), CSUM_START);
  const hdrLen = <u32>load<u16>(vnet, HDR_LEN);
  if (hdrLen != 0) store<u16>(vnet, <u16>(hdrLen + bytes), HDR_LEN);
}

/** The frame lost `bytes` (a tag) before its transport header. */
@inline
export function vnetShift(vnet: usize, bytes: u32): void {
  if (vnetFlags(vnet) & VNET_NEEDS_CSUM) store<u16>(vnet, <u16>(vnetCsumStart(vnet) - bytes), CSUM_START);
  const hdrLen = <u32>load<u16>(vnet, HDR_LEN);
  if (hdrLen >= bytes) store<u16>(vnet, <u16>(hdrLen - bytes), HDR_LEN);
}
