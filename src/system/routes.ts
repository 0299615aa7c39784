/** The kernel's routes, and what changes around them, in the thread's namespace (rtnetlink(7)). */
import { ipBytes, ipFamily, ipFromBytes } from '../address.js';
import { SystemError } from '../errors.js';
import { EACCES, EAGAIN, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOBUFS, ENODEV, systemError } from './errno.js';
import { cString, isInterfaceName } from './interface.js';
import { IFA_ADDRESS, IFA_INDEX, IFA_LOCAL, IFADDR_LEN, RTM_DELADDR, RTM_NEWADDR } from './interface-addresses.js';
import { AF_INET, AF_INET6, lastErrno, close as libcClose, read } from './libc.js';
import { type Attribute, ask, attribute, messagesIn, type NetlinkMessage, openNetlinkWatch, u32 } from './netlink.js';
import { IFI_FLAGS, IFI_INDEX, IFI_TYPE, IFINFO_LEN, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from './rtnetlink.js';

//  struct rtmsg:      0        1                    2               3     4       5          6       7      8       11
//                    | family | destination length | source length | tos | table | protocol | scope | type | flags |
const RTM_DST_LEN = 1;
const RTM_SRC_LEN = 2;
const RTM_TYPE = 7;
const RTM_FLAGS = 8;
const RTMSG_LEN = 12;

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWRULE = 32;
const RTM_DELRULE = 33;

const RTM_F_FIB_MATCH = 0x2000; // of a request: the route as it was configured
const RTM_F_CLONED = 0x200; // what stands in the cache of one destination, not a route that was configured
const RTN_LOCAL = 2;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_CACHEINFO = 12; // struct rta_cacheinfo { u32 references, u32 last use, s32 expires, ... }
const CACHEINFO_EXPIRES = 8;
const RTAX_MTU = 2;
const RTA_VIA = 18; // a gateway of the other family: u16 family, address

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const IFF_RUNNING = 0x40;
const IFNAMSIZ = 16;
const ARPHRD_ETHER = 1;
const AF_UNSPEC = 0;

/** How the kernel would send to an address now. */
export interface Route {
  readonly ifindex: number;
  /** The next hop, null when the destination is on the link. */
  readonly gateway: string | null;
  /** The source address that the route wants, if it has a wish. */
  readonly source: string | null;
  /** Bytes: what the route or path MTU discovery says; null: that of the interface. */
  readonly mtu: number | null;
  /** The MTU is what path MTU discovery found out, and holds for a while. */
  readonly isMtuDiscovered: boolean;
  /** The address is one of this host. */
  readonly isLocal: boolean;
}

/**
 * Several routes of equal weight: the kernel answers one of them. Null: there is no way to this address. `by`: index of
 * the interface, or VRF, that the socket which sends is bound to; null: to none.
 */
export function routeTo(ip: string, from: string | null = null, by: number | null = null): Route | null {
  const header = Buffer.alloc(RTMSG_LEN);
  header[0] = ipFamily(ip) === 4 ? AF_INET : AF_INET6;
  header[RTM_DST_LEN] = ipBytes(ip).length * 8;
  const attributes: Attribute[] = [[RTA_DST, Buffer.from(ipBytes(ip))]];
  if (from !== null) {
    header[RTM_SRC_LEN] = ipBytes(from).length * 8;
    attributes.push([RTA_SRC, Buffer.from(ipBytes(from))]);
  }
  if (by !== null) attributes.push([RTA_OIF, u32(by)]);
  try {
    return routeIn(ask(`find the route to ${ip}`, RTM_GETROUTE, 0, header, attributes));
  } catch (thrown) {
    if (thrown instanceof SystemError && NO_ROUTE.includes(thrown.errno)) return null;
    throw thrown;
  }
}

/** What routes of the types unreachable, prohibit and blackhole say, having none, and an interface that is gone. */
const NO_ROUTE = [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ENODEV];

function routeIn(answer: Buffer): Route {
  const attributes = answer.subarray(RTMSG_LEN);
  const metrics = attribute(attributes, RTA_METRICS);
  const gateway = attribute(attributes, RTA_GATEWAY) ?? attribute(attributes, RTA_VIA)?.subarray(2) ?? null;
  const source = attribute(attributes, RTA_PREFSRC);
  const cacheInfo = attribute(attributes, RTA_CACHEINFO);
  const isCloned = (answer.readUInt32LE(RTM_FLAGS) & RTM_F_CLONED) !== 0;
  return {
    ifindex: attribute(attributes, RTA_OIF)?.readUInt32LE() ?? 0,
    gateway: gateway === null ? null : ipFromBytes(gateway),
    source: source === null ? null : ipFromBytes(source),
    mtu: (metrics && attribute(metrics, RTAX_MTU))?.readUInt32LE() ?? null,
    isMtuDiscovered: isCloned && (cacheInfo?.readInt32LE(CACHEINFO_EXPIRES) ?? 0) !== 0,
    isLocal: answer[RTM_TYPE] === RTN_LOCAL,
  };
}

/** Index of the interface that is up and has the address, as the main tables have it; null: none has. */
export function interfaceWithAddress(ip: string): number | null {
  const bits = ipBytes(ip).length * 8;
  const header = Buffer.alloc(RTMSG_LEN);
  header[0] = ipFamily(ip) === 4 ? AF_INET : AF_INET6;
  header[RTM_DST_LEN] = bits;
  header.writeUInt32LE(RTM_F_FIB_MATCH, RTM_FLAGS);
  try {
    const answer = ask(`find the address ${ip}`, RTM_GETROUTE, 0, header, [[RTA_DST, Buffer.from(ipBytes(ip))]]);
    // 127.0.0.0/8 is local as well, and nobody's address.
    if (answer[RTM_TYPE] !== RTN_LOCAL || answer[RTM_DST_LEN] !== bits) return null;
    const ifindex = attribute(answer.subarray(RTMSG_LEN), RTA_OIF)?.readUInt32LE() ?? 0;
    return linkAt(ifindex)?.isRunning === true ? ifindex : null;
  } catch (thrown) {
    if (thrown instanceof SystemError && NO_ROUTE.includes(thrown.errno)) return null;
    throw thrown;
  }
}

export interface Link {
  readonly ifindex: number;
  readonly name: string;
  /** It is up and has a carrier. */
  readonly isRunning: boolean;
  readonly isLoopback: boolean;
  /** Frames have Ethernet headers. */
  readonly isEthernet: boolean;
  /** Bytes of IP. */
  readonly mtu: number;
}

/** An interface of the thread's namespace; null: there is none of that index. */
export function linkAt(ifindex: number): Link | null {
  return askLink(`look at interface ${ifindex}`, ifindex, []);
}

/** As {@link linkAt}, by name. An alternative name is none. */
export function linkNamed(name: string): Link | null {
  if (!isInterfaceName(name)) return null;
  const link = askLink(`look at interface ${name}`, 0, [[IFLA_IFNAME, Buffer.from(`${name}\0`)]]);
  return link?.name === name ? link : null;
}

function askLink(what: string, ifindex: number, attributes: readonly Attribute[]): Link | null {
  const header = Buffer.alloc(IFINFO_LEN);
  header.writeInt32LE(ifindex, IFI_INDEX);
  try {
    return linkIn(ask(what, RTM_GETLINK, 0, header, attributes));
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === ENODEV) return null;
    throw thrown;
  }
}

