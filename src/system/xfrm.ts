/**
 * What this host's IPsec says of datagrams, in the thread's namespace: the policies of the kernel's XFRM (RFC 4301
 * section 4.4.1, linux/xfrm.h). Whoever hands frames to an interface goes around them, and has to ask first.
 */
import { ipFromBytes } from '../address.js';
import { SystemError } from '../errors.js';
import { EAGAIN, ENOBUFS, EPERM, EPROTONOSUPPORT, systemError } from './errno.js';
import { AF_INET6, close, lastErrno, read } from './libc.js';
import { askAll, attribute, NETLINK_XFRM, openNetlinkWatch } from './netlink.js';

//  struct xfrm_userpolicy_info:
//     0             16       32      40       42             43        44         45    56             160   161    168
//    | destination | source | ports | family | destination/ | source/ | protocol | ... | lifetimes ... | dir | action |
//    addresses in network byte order, all else in the host's
const SELECTOR_SOURCE = 16;
const SELECTOR_FAMILY = 40;
const SELECTOR_DESTINATION_BITS = 42;
const SELECTOR_SOURCE_BITS = 43;
const SELECTOR_PROTOCOL = 44;
const POLICY_DIRECTION = 160;
const POLICY_ACTION = 161;
const POLICY_LEN = 168;
/** Of struct xfrm_userpolicy_id, which asks for policies. */
const POLICY_ID_LEN = 64;

const XFRM_MSG_GETPOLICY = 0x15;
const XFRMNLGRP_POLICY = 4;
const XFRMA_TMPL = 5;
const XFRM_POLICY_IN = 0;
const XFRM_POLICY_OUT = 1;
const XFRM_POLICY_ALLOW = 0;
const IPPROTO_UDP = 17;

/** An address and how many of its first bits count. */
export interface Prefix {
  readonly ip: string;
  readonly bits: number;
}

/** A policy that encrypts, or forbids, UDP datagrams from one network to another. */
export interface IpsecPolicy {
  readonly direction: 'in' | 'out';
  readonly source: Prefix;
  readonly destination: Prefix;
}

/** Those that have a say in UDP datagrams; what lets them pass as they are is not among them. */
export function ipsecPolicies(): IpsecPolicy[] {
  try {
    const header = Buffer.alloc(POLICY_ID_LEN);
    return askAll('look at IPsec policies', XFRM_MSG_GETPOLICY, header, [], { family: NETLINK_XFRM }).flatMap(
      (body) => policyIn(body) ?? [],
    );
  } catch (thrown) {
    if (isWithoutIpsec(thrown)) return [];
    throw thrown;
  }
}

/** A kernel without IPsec, or a process that may not look at it. */
function isWithoutIpsec(thrown: unknown): boolean {
  return thrown instanceof SystemError && (thrown.errno === EPROTONOSUPPORT || thrown.errno === EPERM);
}

function policyIn(body: Buffer): IpsecPolicy | null {
  if (body.length < POLICY_LEN) return null;
  const direction = DIRECTIONS[body[POLICY_DIRECTION]!];
  const protocol = body[SELECTOR_PROTOCOL];
  if (direction === undefined || (protocol !== 0 && protocol !== IPPROTO_UDP)) return null;
  const isPlain = attribute(body.subarray(POLICY_LEN), XFRMA_TMPL) === null;
  if (body[POLICY_ACTION] === XFRM_POLICY_ALLOW && isPlain) return null;
  const length = body.readUInt16LE(SELECTOR_FAMILY) === AF_INET6 ? 16 : 4;
  const prefix = (at: number, bits: number): Prefix => ({
    ip: ipFromBytes(body.subarray(at, at + length)),
    bits: body[bits]!,
  });
  return {
    direction,
    source: prefix(SELECTOR_SOURCE, SELECTOR_SOURCE_BITS),
    destination: prefix(0, SELECTOR_DESTINATION_BITS),
  };
}

/** Policies of single sockets, as key exchange has them, have other numbers: they say nothing of our datagrams. */
const DIRECTIONS: Readonly<Record<number, 'in' | 'out'>> = { [XFRM_POLICY_IN]: 'in', [XFRM_POLICY_OUT]: 'out' };

/** Hears of changes to the policies of the namespace it was opened in. */
export class IpsecWatch {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Of the thread's namespace; null: a kernel without IPsec, or a process that may not look at it. */
  static open(): IpsecWatch | null {
    try {
      return new IpsecWatch(openNetlinkWatch('watch IPsec policies', 1 << (XFRMNLGRP_POLICY - 1), NETLINK_XFRM));
    } catch (thrown) {
      if (isWithoutIpsec(thrown)) return null;
      throw thrown;
    }
  }

  /** Whether there was one since the last call; it does not wait. */
  takeChange(): boolean {
    let hasChanged = false;
    for (;;) {
      if (read(this.#fd, BYTES, BYTES.length) >= 0) {
        hasChanged = true;
        continue;
      }
      const errno = lastErrno();
      if (errno === EAGAIN) return hasChanged;
      if (errno !== ENOBUFS) throw systemError('watch IPsec policies', errno);
      hasChanged = true; // more than the kernel has kept
    }
  }

  close(): void {
    close(this.#fd);
  }
}

/** What was read last; nothing of it is kept. */
const BYTES = Buffer.alloc(64 << 10);
