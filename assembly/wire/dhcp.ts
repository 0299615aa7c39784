// The fixed part of a DHCPv4 message: BOOTP (RFC 951, RFC 1542) and the cookie before the options (RFC 2131 section 3).
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+---------------+---------------+
// |      op       |   htype = 1   |    hlen = 6   |     hops      |
// +---------------+---------------+---------------+---------------+
// |                              xid                              |
// +-------------------------------+-+-----------------------------+
// |             secs              |B|             0               |   B: answer by broadcast
// +-------------------------------+-+-----------------------------+
// |                ciaddr, yiaddr, siaddr, giaddr                 |   4 bytes each
// +---------------------------------------------------------------+
// |         chaddr, 16 bytes, the first 6 a MAC address           |
// +---------------------------------------------------------------+
// |                sname, 64 bytes; file, 128 bytes               |
// +---------------------------------------------------------------+
// |                  magic cookie = 0x63825363                    |   byte 236; options follow
// +---------------------------------------------------------------+

import { load16be, load32be, loadMac, store16be, store32be, storeMac } from './bytes';

const OP: usize = 0;
const HARDWARE_TYPE: usize = OP + 1;
const HARDWARE_LEN: usize = HARDWARE_TYPE + 1;
const HOPS: usize = HARDWARE_LEN + 1;
const XID: usize = HOPS + 1;
const SECS: usize = XID + 4;
const FLAGS: usize = SECS + 2;
const ADDRESSES: usize = FLAGS + 2;
const CHADDR: usize = ADDRESSES + 4 * 4;
const SNAME: usize = CHADDR + 16;
const FILE: usize = SNAME + 64;
const COOKIE: usize = FILE + 128;
/** Bytes up to the options. */
export const DHCP_HLEN: u32 = <u32>COOKIE + 4;

export const DHCP_SERVER_PORT: u32 = 67;
export const DHCP_CLIENT_PORT: u32 = 68;
export const BOOTREQUEST: u32 = 1;
export const BOOTREPLY: u32 = 2;
export const DHCP_FLAG_BROADCAST: u32 = 0x8000;
const MAGIC_COOKIE: u32 = 0x6382_5363;
const ETHERNET: u32 = 0x0106; // htype, hlen

/** Whether `len` bytes hold a DHCP message of an Ethernet client: the check before every other function here. */
@inline
export function dhcpCheck(message: usize, len: u32): bool {
  return (
    len >= DHCP_HLEN && load32be(message, COOKIE) == MAGIC_COOKIE && load16be(message, HARDWARE_TYPE) == ETHERNET
  );
}

/** BOOTREQUEST or BOOTREPLY. */
@inline
export function dhcpOp(message: usize): u32 {
  return load<u8>(message, OP);
}

@inline
export function dhcpXid(message: usize): u32 {
  return load32be(message, XID);
}

@inline
export function dhcpFlags(message: usize): u32 {
  return load16be(message, FLAGS);
}

/** The client's MAC address. */
@inline
export function dhcpChaddr(message: usize): u64 {
  return loadMac(message, CHADDR);
}

/** Writes all DHCP_HLEN bytes, every field that is not an argument zero. */
export function dhcpStamp(message: usize, op: u32, xid: u32, flags: u32, chaddr: u64): void {
  assert(op <= 0xff);
  memory.fill(message, 0, DHCP_HLEN);
  store32be(message, OP, (op << 24) | (ETHERNET << 8));
  store32be(message, XID, xid);
  store16be(message, FLAGS, flags);
  storeMac(message, CHADDR, chaddr);
  store32be(message, COOKIE, MAGIC_COOKIE);
}