export type NetworkChange =
  | (Link & { readonly kind: 'link'; readonly isGone: boolean })
  | { readonly kind: 'address'; readonly ifindex: number; readonly ip: string; readonly isGone: boolean }
  /** A route or a rule, whichever: every answer of {@link routeTo} may be another now. */
  | { readonly kind: 'route' }
  /** More happened than the kernel has kept: everything is to be looked at anew. */
  | { readonly kind: 'lost' };

/** Groups of the kernel's notifications: bit n - 1 for RTNLGRP n. */
const bits = (...groups: number[]) => groups.reduce((all, group) => all | (1 << (group - 1)), 0);

/** Links, IPv4 and IPv6 addresses, and nothing else. */
export const LINKS_AND_ADDRESSES = bits(1, 5, 9);
/** Beside those IPv4 routes and rules, IPv6 routes and rules. */
const GROUPS = LINKS_AND_ADDRESSES | bits(7, 8, 11, 19);

/** What was read last; nothing of it is kept. */
const BYTES = Buffer.alloc(64 << 10);

/** What happens to links, addresses and routes of one namespace from its opening on. */
export class NetworkWatch {
  readonly #fd: number;

  /** Of the thread's namespace. `groups`: all there are, or {@link LINKS_AND_ADDRESSES}. */
  constructor(groups = GROUPS) {
    this.#fd = openNetlinkWatch('watch the routes', groups);
  }

  /** What has happened since the last call, in its order; it does not wait. */
  changes(): NetworkChange[] {
    const changes: NetworkChange[] = [];
    for (;;) {
      const length = read(this.#fd, BYTES, BYTES.length);
      if (length >= 0) {
        changes.push(...messagesIn(BYTES.subarray(0, length)).flatMap((message) => changeIn(message) ?? []));
        continue;
      }
      const errno = lastErrno();
      if (errno === EAGAIN) return changes;
      if (errno !== ENOBUFS) throw systemError('watch the routes', errno);
      changes.push({ kind: 'lost' });
    }
  }

  close(): void {
    libcClose(this.#fd);
  }
}

/** Null: nothing that matters here. */
export function changeIn({ type, body }: NetlinkMessage): NetworkChange | null {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return linkChangeIn(body, type === RTM_DELLINK);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return addressIn(body, type === RTM_DELADDR);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return { kind: 'route' };
    default:
      return null;
  }
}

function linkIn(body: Buffer): Link | null {
  // A bridge speaks of its ports with a family of its own: what leaves it is not gone.
  if (body.length < IFINFO_LEN || body[0] !== AF_UNSPEC) return null;
  const attributes = body.subarray(IFINFO_LEN);
  const name = attribute(attributes, IFLA_IFNAME);
  const flags = body.readUInt32LE(IFI_FLAGS);
  return {
    ifindex: body.readInt32LE(IFI_INDEX),
    name: name === null ? '' : cString(name, 0, Math.min(name.length, IFNAMSIZ)),
    isRunning: (flags & IFF_UP) !== 0 && (flags & IFF_RUNNING) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    isEthernet: body.readUInt16LE(IFI_TYPE) === ARPHRD_ETHER,
    mtu: attribute(attributes, IFLA_MTU)?.readUInt32LE() ?? 0,
  };
}

function linkChangeIn(body: Buffer, isGone: boolean): NetworkChange | null {
  const link = linkIn(body);
  return link && { kind: 'link', ...link, isRunning: link.isRunning && !isGone, isGone };
}

function addressIn(body: Buffer, isGone: boolean): NetworkChange | null {
  if (body.length < IFADDR_LEN) return null;
  const attributes = body.subarray(IFADDR_LEN);
  // Of a point-to-point interface, IFA_ADDRESS is the other end.
  const address = attribute(attributes, IFA_LOCAL) ?? attribute(attributes, IFA_ADDRESS);
  if (address === null || (address.length !== 4 && address.length !== 16)) return null;
  return { kind: 'address', ifindex: body.readUInt32LE(IFA_INDEX), ip: ipFromBytes(address), isGone };
}
