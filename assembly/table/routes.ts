// How an endpoint is reached by the underlay TAP: a template of the headers before a VXLAN header. The host writes the
// one that is not in force and then puts it in force by one store, so a worker never copies half of one.

import {
  EP_ROUTE,
  EP_SOCKADDR,
  EP_SOURCE,
  EP_TEMPLATES,
  EP_TEMPLATE_MTU,
  EP_TEMPLATE_SIZE,
} from '../layout';
import { load32be, load64be } from '../wire/bytes';
import { OUTER_IPV4_HLEN, OUTER_IPV6_HLEN, outerTemplate4, outerTemplate6 } from '../wire/outer';
import {
  sockaddrIpv4,
  sockaddrIpv6High,
  sockaddrIpv6Low,
  sockaddrIsIpv4,
  sockaddrPort,
} from '../wire/sockaddr';
import { endpointAt } from './records';

// From EP_SOURCE, which the host has written, by an interface whose datagrams have at most `mtu` bytes of IP. `mac`: of
// the TAP.
export function routePut(endpoint: u32, ifindex: u32, mac: u64, mtu: u32): void {
  const record = endpointAt(endpoint);
  const isFirst = load<u32>(record, EP_ROUTE) != <u32>EP_TEMPLATES;
  const place: usize = EP_TEMPLATES + (isFirst ? 0 : EP_TEMPLATE_SIZE);
  const template = record + place;
  const to = record + EP_SOCKADDR;
  const port = sockaddrPort(to);
  if (sockaddrIsIpv4(to)) {
    outerTemplate4(template, mac, ifindex, load32be(record, EP_SOURCE), sockaddrIpv4(to), port);
  } else {
    const high = load64be(record, EP_SOURCE);
    const low = load64be(record, EP_SOURCE + 8);
    outerTemplate6(template, mac, ifindex, high, low, sockaddrIpv6High(to), sockaddrIpv6Low(to), port);
  }
  store<u16>(template, <u16>mtu, EP_TEMPLATE_MTU);
  atomic.store<u32>(record + EP_ROUTE, <u32>place);
}

// By its socket alone from now on.
export function routeRemove(endpoint: u32): void {
  atomic.store<u32>(endpointAt(endpoint) + EP_ROUTE, 0);
}

// The template in force, 0: none.
@inline
export function routeOf(endpoint: u32): usize {
  const record = endpointAt(endpoint);
  const place = <usize>load<u32>(record, EP_ROUTE);
  return place == 0 ? 0 : record + place;
}

// Bytes of its headers.
@inline
export function routeHeaderLength(endpoint: u32): u32 {
  return sockaddrIsIpv4(endpointAt(endpoint) + EP_SOCKADDR) ? OUTER_IPV4_HLEN : OUTER_IPV6_HLEN;
}

// IP bytes of a datagram at most.
@inline
export function routeMtu(template: usize): u32 {
  return load<u16>(template, EP_TEMPLATE_MTU);
}
