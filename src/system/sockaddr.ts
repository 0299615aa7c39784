/** Socket addresses as the kernel wants them. */
import { type Endpoint, ipBytes, ipFamily, ipFromBytes } from '../address.js';
import { AF_INET, AF_INET6 } from './libc.js';

//  sockaddr_in   0       2       4               8              15
//               | family | port  | address       | zero          |
//  sockaddr_in6  0       2       4          8                24         27
//               | family | port  | flowinfo | address         | scope id |
// family, scope id: host byte order; port and addresses: network byte order
const PORT = 2;
const IPV4_ADDRESS = 4;
const IPV6_ADDRESS = 8;
const IPV6_SCOPE = 24;
export const SOCKADDR_IN_LEN = 16;
export const SOCKADDR_IN6_LEN = 28;

/**
 * The 16 or 28 bytes of `struct sockaddr_in` or `sockaddr_in6`; `endpoint.ip` must be canonical. `scope`: index of the
 * interface that a link-local IPv6 address belongs to.
 */
export function sockaddrOf(endpoint: Endpoint, scope = 0): Uint8Array {
  const isIpv4 = ipFamily(endpoint.ip) === 4;
  const address = Buffer.alloc(isIpv4 ? SOCKADDR_IN_LEN : SOCKADDR_IN6_LEN);
  // Wasm shares its memory with the kernel, so this only ever runs on little-endian hosts.
  address.writeUInt16LE(isIpv4 ? AF_INET : AF_INET6, 0);
  address.writeUInt16BE(endpoint.port, PORT);
  address.set(ipBytes(endpoint.ip), isIpv4 ? IPV4_ADDRESS : IPV6_ADDRESS);
  if (!isIpv4) address.writeUInt32LE(scope, IPV6_SCOPE);
  return address;
}

/** Address, canonical, and port of a `struct sockaddr_in` or `sockaddr_in6`. */
export function endpointOfSockaddr(sockaddr: Uint8Array): Endpoint {
  return { ip: ipOfSockaddr(sockaddr), port: (sockaddr[PORT]! << 8) | sockaddr[PORT + 1]! };
}

/** The canonical address in a `struct sockaddr_in` or `sockaddr_in6`. */
export function ipOfSockaddr(sockaddr: Uint8Array): string {
  const isIpv4 = sockaddr[0] === AF_INET; // the low byte of the family; the high one is 0
  const start = isIpv4 ? IPV4_ADDRESS : IPV6_ADDRESS;
  return ipFromBytes(sockaddr.subarray(start, start + (isIpv4 ? 4 : 16)));
}
