// A socket address. Learning compares and hashes its IP address as two words in memory's order, High and Low.
//
//  sockaddr_in   0       2       4
//               | family | port  | address |
//  sockaddr_in6  0       2       4          8                24
//               | family | port  | flowinfo | address         | scope id |

import { load16be, load32be, load64be, store16be, store32be, store64be } from './bytes';

const FAMILY: usize = 0; // u16, host byte order
const PORT: usize = 2;
const IPV4_ADDRESS: usize = 4;
const IPV6_ADDRESS: usize = 8;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const WITHOUT_PORT: u64 = 0xffff_ffff_0000_ffff;
const IPV4: u64 = u64.MAX_VALUE; // the high word of an IPv4 address: an IPv6 address with that half is no source

// Whether it holds an address at all.
@inline
export function sockaddrCheck(sockaddr: usize): bool {
  const family = load<u16>(sockaddr, FAMILY);
  return family == AF_INET || family == AF_INET6;
}

@inline
export function sockaddrHigh(sockaddr: usize): u64 {
  return load<u16>(sockaddr, FAMILY) == AF_INET ? IPV4 : load<u64>(sockaddr, IPV6_ADDRESS);
}

@inline
export function sockaddrLow(sockaddr: usize): u64 {
  if (load<u16>(sockaddr, FAMILY) == AF_INET) return load<u32>(sockaddr, IPV4_ADDRESS);
  return load<u64>(sockaddr, IPV6_ADDRESS + 8);
}

/** Whether two have the same IP address, whatever their ports. */
@inline
export function sockaddrIsSameHost(a: usize, b: usize): bool {
  return sockaddrHigh(a) == sockaddrHigh(b) && sockaddrLow(a) == sockaddrLow(b);
}

// Its family and IPv4 address, without the port; of an IPv6 address, family and flow.
@inline
export function sockaddrStart(sockaddr: usize): u64 {
  return load<u64>(sockaddr) & WITHOUT_PORT;
}

@inline
export function sockaddrIsIpv4(sockaddr: usize): bool {
  return load<u16>(sockaddr, FAMILY) == AF_INET;
}

/** Whether the address is that of a group. */
@inline
export function sockaddrIsMulticast(sockaddr: usize): bool {
  if (sockaddrIsIpv4(sockaddr)) return load<u8>(sockaddr, IPV4_ADDRESS) >> 4 == 0xe;
  return load<u8>(sockaddr, IPV6_ADDRESS) == 0xff;
}

@inline
export function sockaddrPort(sockaddr: usize): u32 {
  return load16be(sockaddr, PORT);
}

@inline
export function sockaddrIpv4(sockaddr: usize): u32 {
  return load32be(sockaddr, IPV4_ADDRESS);
}

@inline
export function sockaddrIpv6High(sockaddr: usize): u64 {
  return load64be(sockaddr, IPV6_ADDRESS);
}

@inline
export function sockaddrIpv6Low(sockaddr: usize): u64 {
  return load64be(sockaddr, IPV6_ADDRESS + 8);
}

/** Writes the first 8 of 16 bytes. */
@inline
export function sockaddrSetIpv4(sockaddr: usize, ip: u32, port: u32): void {
  store<u16>(sockaddr, AF_INET, FAMILY);
  store16be(sockaddr, PORT, port);
  store32be(sockaddr, IPV4_ADDRESS, ip);
}

/** Writes all 28 bytes; no flow, no scope. */
@inline
export function sockaddrSetIpv6(sockaddr: usize, high: u64, low: u64, port: u32): void {
  store<u16>(sockaddr, AF_INET6, FAMILY);
  store16be(sockaddr, PORT, port);
  store<u32>(sockaddr, 0, 4);
  store64be(sockaddr, IPV6_ADDRESS, high);
  store64be(sockaddr, IPV6_ADDRESS + 8, low);
  store<u32>(sockaddr, 0, IPV6_ADDRESS + 16);
}
