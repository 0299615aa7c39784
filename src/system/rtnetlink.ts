/** Interface settings that no ioctl knows, over rtnetlink, in the thread's namespace (rtnetlink(7), if_link.h). */
import { check, EAGAIN, systemError } from './errno.js';
import { close, read, SOCK_CLOEXEC, SOCK_NONBLOCK, socket, write } from './libc.js';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;

//  struct nlmsghdr:   0        4      6       8           12        15
//                    | length | type | flags | sequence  | port id   |    then, for links, struct ifinfomsg:
//                    16       18     20       24      28            31
//                    | family | type | ifindex | flags | change mask |    then attributes:
//                    | u16 length | u16 type | value, padded to 4 |
// All host byte order.
const NLMSG_TYPE = 4;
const NLMSG_FLAGS = 6;
const NLMSG_HLEN = 16;
const IFI_INDEX = NLMSG_HLEN + 4;
const IFINFO_LEN = 16;
const ATTRIBUTE_HLEN = 4;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;

const IFLA_LINKINFO = 18;
const IFLA_INFO_DATA = 2;
const IFLA_GSO_MAX_SEGS = 40;
// Of the tun driver's IFLA_INFO_DATA; both are there for a multi-queue TAP alone.
const IFLA_TUN_NUM_QUEUES = 8;
const IFLA_TUN_NUM_DISABLED_QUEUES = 9;

/** Longer than any description of one interface. */
const ANSWER_MAX = 64 << 10;

type Attribute = readonly [type: number, value: number];

/** At most so many segments come in one super-frame of the interface. */
export function setGsoMaxSegs(ifindex: number, name: string, count: number): void {
  request(`set gso_max_segs of ${name} to ${count}`, RTM_NEWLINK, NLM_F_ACK, ifindex, [[IFLA_GSO_MAX_SEGS, count]]);
}

/** The interface is gone when this returns, whoever has it open. */
export function deleteLink(ifindex: number, name: string): void {
  request(`delete interface ${name}`, RTM_DELLINK, NLM_F_ACK, ifindex, []);
}

/** Queues that somebody holds of a multi-queue TAP; null for any other interface. */
export function tapQueuesHeld(ifindex: number, name: string): number | null {
  const link = request(`look at interface ${name}`, RTM_GETLINK, 0, ifindex, []);
  const info = attribute(link.subarray(NLMSG_HLEN + IFINFO_LEN), IFLA_LINKINFO);
  const data = info && attribute(info, IFLA_INFO_DATA);
  const queues = data && attribute(data, IFLA_TUN_NUM_QUEUES);
  const disabled = data && attribute(data, IFLA_TUN_NUM_DISABLED_QUEUES);
  return queues && disabled ? queues.readUInt32LE() + disabled.readUInt32LE() : null;
}

/** Sends one message about an interface and gives the kernel's answer to it; an error of the kernel is thrown. */
function request(what: string, type: number, flags: number, ifindex: number, attributes: Attribute[]): Buffer {
  // The kernel answers before write returns. Should it have had no memory to, we must not wait for it.
  const netlink = check(what, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  try {
    const message = linkMessage(type, NLM_F_REQUEST | flags, ifindex, attributes);
    check(what, write(netlink, message, message.length));
    const answer = Buffer.alloc(ANSWER_MAX);
    const length = check(what, read(netlink, answer, answer.length));
    if (length < NLMSG_HLEN) throw systemError(what, EAGAIN);
    if (answer.readUInt16LE(NLMSG_TYPE) === NLMSG_ERROR) {
      const errno = -answer.readInt32LE(NLMSG_HLEN); // 0 acknowledges
      if (errno !== 0) throw systemError(what, errno);
    }
    return answer.subarray(0, length);
  } finally {
    close(netlink);
  }
}

function linkMessage(type: number, flags: number, ifindex: number, attributes: Attribute[]): Buffer {
  const message = Buffer.alloc(NLMSG_HLEN + IFINFO_LEN + attributes.length * (ATTRIBUTE_HLEN + 4));
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, NLMSG_TYPE);
  message.writeUInt16LE(flags, NLMSG_FLAGS);
  message.writeInt32LE(ifindex, IFI_INDEX);
  attributes.forEach(([attributeType, value], index) => {
    const at = NLMSG_HLEN + IFINFO_LEN + index * (ATTRIBUTE_HLEN + 4);
    message.writeUInt16LE(ATTRIBUTE_HLEN + 4, at);
    message.writeUInt16LE(attributeType, at + 2);
    message.writeUInt32LE(value, at + ATTRIBUTE_HLEN);
  });
  return message;
}

/** The value of the first attribute of that type. */
function attribute(attributes: Buffer, type: number): Buffer | null {
  for (let at = 0; at + ATTRIBUTE_HLEN <= attributes.length; ) {
    const length = attributes.readUInt16LE(at);
    if (length < ATTRIBUTE_HLEN) return null;
    if (attributes.readUInt16LE(at + 2) === type) return attributes.subarray(at + ATTRIBUTE_HLEN, at + length);
    at += (length + 3) & ~3;
  }
  return null;
}
