/** Netlink messages: built, sent, answered, taken apart (netlink(7), rtnetlink(7)). */
import { check, EAGAIN, systemError } from './errno.js';
import { bind, close, read, SOCK_CLOEXEC, SOCK_NONBLOCK, setsockopt, socket, write } from './libc.js';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
export const NETLINK_XFRM = 6;
const SOL_NETLINK = 270;
const NETLINK_GET_STRICT_CHK = 12;

//  struct nlmsghdr:   0        4      6       8           12        15
//                    | length | type | flags | sequence  | port id   |    then a header by type, then attributes:
//                    | u16 length | u16 type | value, padded to 4 |
// All host byte order.
const NLMSG_TYPE = 4;
const NLMSG_FLAGS = 6;
export const NLMSG_HLEN = 16;
const ATTRIBUTE_HLEN = 4;
/** Of an attribute's type: the bits that say what its value is like. */
const NLA_TYPE_MASK = 0x3fff;

const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
/** Of what makes something new: put it in place of what is there; refuse when something is; make it when nothing is. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** Longer than any description of one interface. */
const ANSWER_MAX = 64 << 10;

export type Attribute = readonly [type: number, value: Buffer];

export interface NetlinkMessage {
  readonly type: number;
  /** The header by type, and attributes. */
  readonly body: Buffer;
}

/** A socket of the thread's namespace, non-blocking and close-on-exec. `family`: of netlink(7). */
export function openNetlink(what: string, family = NETLINK_ROUTE): number {
  return check(what, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family));
}

/** {@link openNetlink} for what the kernel says unasked. `groups`: bit n - 1 for the family's group n. */
export function openNetlinkWatch(what: string, groups: number, family = NETLINK_ROUTE): number {
  const netlink = openNetlink(what, family);
  const address = Buffer.alloc(12); // struct sockaddr_nl { u16 family, u16 pad, u32 port id, u32 groups }
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups >>> 0, 8);
  try {
    check(what, bind(netlink, address, address.length));
  } catch (thrown) {
    close(netlink);
    throw thrown;
  }
  return netlink;
}

/**
 * Sends one message and gives what follows the header of the kernel's answer to it, empty when the kernel has only
 * acknowledged it; an error of the kernel is thrown. `header`: the one that the type wants.
 */
export function ask(
  what: string,
  type: number,
  flags: number,
  header: Buffer,
  attributes: readonly Attribute[],
): Buffer {
  // The kernel answers before write returns. Should it have had no memory to, we must not wait for it.
  const netlink = openNetlink(what);
  try {
    const message = messageOf(type, NLM_F_REQUEST | flags, header, attributes);
    check(what, write(netlink, message, message.length));
    const bytes = Buffer.alloc(ANSWER_MAX);
    const [answer] = messagesIn(bytes.subarray(0, check(what, read(netlink, bytes, bytes.length))));
    if (answer === undefined) throw systemError(what, EAGAIN);
    if (answer.type !== NLMSG_ERROR) return answer.body;
    const errno = -answer.body.readInt32LE(0); // 0 acknowledges
    if (errno !== 0) throw systemError(what, errno);
    return Buffer.alloc(0);
  } finally {
    close(netlink);
  }
}

/**
 * {@link ask} for all there is: what follows the header of each message of the answer. `isStrict`: the kernel, if it is
 * new enough, takes what is in the header as a filter.
 */
export function askAll(
  what: string,
  type: number,
  header: Buffer,
  attributes: readonly Attribute[],
  { family = NETLINK_ROUTE, isStrict = false } = {},
): Buffer[] {
  const netlink = openNetlink(what, family);
  try {
    if (isStrict) setsockopt(netlink, SOL_NETLINK, NETLINK_GET_STRICT_CHK, u32(1), 4);
    const message = messageOf(type, NLM_F_REQUEST | NLM_F_DUMP, header, attributes);
    check(what, write(netlink, message, message.length));
    const bodies: Buffer[] = [];
    for (;;) {
      // The kernel writes the next part while we take this one: each has bytes of its own.
      const bytes = Buffer.alloc(ANSWER_MAX);
      for (const answer of messagesIn(bytes.subarray(0, check(what, read(netlink, bytes, bytes.length))))) {
        if (answer.type === NLMSG_DONE) return bodies;
        if (answer.type === NLMSG_ERROR) throw systemError(what, -answer.body.readInt32LE(0));
        bodies.push(answer.body);
      }
    }
  } finally {
    close(netlink);
  }
}

function messageOf(type: number, flags: number, header: Buffer, attributes: readonly Attribute[]): Buffer {
  const start = Buffer.alloc(NLMSG_HLEN);
  const message = Buffer.concat([start, header, attributesOf(attributes)]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, NLMSG_TYPE);
  message.writeUInt16LE(flags, NLMSG_FLAGS);
  return message;
}

/** Attributes one behind the other; as the value of another one, they are nested in it. */
export function attributesOf(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const bytes = Buffer.alloc((ATTRIBUTE_HLEN + value.length + 3) & ~3);
      bytes.writeUInt16LE(ATTRIBUTE_HLEN + value.length, 0);
      bytes.writeUInt16LE(type, 2);
      bytes.set(value, ATTRIBUTE_HLEN);
      return bytes;
    }),
  );
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** What one read answered, message by message; what does not add up ends it. */
export function messagesIn(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + NLMSG_HLEN <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < NLMSG_HLEN || at + length > bytes.length) break;
    messages.push({ type: bytes.readUInt16LE(at + NLMSG_TYPE), body: bytes.subarray(at + NLMSG_HLEN, at + length) });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** The value of the first attribute of that type; null when there is none, or what is before it does not add up. */
export function attribute(attributes: Buffer, type: number): Buffer | null {
  for (let at = 0; at + ATTRIBUTE_HLEN <= attributes.length; ) {
    const length = attributes.readUInt16LE(at);
    if (length < ATTRIBUTE_HLEN || at + length > attributes.length) return null;
    if ((attributes.readUInt16LE(at + 2) & NLA_TYPE_MASK) === type) {
      return attributes.subarray(at + ATTRIBUTE_HLEN, at + length);
    }
    at += (length + 3) & ~3;
  }
  return null;
}
