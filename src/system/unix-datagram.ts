/** Datagrams to a Unix socket of somebody else, by path or abstract name: unix(7). Node has stream sockets alone. */
import { check } from './errno.js';
import {
  AF_UNIX,
  lastErrno,
  close as libcClose,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  sendto,
  socket,
} from './libc.js';

const SUN_PATH = 2;
/** Bytes of `sun_path`, with the terminating zero of a path or the leading one of an abstract name. */
const SUN_PATH_SIZE = 108;

/**
 * The bytes of `struct sockaddr_un` for `/path` or `@abstract`, or null if `name` is neither, or too long. An abstract
 * name ends where the address does, so there is no zero behind it.
 */
export function unixAddressOf(name: string): Uint8Array | null {
  const text = Buffer.from(name);
  if (!/^[/@]./s.test(name) || text.includes(0) || text.length >= SUN_PATH_SIZE) return null;
  const isAbstract = name.startsWith('@');
  if (isAbstract) text[0] = 0;
  const address = Buffer.alloc(SUN_PATH + text.length + (isAbstract ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  text.copy(address, SUN_PATH);
  return address;
}

/** A socket to send from: non-blocking, close-on-exec, without a name. */
export function openUnixDatagram(): number {
  return check('socket for Unix datagrams', socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/** 0, or -errno: -EAGAIN when the receiver has as many datagrams waiting as it may have. */
export function sendUnixDatagram(fd: number, address: Uint8Array, datagram: Uint8Array): number {
  const sent = sendto(fd, datagram, datagram.length, MSG_NOSIGNAL, address, address.length);
  return sent < 0 ? -lastErrno() : 0;
}

export function closeUnixDatagram(fd: number): void {
  libcClose(fd);
}
