/** One socket of the underlay, of UDP or of GRE: its options, and binding it. */
import { type Endpoint, formatEndpoint, ipFamily, NO_PORT } from '../address.js';
import { noUnderlayDevice, rawSocketRefused } from '../errors.js';
import { check, ENODEV, EPERM } from './errno.js';
import {
  AF_INET,
  AF_INET6,
  bind,
  getsockopt,
  lastErrno,
  close as libcClose,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  setsockopt,
  socket,
} from './libc.js';
import { sockaddrOf } from './sockaddr.js';
import { attachFilter, NOTHING } from './socket-filter.js';

const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_NO_CHECK = 11;
const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_BINDTODEVICE = 25;
const SO_MEMINFO = 55; // since Linux 4.12
const SO_BINDTOIFINDEX = 62; // since Linux 5.1
export const IPPROTO_IP = 0;
const IP_TTL = 2;
const IP_MTU_DISCOVER = 10;
const IP_RECVTOS = 13;
const IP_RECVFRAGSIZE = 25; // since Linux 4.15
const SOL_UDP = 17;
const IPPROTO_GRE = 47;
const UDP_NO_CHECK6_TX = 101;
const UDP_NO_CHECK6_RX = 102;
const UDP_SEGMENT = 103; // since Linux 4.18
const UDP_GRO = 104; // since Linux 5.0
export const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const IPV6_RECVTCLASS = 66;
const IPV6_AUTOFLOWLABEL = 70;
const IPV6_RECVFRAGSIZE = 77;
const PMTUDISC_DONT = 0;
const PMTUDISC_DO = 2;

/** Of what is sent to one host, unless a control message says otherwise: whatever the sysctls of this host say. */
const HOPS = 64;

/** Room for a burst while a worker is busy elsewhere; the kernel doubles the number for its own bookkeeping. */
const BUFFER_BYTES = 8 << 20;

/**
 * A socket that is not bound yet: non-blocking, close-on-exec, IPv6 sockets for IPv6 alone, 8 MiB of send buffer. It is
 * of UDP, or with `isGre` a raw one of GRE, which needs CAP_NET_RAW. Datagrams of a tunnel must not be fragmented (RFC
 * 7348 section 4.3), so DF is set: what exceeds the path MTU answers EMSGSIZE. Over IPv6 the kernel makes a flow label
 * of addresses and ports (RFC 6438); only where the sysctl net.ipv6.auto_flowlabels is 0 it makes none.
 */
export function newTunnelSocket(endpoint: Endpoint, isGre = false): number {
  const isIpv4 = ipFamily(endpoint.ip) === 4;
  const type = (isGre ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const answer = socket(isIpv4 ? AF_INET : AF_INET6, type, isGre ? IPPROTO_GRE : 0);
  if (answer < 0 && isGre && lastErrno() === EPERM) throw rawSocketRefused(endpoint.ip);
  const fd = check(`socket for ${formatEndpoint(endpoint)}/${isGre ? 'gre' : 'udp'}`, answer);
  try {
    if (isIpv4) {
      setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO);
      setOption(fd, IPPROTO_IP, IP_TTL, HOPS);
    } else {
      if (!isGre) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); // a raw socket is, by itself
      setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO);
      setOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS);
      setOption(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1);
    }
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    return fd;
  } catch (thrown) {
    libcClose(fd);
    throw thrown;
  }
}

/** Room for what others send us. */
export function receiveMuch(fd: number): void {
  setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
}

/** Words of the answer to SO_MEMINFO, as <linux/sock_diag.h> has them. */
const SK_MEMINFO_RMEM_ALLOC = 0;
const SK_MEMINFO_RCVBUF = 1;
const SK_MEMINFO_DROPS = 8;
const SK_MEMINFO_VARS = 9;

export interface ReceiveQueue {
  /** Bytes that wait, with the kernel's bookkeeping; and how many may. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Datagrams that the kernel dropped since the socket was opened, most of them for want of room. */
  readonly drops: number;
}

/** What waits to be received; null: this kernel does not say. */
export function receiveQueue(fd: number): ReceiveQueue | null {
  const words = new Uint32Array(SK_MEMINFO_VARS);
  const value = new Uint8Array(words.buffer);
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, value, int(value.length)) < 0) return null;
  const [bytes, bytesMax, drops] = [SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF, SK_MEMINFO_DROPS].map((at) => words[at]!);
  return { bytes: bytes!, bytesMax: bytesMax!, drops: drops! };
}

