// Which endpoint a sender is: that of its IP address, by the socket that received it. What a VTEP sends comes from any
// port, so where it has endpoints at several the one that was named first counts.
//
// A list for every hash of an address, over EP_NEXT. The host writes them; a reader that stands at an endpoint which is
// taken out goes on from there, for its place is given out again only when no worker can be reading it.

import { EP_NEXT, EP_SOCKADDR, EP_SOCKET, HDR_SENDERS_VERSION, SENDERS_BASE, SENDER_LISTS } from '../layout';
import { sockaddrIsSameHost } from '../wire/sockaddr';
import { endpointAt } from './records';
import { vtepHash } from './vteps';

@inline
function listOf(sockaddr: usize): usize {
  return <usize>SENDERS_BASE + ((<usize>vtepHash(sockaddr) & (SENDER_LISTS - 1)) << 2);
}

@inline
function nextOf(endpoint: u32): usize {
  return endpointAt(endpoint) + EP_NEXT;
}

/** While it stays the same, so does every answer of senderEndpoint. */
@inline
export function sendersVersion(): u32 {
  return atomic.load<u32>(HDR_SENDERS_VERSION);
}

/** The endpoint of a struct sockaddr that has an address, 0: it is none of this socket. */
export function senderEndpoint(socket: u32, sockaddr: usize): u32 {
  let endpoint = atomic.load<u32>(listOf(sockaddr));
  while (endpoint != 0 && !isOf(endpoint, socket, sockaddr)) endpoint = atomic.load<u32>(nextOf(endpoint));
  return endpoint;
}

@inline
function isOf(endpoint: u32, socket: u32, sockaddr: usize): bool {
  const record = endpointAt(endpoint);
  return load<u32>(record, EP_SOCKET) == socket && sockaddrIsSameHost(record + EP_SOCKADDR, sockaddr);
}

/** The host has written EP_SOCKADDR and EP_SOCKET of an endpoint that is in no list. */
export function senderPut(endpoint: u32): void {
  const sockaddr = endpointAt(endpoint) + EP_SOCKADDR;
  const first = senderEndpoint(load<u32>(endpointAt(endpoint), EP_SOCKET), sockaddr);
  const link = first == 0 ? listOf(sockaddr) : nextOf(first);
  store<u32>(nextOf(endpoint), load<u32>(link));
  change(link, endpoint);
}

/** Takes it out again. */
export function senderRemove(endpoint: u32): void {
  let link = listOf(endpointAt(endpoint) + EP_SOCKADDR);
  while (load<u32>(link) != endpoint) link = nextOf(load<u32>(link));
  change(link, load<u32>(nextOf(endpoint)));
}

function change(link: usize, endpoint: u32): void {
  atomic.store<u32>(link, endpoint);
  atomic.add<u32>(HDR_SENDERS_VERSION, 1);
}
