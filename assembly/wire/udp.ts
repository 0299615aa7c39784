// The UDP header, RFC 768.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          source port          |       destination port        |
// +-------------------------------+-------------------------------+
// |            length             |           checksum            |   length of header and payload
// +-------------------------------+-------------------------------+   checksum 0: none was made (IPv4)

import { load16be, store16be } from './bytes';
import { checksum } from './checksum';

const SOURCE_PORT: usize = 0;
const DESTINATION_PORT: usize = SOURCE_PORT + 2;
const LENGTH: usize = DESTINATION_PORT + 2;
const CHECKSUM: usize = LENGTH + 2;
/** Bytes of the header. */
export const UDP_HLEN: u32 = <u32>CHECKSUM + 2;
/** Where the checksum field is, in bytes from the start of the header. */
export const UDP_CHECKSUM: u32 = <u32>CHECKSUM;

/** Whether `len` bytes hold the header and all that its length field speaks of: the check before all others here. */
@inline
export function udpCheck(datagram: usize, len: u32): bool {
  return len >= UDP_HLEN && udpLength(datagram) >= UDP_HLEN && udpLength(datagram) <= len;
}

@inline
export function udpSrcPort(datagram: usize): u32 {
  return load16be(datagram, SOURCE_PORT);
}

@inline
export function udpDstPort(datagram: usize): u32 {
  return load16be(datagram, DESTINATION_PORT);
}

/** Bytes of header and payload. */
@inline
export function udpLength(datagram: usize): u32 {
  return load16be(datagram, LENGTH);
}

/** The checksum field; 0 means that the sender made none. */
@inline
export function udpChecksum(datagram: usize): u32 {
  return load16be(datagram, CHECKSUM);
}

/** Whether a checksum that was made is right. `pseudoSum` is that of the IP header, for `udpLength` bytes. */
@inline
export function udpVerify(datagram: usize, pseudoSum: u32): bool {
  return checksum(datagram, udpLength(datagram), pseudoSum) == 0;
}

/** Writes the whole header; the checksum is 0, none. */
@inline
export function udpStamp(datagram: usize, srcPort: u32, dstPort: u32, length: u32): void {
  assert(length >= UDP_HLEN && length <= 0xffff);
  store16be(datagram, SOURCE_PORT, srcPort);
  store16be(datagram, DESTINATION_PORT, dstPort);
  store16be(datagram, LENGTH, length);
  store16be(datagram, CHECKSUM, 0);
}

@inline
export function udpSetSrcPort(datagram: usize, port: u32): void {
  store16be(datagram, SOURCE_PORT, port);
}

@inline
export function udpSetLength(datagram: usize, length: u32): void {
  assert(length >= UDP_HLEN && length <= 0xffff);
  store16be(datagram, LENGTH, length);
}

/** Writes a checksum that was just made: 0, which would mean that there is none, is sent as 0xffff (RFC 768). */
@inline
export function udpSetChecksum(datagram: usize, made: u32): void {
  store16be(datagram, CHECKSUM, made == 0 ? 0xffff : made);
}

/** Writes what is no checksum yet: a sum that whoever makes it starts from, or 0, none. */
@inline
export function udpSetPartial(datagram: usize, value: u32): void {
  store16be(datagram, CHECKSUM, value);
}

/** Makes the checksum right; the last thing after every other change. A sum of 0 is sent as 0xffff (RFC 768). */
@inline
export function udpFillChecksum(datagram: usize, pseudoSum: u32): void {
  store16be(datagram, CHECKSUM, 0);
  udpSetChecksum(datagram, checksum(datagram, udpLength(datagram), pseudoSum));
}