/** What is received has a control message of its TOS or traffic class, and one if it came in fragments. */
export function receiveHeaders(fd: number, family: 4 | 6): void {
  if (family === 4) {
    setOption(fd, IPPROTO_IP, IP_RECVTOS, 1);
    setOption(fd, IPPROTO_IP, IP_RECVFRAGSIZE, 1);
  } else {
    setOption(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    setOption(fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1);
  }
}

/**
 * Nothing that is sent to this socket is kept. A filter is surer than a small buffer, which still holds something, and
 * than a connection, which cannot be told from a peer.
 */
export function receiveNothing(fd: number): void {
  attachFilter(fd, NOTHING);
}

/**
 * It receives only what comes in by that interface. Being a member of a group there is not enough: a socket also hears
 * what others in the namespace have joined elsewhere (IP_MULTICAST_ALL), and over IPv6 even a member hears the group on
 * every interface. Before Linux 5.7 this needed CAP_NET_RAW, and changing it still does.
 */
export function receiveOnInterface(fd: number, index: number): void {
  setOption(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index);
}

/**
 * Before it is bound to an address: it sends and receives by this interface, or those of this VRF, alone. Then a
 * link-local address is one of that link, without a scope of its own. The interface counts, not its name: what is made
 * anew under the name is another one.
 */
export function bindToDevice(fd: number, device: string): void {
  const name = Buffer.from(device);
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) >= 0) return;
  if (lastErrno() === ENODEV) throw noUnderlayDevice(device);
  check(`bind a socket to interface ${device}`, -1);
}

/**
 * What it sends may be fragmented from now on: over IPv4 without DF; and by this host, to what the kernel knows of the
 * path. UDP_SEGMENT with datagrams for which that would have to happen answers EMSGSIZE all the same.
 */
export function sendFragmentable(fd: number, family: 4 | 6): void {
  if (family === 4) setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT);
  else setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DONT);
}

/** Its datagrams carry UDP checksum 0 from now on. */
export function sendWithoutChecksum(fd: number, family: 4 | 6): void {
  if (family === 4) setOption(fd, SOL_SOCKET, SO_NO_CHECK, 1);
  else setOption(fd, SOL_UDP, UDP_NO_CHECK6_TX, 1);
}

/** An IPv6 socket takes datagrams with UDP checksum 0 (RFC 6935). */
export function receiveWithoutChecksum6(fd: number): void {
  setOption(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
}

/** Turns UDP_GRO on or off. False where the kernel has none. (getsockopt tells nothing before Linux 5.12.) */
export function receiveCoalesced(fd: number, on: boolean): boolean {
  return setsockopt(fd, SOL_UDP, UDP_GRO, int(on ? 1 : 0), 4) >= 0;
}

/** Whether the kernel knows UDP_SEGMENT. Changes nothing: 0 is the default size of segments, none. */
export function knowsSegments(fd: number): boolean {
  return setsockopt(fd, SOL_UDP, UDP_SEGMENT, int(0), 4) >= 0;
}

/**
 * Binds the sockets to one address and port, which nobody else may have: 0 or -errno of the first. With SO_REUSEPORT
 * from the start, another process of the same user could join us, or we it. So the first is bound alone and shares its
 * port only afterwards; the kernel looks at that option when the others come.
 */
export function bindTogether(fds: readonly number[], endpoint: Endpoint): number {
  const address = sockaddrOf(endpoint);
  const [first, ...others] = fds as [number, ...number[]];
  if (bind(first, address, address.length) < 0) return -lastErrno();
  if (others.length > 0) bindBeside([first], others, endpoint);
  return 0;
}

/** Binds more sockets to the address and port of those that were bound together. */
export function bindBeside(bound: readonly number[], fds: readonly number[], endpoint: Endpoint): void {
  const address = sockaddrOf(endpoint);
  // Raw sockets have no ports to share: any number may be bound to one address.
  if (endpoint.port !== NO_PORT) for (const fd of [...bound, ...fds]) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  for (const fd of fds) check(`share ${formatEndpoint(endpoint)}`, bind(fd, address, address.length));
}

/**
 * Binds a socket to a multicast group and port that others of the same user may have as well: each gets a copy of what
 * comes (SO_REUSEPORT divides flows only among unicast sockets). 0 or -errno. `scope`: index of the interface, for IPv6
 * groups that mean nothing without one.
 */
export function bindMulticast(fd: number, multicast: Endpoint, scope: number): number {
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  const address = sockaddrOf(multicast, scope);
  return bind(fd, address, address.length) < 0 ? -lastErrno() : 0;
}

// The forced size needs CAP_NET_ADMIN; without it the kernel's rmem_max and wmem_max cut what we ask for.
function setBuffer(fd: number, forced: number, modest: number): void {
  if (setsockopt(fd, SOL_SOCKET, forced, int(BUFFER_BYTES), 4) < 0) setOption(fd, SOL_SOCKET, modest, BUFFER_BYTES);
}

/** An option whose value is an int. Throws a SystemError. */
export function setOption(fd: number, level: number, option: number, value: number): void {
  check(`setsockopt ${level}/${option}`, setsockopt(fd, level, option, int(value), 4));
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
