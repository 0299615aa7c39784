/** IP addresses of an interface, over rtnetlink, in the thread's namespace (rtnetlink(7), if_addr.h). */
import { ipBytes, ipFamily, ipFromBytes } from '../address.js';
import { ipv6Off, SystemError } from '../errors.js';
import { EACCES, EAFNOSUPPORT, EINVAL, ENOBUFS, EOPNOTSUPP } from './errno.js';
import { AF_INET, AF_INET6 } from './libc.js';
import { type Attribute, ask, askAll, attribute, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL } from './netlink.js';

//  struct ifaddrmsg:  0        1               2       3       4         7
//                    | family | prefix length | flags | scope | ifindex |
const IFA_PREFIXLEN = 1;
export const IFA_INDEX = 4;
export const IFADDR_LEN = 8;

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_DADFAILED = 8;
/** What an interface answers that has no IPv6. */
const NO_IPV6 = [EACCES, EAFNOSUPPORT, EINVAL, ENOBUFS, EOPNOTSUPP];

export interface InterfaceAddress {
  /** Canonical `ADDRESS/LENGTH`. */
  readonly address: string;
  /** Duplicate address detection found another host that has it: the kernel does not use it. */
  readonly isDuplicate: boolean;
  /** As the kernel describes it, to give it back. */
  readonly description: Buffer;
}

export function interfaceAddresses(ifindex: number, name: string): InterfaceAddress[] {
  const header = Buffer.alloc(IFADDR_LEN);
  header.writeUInt32LE(ifindex, IFA_INDEX);
  const bodies = askAll(`list the addresses of ${name}`, RTM_GETADDR, header, [], { isStrict: true });
  // A kernel before 4.20 knows no strict requests, and lists those of all interfaces.
  return bodies.flatMap((body) => (body.readUInt32LE(IFA_INDEX) === ifindex ? (addressIn(body) ?? []) : []));
}

/** `address`: canonical `ADDRESS/LENGTH`. It must not be there. */
export function addInterfaceAddress(ifindex: number, name: string, address: string): void {
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const [header, attributes] = messageFor(ifindex, address);
  const broadcast = broadcastOf(address);
  if (broadcast !== null) attributes.push([IFA_BROADCAST, broadcast]);
  try {
    ask(`add address ${address} to ${name}`, RTM_NEWADDR, flags, header, attributes);
  } catch (thrown) {
    const isOff = header[0] === AF_INET6 && thrown instanceof SystemError && NO_IPV6.includes(thrown.errno);
    throw isOff ? ipv6Off(name, thrown) : thrown;
  }
}

/**
 * That address and no other: with the first of an IPv4 network the kernel removes the others of that network
 * (net.ipv4.conf.NAME.promote_secondaries), which are put back.
 */
export function removeInterfaceAddress(ifindex: number, name: string, address: string): void {
  const before = interfaceAddresses(ifindex, name);
  const [header, attributes] = messageFor(ifindex, address);
  ask(`remove address ${address} of ${name}`, RTM_DELADDR, NLM_F_ACK, header, attributes);
  const left = new Set(interfaceAddresses(ifindex, name).map((each) => each.address));
  for (const { address: other, description } of before) {
    if (other === address || left.has(other)) continue;
    ask(`put address ${other} of ${name} back`, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, description, []);
  }
}

function messageFor(ifindex: number, address: string): [header: Buffer, attributes: Attribute[]] {
  const { ip, length } = partsOf(address);
  const header = Buffer.alloc(IFADDR_LEN);
  header[0] = ipFamily(ip) === 4 ? AF_INET : AF_INET6;
  header[IFA_PREFIXLEN] = length;
  header.writeUInt32LE(ifindex, IFA_INDEX);
  const bytes = Buffer.from(ipBytes(ip));
  const local: Attribute[] = [
    [IFA_LOCAL, bytes],
    [IFA_ADDRESS, bytes],
  ];
  return [header, local];
}

/** Network byte order; null where a network has none. */
function broadcastOf(address: string): Buffer | null {
  const { ip, length } = partsOf(address);
  if (ipFamily(ip) === 6 || length > 30) return null;
  const bytes = Buffer.from(ipBytes(ip));
  bytes.writeUInt32BE((bytes.readUInt32BE() | (0xffff_ffff >>> length)) >>> 0);
  return bytes;
}

function partsOf(address: string): { ip: string; length: number } {
  const slash = address.indexOf('/');
  return { ip: address.slice(0, slash), length: Number(address.slice(slash + 1)) };
}

function addressIn(body: Buffer): InterfaceAddress | null {
  if (body.length < IFADDR_LEN) return null;
  const attributes = body.subarray(IFADDR_LEN);
  const bytes = attribute(attributes, IFA_LOCAL) ?? attribute(attributes, IFA_ADDRESS);
  if (bytes === null || (bytes.length !== 4 && bytes.length !== 16)) return null;
  const flags = attribute(attributes, IFA_FLAGS)?.readUInt32LE() ?? 0;
  return {
    address: `${ipFromBytes(bytes)}/${body[IFA_PREFIXLEN]}`,
    isDuplicate: (flags & IFA_F_DADFAILED) !== 0,
    description: body,
  };
}
