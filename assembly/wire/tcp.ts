// The TCP header, RFC 9293 section 3.1.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          source port          |       destination port        |
// +-------------------------------+-------------------------------+
// |                        sequence number                        |
// +---------------------------------------------------------------+
// |                    acknowledgement number                     |
// +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
// |doffset|  rsv  |C|E|U|A|P|R|S|F|            window             |   data offset in words of 4 bytes
// +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
// |           checksum            |        urgent pointer         |
// +-------------------------------+-------------------------------+   options up to the data offset

import { load16be, load32be, store16be, store32be } from './bytes';
import { checksum, sum } from './checksum';

const SOURCE_PORT: usize = 0;
const DESTINATION_PORT: usize = SOURCE_PORT + 2;
const SEQUENCE: usize = DESTINATION_PORT + 2;
const ACKNOWLEDGEMENT: usize = SEQUENCE + 4;
const DATA_OFFSET: usize = ACKNOWLEDGEMENT + 4;
const FLAGS: usize = DATA_OFFSET + 1;
const WINDOW: usize = FLAGS + 1;
const CHECKSUM: usize = WINDOW + 2;
const URGENT: usize = CHECKSUM + 2;
/** Bytes of the header without options. */
export const TCP_HLEN: u32 = <u32>URGENT + 2;
/** Where the checksum field is, in bytes from the start of the header. */
export const TCP_CHECKSUM: u32 = <u32>CHECKSUM;

export const TCP_FIN: u32 = 0x01;
export const TCP_SYN: u32 = 0x02;
export const TCP_RST: u32 = 0x04;
export const TCP_PSH: u32 = 0x08;
export const TCP_ACK: u32 = 0x10;
export const TCP_URG: u32 = 0x20;
export const TCP_CWR: u32 = 0x80;

/** Whether `len` bytes hold the header with its options: the check before every other function here. */
@inline
export function tcpCheck(segment: usize, len: u32): bool {
  return len >= TCP_HLEN && tcpHeaderLength(segment) >= TCP_HLEN && tcpHeaderLength(segment) <= len;
}

@inline
export function tcpSrcPort(segment: usize): u32 {
  return load16be(segment, SOURCE_PORT);
}

@inline
export function tcpDstPort(segment: usize): u32 {
  return load16be(segment, DESTINATION_PORT);
}

@inline
export function tcpSeq(segment: usize): u32 {
  return load32be(segment, SEQUENCE);
}

@inline
export function tcpAck(segment: usize): u32 {
  return load32be(segment, ACKNOWLEDGEMENT);
}

/** Bytes of the header with its options. */
@inline
export function tcpHeaderLength(segment: usize): u32 {
  return <u32>(load<u8>(segment, DATA_OFFSET) >> 4) << 2;
}

/** TCP_* flags. */
@inline
export function tcpFlags(segment: usize): u32 {
  return load<u8>(segment, FLAGS);
}

@inline
export function tcpWindow(segment: usize): u32 {
  return load16be(segment, WINDOW);
}

@inline
export function tcpChecksum(segment: usize): u32 {
  return load16be(segment, CHECKSUM);
}

/**
 * Whether two headers of the same length differ in nothing but ports, sequence number, PSH, FIN and checksum: window,
 * acknowledgement, urgent pointer, all other flags and every byte of the options are equal.
 */
@inline
export function tcpAreAlike(segment: usize, other: usize): bool {
  const ack = load<u32>(segment, ACKNOWLEDGEMENT) ^ load<u32>(other, ACKNOWLEDGEMENT);
  const word = (load32be(segment, DATA_OFFSET) ^ load32be(other, DATA_OFFSET)) & ~((TCP_PSH | TCP_FIN) << 16);
  const urgent = load<u16>(segment, URGENT) ^ load<u16>(other, URGENT);
  let differing = ack | word | urgent;
  const end = <usize>tcpHeaderLength(segment);
  for (let at = <usize>TCP_HLEN; at < end; at += 4) differing |= load<u32>(segment + at) ^ load<u32>(other + at);
  return differing == 0;
}

/** Data offset, reserved bits and flags as the 16 bits they are; the flags are the low 8. */
@inline
export function tcpOffsetAndFlags(segment: usize): u32 {
  return load16be(segment, DATA_OFFSET);
}

/**
 * Sum of a header with its options, without what differs between the segments of a super-frame: sequence number, data
 * offset and flags, checksum.
 */
export function tcpConstantSum(segment: usize): u32 {
  const ports = sum(segment + SOURCE_PORT, <u32>(SEQUENCE - SOURCE_PORT), 0);
  const acknowledged = sum(segment + ACKNOWLEDGEMENT, <u32>(DATA_OFFSET - ACKNOWLEDGEMENT), ports);
  const window = sum(segment + WINDOW, <u32>(CHECKSUM - WINDOW), acknowledged);
  return sum(segment + URGENT, tcpHeaderLength(segment) - <u32>URGENT, window);
}

/** Whether the checksum of a segment of `len` bytes is right. `pseudoSum` is that of the IP header, for `len` bytes. */
@inline
export function tcpVerify(segment: usize, len: u32, pseudoSum: u32): bool {
  return checksum(segment, len, pseudoSum) == 0;
}

/** Writes a header without options, window and urgent pointer zero; the checksum is still zero. */
export function tcpStamp(segment: usize, srcPort: u32, dstPort: u32, seq: u32, ack: u32, flags: u32): void {
  assert(flags <= 0xff);
  store16be(segment, SOURCE_PORT, srcPort);
  store16be(segment, DESTINATION_PORT, dstPort);
  store32be(segment, SEQUENCE, seq);
  store32be(segment, ACKNOWLEDGEMENT, ack);
  store16be(segment, DATA_OFFSET, ((TCP_HLEN >> 2) << 12) | flags);
  store16be(segment, WINDOW, 0);
  store32be(segment, CHECKSUM, 0);
}

@inline
export function tcpSetSeq(segment: usize, seq: u32): void {
  store32be(segment, SEQUENCE, seq);
}

@inline
export function tcpSetFlags(segment: usize, flags: u32): void {
  assert(flags <= 0xff);
  store<u8>(segment, <u8>flags, FLAGS);
}

@inline
export function tcpSetWindow(segment: usize, window: u32): void {
  store16be(segment, WINDOW, window);
}

@inline
export function tcpSetOffsetAndFlags(segment: usize, word: u32): void {
  store16be(segment, DATA_OFFSET, word);
}

@inline
export function tcpSetChecksum(segment: usize, value: u32): void {
  store16be(segment, CHECKSUM, value);
}

/** Makes the checksum of a segment of `len` bytes right; the last thing after every other change. */
@inline
export function tcpFillChecksum(segment: usize, len: u32, pseudoSum: u32): void {
  store16be(segment, CHECKSUM, 0);
  store16be(segment, CHECKSUM, checksum(segment, len, pseudoSum));
}
