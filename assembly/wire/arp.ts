// ARP for IPv4 over Ethernet: RFC 826; probes and announcements RFC 5227.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |       hardware type = 1       |    protocol type = 0x0800     |
// +---------------+---------------+-------------------------------+
// |    hlen = 6   |    plen = 4   |           operation           |
// +---------------+---------------+-------------------------------+
// |                  sender hardware address (sha) ...            |
// +-------------------------------+-------------------------------+
// |           ... sha             | sender protocol address (spa) |
// +-------------------------------+-------------------------------+
// |           ... spa             | target hardware address (tha) |
// +-------------------------------+-------------------------------+
// |                      ... tha                                  |
// +---------------------------------------------------------------+
// |                  target protocol address (tpa)                |
// +---------------------------------------------------------------+

import { load16be, load32be, loadMac, load64be, store32be, storeMac, store64be } from './bytes';

const HARDWARE_TYPE: usize = 0;
const PROTOCOL_TYPE: usize = HARDWARE_TYPE + 2;
const HARDWARE_LEN: usize = PROTOCOL_TYPE + 2;
const PROTOCOL_LEN: usize = HARDWARE_LEN + 1;
const OPERATION: usize = PROTOCOL_LEN + 1;
const SHA: usize = OPERATION + 2;
const SPA: usize = SHA + 6;
const THA: usize = SPA + 4;
const TPA: usize = THA + 6;
/** Bytes of the message; a frame's padding may follow. */
export const ARP_LEN: u32 = <u32>TPA + 4;

export const ARP_REQUEST: u32 = 1;
export const ARP_REPLY: u32 = 2;
const ETHERNET_IPV4: u64 = 0x0001_0800_0604_0000; // the four fields before the operation

/** Whether `len` bytes hold an ARP message for IPv4 over Ethernet; every getter may be used only after this. */
@inline
export function arpCheck(message: usize, len: u32): bool {
  return len >= ARP_LEN && (load64be(message, HARDWARE_TYPE) & ~(<u64>0xffff)) == ETHERNET_IPV4;
}

@inline
export function arpOperation(message: usize): u32 {
  return load16be(message, OPERATION);
}

/** Sender hardware address. */
@inline
export function arpSha(message: usize): u64 {
  return loadMac(message, SHA);
}

/** Sender protocol address; 0 in a probe. */
@inline
export function arpSpa(message: usize): u32 {
  return load32be(message, SPA);
}

/** Target hardware address; means nothing in a request. */
@inline
export function arpTha(message: usize): u64 {
  return loadMac(message, THA);
}

/** Target protocol address. */
@inline
export function arpTpa(message: usize): u32 {
  return load32be(message, TPA);
}

/** Writes everything before the addresses. */
@inline
export function arpSetOperation(message: usize, operation: u32): void {
  store64be(message, HARDWARE_TYPE, ETHERNET_IPV4 | <u64>(operation & 0xffff));
}

@inline
export function arpSetSha(message: usize, mac: u64): void {
  storeMac(message, SHA, mac);
}

@inline
export function arpSetSpa(message: usize, address: u32): void {
  store32be(message, SPA, address);
}

@inline
export function arpSetTha(message: usize, mac: u64): void {
  storeMac(message, THA, mac);
}

@inline
export function arpSetTpa(message: usize, address: u32): void {
  store32be(message, TPA, address);
}
