/**
 * Multicast groups of the underlay: listening to one, and sending to them from the sockets of `udp.ts`.
 *
 * What we send to a group comes back to this host as to any other, since IP_MULTICAST_LOOP stays on: another daemon in
 * this namespace shall hear us. Our own listeners do not: they refuse what has our own source address.
 */
import { type Endpoint, formatEndpoint, ipBytes, ipFamily, NO_PORT } from '../address.js';
import { multicastNeedsInterface, noUnderlayDevice, portInUse } from '../errors.js';
import { check, EADDRINUSE, EADDRNOTAVAIL, ENODEV, systemError } from './errno.js';
import { udpPortHolder } from './holders.js';
import { lastErrno, close as libcClose, setsockopt } from './libc.js';
import { underlayInterface } from './link.js';
import { attachFilter, notFrom } from './socket-filter.js';
import {
  bindMulticast,
  IPPROTO_IP,
  IPPROTO_IPV6,
  newTunnelSocket,
  receiveCoalesced,
  receiveHeaders,
  receiveMuch,
  receiveOnInterface,
  receiveWithoutChecksum6,
  setOption,
} from './udp-socket.js';

const IP_MULTICAST_IF = 32;
const IP_MULTICAST_TTL = 33;
const IP_ADD_MEMBERSHIP = 35;
const IP_DROP_MEMBERSHIP = 36;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_ADD_MEMBERSHIP = 20;
const IPV6_DROP_MEMBERSHIP = 21;

//  struct ip_mreqn    0           4             8         12
//                    | multicast | our address | ifindex |
//  struct ipv6_mreq   0               16        20
//                    | multicast     | ifindex |

export interface MembershipOptions {
  /** Multicast address and UDP port; {@link NO_PORT}: it is of GRE. */
  readonly multicast: Endpoint;
  /** This host's address on the underlay: the group is joined on its interface. */
  readonly localIp: string;
  /** With it the group is joined there, whichever interface has the address. */
  readonly device?: string | undefined;
  /** IPv6 datagrams with checksum 0 are received. */
  readonly acceptZeroChecksum6: boolean;
}

/** Receives what others send to the group. Bound to the group's own address: nothing else can come. */
export interface MulticastListener {
  readonly fd: number;
  /** As of an underlay's listeners. */
  setGro(on: boolean): boolean;
  /**
   * To be called now and then: joins again when the local address has moved to another interface. Throws while no
   * interface has it. True when it has moved.
   */
  rejoin(): boolean;
  /** Closing twice is harmless. */
  close(): void;
}

/** Throws a one-line error, and leaves nothing open, when the group cannot be joined. */
export function openMulticast(options: MembershipOptions): MulticastListener {
  const { multicast, localIp, acceptZeroChecksum6 } = options;
  let joined = interfaceOf(options);
  const opened = [newTunnelSocket(multicast, multicast.port === NO_PORT)];
  const fd = opened[0]!;
  const close = () => {
    for (const each of opened.splice(0)) libcClose(each);
  };
  try {
    receiveMuch(fd);
    receiveHeaders(fd, ipFamily(multicast.ip));
    if (acceptZeroChecksum6 && ipFamily(multicast.ip) === 6) receiveWithoutChecksum6(fd);
    attachFilter(fd, notFrom(localIp));
    receiveOnInterface(fd, joined);
    const answer = bindMulticast(fd, multicast, isScoped(multicast.ip) ? joined : 0);
    if (answer < 0) throw cannotListen(multicast, -answer);
    join(fd, multicast.ip, joined);
  } catch (thrown) {
    close();
    throw thrown;
  }
  const rejoin = () => {
    const found = interfaceOf(options);
    if (found === joined) return false;
    leave(fd, multicast.ip, joined);
    receiveOnInterface(fd, found);
    join(fd, multicast.ip, found);
    joined = found;
    return true;
  };
  return { fd, setGro: (on) => receiveCoalesced(fd, on), rejoin, close };
}

/**
 * What these sockets send to multicast groups leaves by the interface of `localIp`, or by the device that they are
 * bound to, and crosses `hops` - 1 routers. False: no interface has the address (or it is a wildcard), or there is no
 * such device; nothing was changed.
 */
export function sendMulticastFrom(fds: readonly number[], localIp: string, hops: number, device?: string): boolean {
  const index = underlayInterface(localIp, device);
  if (index === null) return false;
  for (const fd of fds) {
    if (ipFamily(localIp) === 4) {
      const request = membership4('0.0.0.0', index);
      check('setsockopt IP_MULTICAST_IF', setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, request, request.length));
      setOption(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops);
    } else {
      setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
      setOption(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
    }
  }
  return true;
}

function interfaceOf({ multicast, localIp, device }: MembershipOptions): number {
  const index = underlayInterface(localIp, device);
  if (index === null)
    throw device === undefined ? multicastNeedsInterface(multicast.ip, localIp) : noUnderlayDevice(device);
  return index;
}

/** IPv6 groups of interface and link scope (ff01::, ff02::) mean nothing without an interface (RFC 4291 2.7). */
function isScoped(ip: string): boolean {
  const [first, second] = ipBytes(ip) as unknown as [number, number];
  return ipFamily(ip) === 6 && first === 0xff && (second & 0xf) <= 2;
}

function cannotListen(multicast: Endpoint, errno: number): Error {
  if (errno === EADDRINUSE) return portInUse(formatEndpoint(multicast), udpPortHolder(multicast.ip, multicast.port));
  return systemError(`listen on ${formatEndpoint(multicast)}/udp`, errno);
}

function join(fd: number, multicast: string, index: number): void {
  if (membership(fd, multicast, index, 'join') < 0) throw systemError(`join multicast group ${multicast}`, lastErrno());
}

/** An interface that has gone has taken the membership with it, or left it behind without use. */
function leave(fd: number, multicast: string, index: number): void {
  if (membership(fd, multicast, index, 'leave') >= 0) return;
  const errno = lastErrno();
  if (errno !== ENODEV && errno !== EADDRNOTAVAIL) throw systemError(`leave multicast group ${multicast}`, errno);
}

function membership(fd: number, multicast: string, index: number, action: 'join' | 'leave'): number {
  if (ipFamily(multicast) === 4) {
    const request = membership4(multicast, index);
    const option = action === 'join' ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
    return setsockopt(fd, IPPROTO_IP, option, request, request.length);
  }
  const request = Buffer.alloc(20);
  request.set(ipBytes(multicast), 0);
  request.writeInt32LE(index, 16);
  const option = action === 'join' ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP;
  return setsockopt(fd, IPPROTO_IPV6, option, request, request.length);
}

function membership4(multicast: string, index: number): Buffer {
  const request = Buffer.alloc(12);
  request.set(ipBytes(multicast), 0);
  request.writeInt32LE(index, 8);
  return request;
}
