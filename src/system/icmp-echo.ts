/**
 * Echo requests of ICMP (RFC 792) and ICMPv6 (RFC 4443), by a ping socket where net.ipv4.ping_group_range lets this
 * process have one, else by a raw one, which needs CAP_NET_RAW.
 */
import { ipFamily } from '../address.js';
import { SystemError } from '../errors.js';
import { check, EACCES, EAFNOSUPPORT, EPERM, EPROTONOSUPPORT } from './errno.js';
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  read,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  sendto,
  socket,
} from './libc.js';
import { sockaddrOf } from './sockaddr.js';
import { bindToDevice } from './udp-socket.js';

const SOCK_RAW = 3;
const PROTOCOL = { 4: 1, 6: 58 } as const;
const REQUEST = { 4: 8, 6: 128 } as const;
const REPLY = { 4: 0, 6: 129 } as const;
const ECHO_HLEN = 8;
const CHECKSUM = 2;
const IDENTIFIER = 4;
const SEQUENCE = 6;
const READ_MAX = 2048;
const MESSAGES_MAX = 64;

export class IcmpEcho {
  readonly #fd: number;
  readonly #family: 4 | 6;
  readonly #isRaw: boolean;
  readonly #to: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #bytes = Buffer.alloc(READ_MAX);

  /**
   * To `ip`, from `from` (null: the kernel chooses) by `device`, if there is one. `nonce`: random bytes that the answer
   * is known by, 8 of them. Null: this process may not, or there is no such family. Throws a SystemError when the
   * address or the device is not here.
   */
  static open(ip: string, from: string | null, device: string | undefined, nonce: Uint8Array): IcmpEcho | null {
    const family = ipFamily(ip);
    for (const type of [SOCK_DGRAM, SOCK_RAW]) {
      try {
        const flags = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
        const fd = check('open an ICMP socket', socket(family === 4 ? AF_INET : AF_INET6, flags, PROTOCOL[family]));
        return IcmpEcho.#bound(new IcmpEcho(fd, ip, type === SOCK_RAW, nonce), from, device);
      } catch (thrown) {
        const refusals = [EACCES, EPERM, EAFNOSUPPORT, EPROTONOSUPPORT];
        if (!(thrown instanceof SystemError && refusals.includes(thrown.errno))) throw thrown;
      }
    }
    return null;
  }

  static #bound(echo: IcmpEcho, from: string | null, device: string | undefined): IcmpEcho {
    try {
      if (device !== undefined) bindToDevice(echo.#fd, device);
      const own = from === null ? null : sockaddrOf({ ip: from, port: 0 });
      if (own !== null) check(`send ICMP from ${from}`, bind(echo.#fd, own, own.length));
      return echo;
    } catch (thrown) {
      echo.close();
      throw thrown;
    }
  }

  private constructor(fd: number, ip: string, isRaw: boolean, nonce: Uint8Array) {
    this.#fd = fd;
    this.#family = ipFamily(ip);
    this.#isRaw = isRaw;
    this.#to = sockaddrOf({ ip, port: 0 });
    this.#nonce = nonce;
  }

  /** Throws a SystemError when there is no way to it. The checksum of IPv6, and of a ping socket, is the kernel's. */
  send(sequence: number): void {
    const message = Buffer.alloc(ECHO_HLEN + this.#nonce.length);
    message[0] = REQUEST[this.#family];
    message.set(this.#nonce.subarray(0, 2), IDENTIFIER);
    message.writeUInt16BE(sequence, SEQUENCE);
    message.set(this.#nonce, ECHO_HLEN);
    message.writeUInt16BE(checksum(message), CHECKSUM);
    check('send an ICMP echo request', sendto(this.#fd, message, message.length, 0, this.#to, this.#to.length));
  }

  /** Whether the answer to `sequence` has come; it does not wait. */
  isAnswered(sequence: number): boolean {
    for (let count = 0; count < MESSAGES_MAX; count++) {
      const length = read(this.#fd, this.#bytes, READ_MAX);
      if (length < 0) return false;
      if (this.#answers(this.#bytes.subarray(0, length), sequence)) return true;
    }
    return false;
  }

  /** A raw socket of IPv4 gives the IP header, too. */
  #answers(packet: Buffer, sequence: number): boolean {
    const start = this.#isRaw && this.#family === 4 ? (packet[0]! & 0x0f) * 4 : 0;
    const message = packet.subarray(start);
    if (message.length < ECHO_HLEN + this.#nonce.length || message[0] !== REPLY[this.#family]) return false;
    const nonce = message.subarray(ECHO_HLEN, ECHO_HLEN + this.#nonce.length);
    return message.readUInt16BE(SEQUENCE) === sequence && Buffer.compare(nonce, this.#nonce) === 0;
  }

  close(): void {
    close(this.#fd);
  }
}

/** RFC 1071; of a message whose checksum is 0, an even number of bytes. */
function checksum(message: Buffer): number {
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) sum += message.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
