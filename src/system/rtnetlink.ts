/** Interface settings that no ioctl knows, over rtnetlink, in the thread's namespace (rtnetlink(7), if_link.h). */
import { SystemError } from '../errors.js';
import { EAFNOSUPPORT, ENOENT, EOPNOTSUPP } from './errno.js';
import { AF_INET6 } from './libc.js';
import {
  type Attribute,
  ask,
  attribute,
  attributesOf,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  u32,
} from './netlink.js';

//  struct ifinfomsg:  0        2      4         8       12            15
//                    | family | type | ifindex | flags | change mask |
export const IFI_TYPE = 2;
export const IFI_INDEX = 4;
export const IFI_FLAGS = 8;
export const IFINFO_LEN = 16;

//  struct tcmsg:      0        1          4         8        12       16     19
//                    | family | padding  | ifindex | handle | parent | info |
const TC_IFINDEX = 4;
const TC_PARENT = 12;
const TCMSG_LEN = 20;

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
const RTM_NEWQDISC = 36;

export const IFLA_LINKINFO = 18;
export const IFLA_INFO_DATA = 2;
const IFLA_AF_SPEC = 26;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const IFLA_GSO_MAX_SEGS = 40;
// Of the tun driver's IFLA_INFO_DATA; both are there for a multi-queue TAP alone.
export const IFLA_TUN_NUM_QUEUES = 8;
export const IFLA_TUN_NUM_DISABLED_QUEUES = 9;
const TC_H_ROOT = 0xffff_ffff;
const TCA_KIND = 1;

/** At most so many segments come in one super-frame of the interface. */
export function setGsoMaxSegs(ifindex: number, name: string, count: number): void {
  request(`set gso_max_segs of ${name} to ${count}`, RTM_NEWLINK, NLM_F_ACK, ifindex, [
    [IFLA_GSO_MAX_SEGS, u32(count)],
  ]);
}

/** The kernel gives the interface no IPv6 address of its own making, and so sends nothing there. Before it is up. */
export function setNoAutoconf(ifindex: number, name: string): void {
  const mode = attributesOf([[IFLA_INET6_ADDR_GEN_MODE, Buffer.from([IN6_ADDR_GEN_MODE_NONE])]]);
  const families = attributesOf([[AF_INET6, mode]]);
  try {
    request(`turn off IPv6 autoconfiguration of ${name}`, RTM_NEWLINK, NLM_F_ACK, ifindex, [[IFLA_AF_SPEC, families]]);
  } catch (thrown) {
    // There is no IPv6 to turn off.
    if (!(thrown instanceof SystemError && thrown.errno === EAFNOSUPPORT)) throw thrown;
  }
}

/**
 * Frames go to the driver without a queueing discipline before it. Before the interface is up: that is when the kernel
 * makes a multi-queue TAP 256 default ones, for 6.5 MB and most of the time that making a VNIC takes, though the driver
 * never stops a queue, so they never hold a frame. What users set by tc(8) later replaces it.
 */
export function setNoQueue(ifindex: number, name: string): void {
  const header = Buffer.alloc(TCMSG_LEN);
  header.writeInt32LE(ifindex, TC_IFINDEX);
  header.writeUInt32LE(TC_H_ROOT, TC_PARENT);
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  try {
    ask(`set qdisc noqueue of ${name}`, RTM_NEWQDISC, flags, header, [[TCA_KIND, Buffer.from('noqueue\0')]]);
  } catch (thrown) {
    // A kernel without traffic control has no queueing disciplines.
    if (!(thrown instanceof SystemError && (thrown.errno === EOPNOTSUPP || thrown.errno === ENOENT))) throw thrown;
  }
}

/** The interface is gone when this returns, whoever has it open. */
export function deleteLink(ifindex: number, name: string): void {
  request(`delete interface ${name}`, RTM_DELLINK, NLM_F_ACK, ifindex, []);
}

/** Queues that somebody holds of a multi-queue TAP; null for any other interface. */
export function tapQueuesHeld(ifindex: number, name: string): number | null {
  const link = request(`look at interface ${name}`, RTM_GETLINK, 0, ifindex, []);
  const info = attribute(link.subarray(IFINFO_LEN), IFLA_LINKINFO);
  const data = info && attribute(info, IFLA_INFO_DATA);
  const queues = data && attribute(data, IFLA_TUN_NUM_QUEUES);
  const disabled = data && attribute(data, IFLA_TUN_NUM_DISABLED_QUEUES);
  return queues && disabled ? queues.readUInt32LE() + disabled.readUInt32LE() : null;
}

function request(what: string, type: number, flags: number, ifindex: number, attributes: Attribute[]): Buffer {
  const header = Buffer.alloc(IFINFO_LEN);
  header.writeInt32LE(ifindex, IFI_INDEX);
  return ask(what, type, flags, header, attributes);
}
