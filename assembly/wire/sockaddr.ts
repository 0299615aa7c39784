// The IP address of a socket address, as two words that are compared and hashed; the port is not looked at.
//
//  sockaddr_in   0       2       4
//               | family | port  | address |
//  sockaddr_in6  0       2       4          8                24
//               | family | port  | flowinfo | address         | scope id |

const FAMILY: usize = 0; // u16, host byte order
const IPV4_ADDRESS: usize = 4;
const IPV6_ADDRESS: usize = 8;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
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
