// The kernel's structures that more than one step writes: iovec, msghdr, cmsghdr (64-bit Linux).

import { HDR_MEMORY_BASE, MMSGHDR_SIZE, MSG_CONTROL, MSG_CONTROLLEN, MSG_IOV, MSG_IOVLEN } from '../layout';

const CMSG_LEVEL: usize = 8; // after the u64 length
const CMSG_TYPE: usize = 12;
export const CMSG_DATA: usize = 16;
const SOL_UDP: u32 = 17;
export const UDP_SEGMENT: u32 = 103;
export const UDP_GRO: u32 = 104;

// What the kernel calls an offset of this memory.
@inline
export function address(offset: usize): u64 {
  return load<u64>(HDR_MEMORY_BASE) + offset;
}

@inline
export function iovec(at: usize, base: usize, len: u32): void {
  store<u64>(at, address(base));
  store<u64>(at, len, 8);
}

// A message of no name and no control data, with `count` iovecs from `vector` on.
@inline
export function message(header: usize, vector: usize, count: u32): void {
  store<u64>(header, address(vector), MSG_IOV);
  store<u64>(header, count, MSG_IOVLEN);
  store<u64>(header, 0, MSG_CONTROL);
  store<u64>(header, 0, MSG_CONTROLLEN);
}

// Gives the message `len` bytes of control data at `control`.
@inline
export function attachControl(header: usize, control: usize, len: u32): void {
  store<u64>(header, address(control), MSG_CONTROL);
  store<u64>(header, len, MSG_CONTROLLEN);
}

// The message is to be cut into datagrams of `size` bytes (udp(7), UDP_SEGMENT).
export function attachSegmentSize(header: usize, control: usize, size: u32): void {
  store<u64>(control, CMSG_DATA + 2);
  store<u32>(control, SOL_UDP, CMSG_LEVEL);
  store<u32>(control, UDP_SEGMENT, CMSG_TYPE);
  store<u64>(control, size, CMSG_DATA);
  attachControl(header, control, <u32>CMSG_DATA + 8);
}

// The size of the datagrams that the kernel joined (UDP_GRO); 0: the message is one datagram.
@inline
export function joinedSize(control: usize, len: u64): u32 {
  if (len < <u64>CMSG_DATA + 4) return 0;
  if (load<u32>(control, CMSG_LEVEL) != SOL_UDP || load<u32>(control, CMSG_TYPE) != UDP_GRO) return 0;
  return load<u32>(control, CMSG_DATA);
}

export function clearMessages(headers: usize, count: u32): void {
  memory.fill(headers, 0, count * MMSGHDR_SIZE);
}

