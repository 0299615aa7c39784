/**
 * Hears what routers say of datagrams that were too long for them: ICMP "fragmentation needed", ICMPv6 "packet too
 * big". The kernel takes note by itself, if the datagram that is quoted is one of a socket here, but tells nobody. So
 * this says only of which destination it is to be asked; a forged message has no other effect than that.
 *
 * The error queues of the sockets that send would say the same, but IP_RECVERR also makes every ICMP error about one
 * peer the answer to a later send to another one.
 */
import { ipFromBytes } from '../address.js';
import { SystemError } from '../errors.js';
import { check, EAFNOSUPPORT, EPERM } from './errno.js';
import {
  AF_INET,
  AF_INET6,
  close as libcClose,
  read,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  setsockopt,
  socket,
} from './libc.js';

const SOCK_RAW = 3;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;
const ICMP_FILTER = 1; // u32: a bit for every type that does not come
const ICMPV6_FILTER = 1; // u32[8]: as above
const TYPE_UNREACHABLE = 3;
const CODE_FRAGMENTATION_NEEDED = 4;
const TYPE_PACKET_TOO_BIG = 2;

/** Of an ICMP message of either kind, before the packet that it quotes. */
const ICMP_HLEN = 8;
const IPV4_DESTINATION = 16;
const IPV6_DESTINATION = 24;
/** UDP and GRE. */
const PROTOCOLS = [17, 47];

/** More than the headers that are looked at. */
const READ_MAX = 256;
/** Messages that are read at once; the rest waits. */
const MESSAGES_MAX = 256;

export class TooBigWatch {
  readonly #bytes = Buffer.alloc(READ_MAX);
  readonly #ipv4: number;
  /** -1: there is no IPv6. */
  readonly #ipv6: number;

  /** Of the thread's namespace. Null without CAP_NET_RAW. */
  static open(): TooBigWatch | null {
    try {
      return new TooBigWatch();
    } catch (thrown) {
      if (thrown instanceof SystemError && thrown.errno === EPERM) return null;
      throw thrown;
    }
  }

  private constructor() {
    this.#ipv4 = rawSocket(AF_INET, IPPROTO_ICMP, SOL_RAW, ICMP_FILTER, allBut(1, TYPE_UNREACHABLE));
    try {
      this.#ipv6 = rawSocket(AF_INET6, IPPROTO_ICMPV6, IPPROTO_ICMPV6, ICMPV6_FILTER, allBut(8, TYPE_PACKET_TOO_BIG));
    } catch (thrown) {
      if (!(thrown instanceof SystemError && thrown.errno === EAFNOSUPPORT)) {
        libcClose(this.#ipv4);
        throw thrown;
      }
      this.#ipv6 = -1;
    }
  }

  /** Destinations of datagrams of a tunnel that a router did not forward, since the last call; it does not wait. */
  destinations(): Set<string> {
    const found = new Set<string>();
    for (const message of this.#messages(this.#ipv4)) add(found, destinationIn4(message));
    if (this.#ipv6 >= 0) for (const message of this.#messages(this.#ipv6)) add(found, destinationIn6(message));
    return found;
  }

  close(): void {
    libcClose(this.#ipv4);
    if (this.#ipv6 >= 0) libcClose(this.#ipv6);
  }

  *#messages(fd: number): Iterable<Buffer> {
    for (let count = 0; count < MESSAGES_MAX; count++) {
      const length = read(fd, this.#bytes, READ_MAX);
      if (length < 0) return;
      yield this.#bytes.subarray(0, length);
    }
  }
}

function add(found: Set<string>, ip: string | null): void {
  if (ip !== null) found.add(ip);
}

function rawSocket(family: number, protocol: number, level: number, option: number, filter: Buffer): number {
  const what = 'hear of path MTUs';
  const fd = check(what, socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  try {
    check(what, setsockopt(fd, level, option, filter, filter.length));
    return fd;
  } catch (thrown) {
    libcClose(fd);
    throw thrown;
  }
}

/** A filter of so many words that keeps one type. */
function allBut(words: number, type: number): Buffer {
  const filter = Buffer.alloc(words * 4, 0xff);
  filter.writeUInt32LE(~(1 << type) >>> 0, 0);
  return filter;
}

/** A raw socket of IPv4 gives the IP header, too. */
function destinationIn4(packet: Buffer): string | null {
  const message = packet.subarray(((packet[0] ?? 0) & 0x0f) * 4);
  const quoted = message.subarray(ICMP_HLEN);
  if (message[1] !== CODE_FRAGMENTATION_NEEDED || !PROTOCOLS.includes(quoted[9]!)) return null;
  const destination = quoted.subarray(IPV4_DESTINATION, IPV4_DESTINATION + 4);
  return destination.length < 4 ? null : ipFromBytes(destination);
}

function destinationIn6(message: Buffer): string | null {
  const quoted = message.subarray(ICMP_HLEN);
  const destination = quoted.subarray(IPV6_DESTINATION, IPV6_DESTINATION + 16);
  return !PROTOCOLS.includes(quoted[6]!) || destination.length < 16 ? null : ipFromBytes(destination);
}
