/** The underlay socket: one per (listen address, port), shared by all overlays that listen there. */
import { type Endpoint, formatEndpoint, ipFamily } from '../address.js';
import { addressNotLocal, portInUse } from '../errors.js';
import { check, EADDRINUSE, EADDRNOTAVAIL, systemError } from './errno.js';
import { udpPortHolder } from './holders.js';
import {
  AF_INET,
  AF_INET6,
  bind,
  lastErrno,
  close as libcClose,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  setsockopt,
  socket,
} from './libc.js';
import { sockaddrOf } from './sockaddr.js';

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const PMTUDISC_DO = 2;

/** Room for a burst while a worker is busy elsewhere; the kernel doubles the number for its own bookkeeping. */
const BUFFER_BYTES = 8 << 20;

export interface UdpSocket {
  readonly fd: number;
  /** Closing twice is harmless. */
  close(): void;
}

/**
 * A bound UDP socket: non-blocking, close-on-exec, IPv6 sockets for IPv6 alone. VXLAN packets must not be fragmented
 * (RFC 7348 section 4.3), so DF is set: what exceeds the path MTU answers EMSGSIZE. UDP checksums are the kernel's
 * default (on).
 */
export function openUdp(endpoint: Endpoint): UdpSocket {
  const isIpv4 = ipFamily(endpoint.ip) === 4;
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check(`socket for ${formatEndpoint(endpoint)}/udp`, socket(isIpv4 ? AF_INET : AF_INET6, type, 0));
  try {
    if (isIpv4) {
      setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO);
    } else {
      setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO);
    }
    setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    bindTo(fd, endpoint);
  } catch (thrown) {
    libcClose(fd);
    throw thrown;
  }
  return closeOnce(fd);
}

function closeOnce(fd: number): UdpSocket {
  let isOpen = true;
  return {
    fd,
    close() {
      if (isOpen) libcClose(fd);
      isOpen = false;
    },
  };
}

function bindTo(fd: number, endpoint: Endpoint): void {
  const address = sockaddrOf(endpoint);
  if (bind(fd, address, address.length) >= 0) return;
  const errno = lastErrno();
  if (errno === EADDRINUSE) throw portInUse(formatEndpoint(endpoint), udpPortHolder(endpoint.ip, endpoint.port));
  if (errno === EADDRNOTAVAIL) throw addressNotLocal(endpoint.ip, endpoint.port);
  throw systemError(`listen on ${formatEndpoint(endpoint)}/udp`, errno);
}

// The forced size needs CAP_NET_ADMIN; without it the kernel's rmem_max and wmem_max cut what we ask for.
function setBuffer(fd: number, forced: number, modest: number): void {
  if (setsockopt(fd, SOL_SOCKET, forced, int(BUFFER_BYTES), 4) < 0) setOption(fd, SOL_SOCKET, modest, BUFFER_BYTES);
}

function setOption(fd: number, level: number, option: number, value: number): void {
  check(`setsockopt ${level}/${option}`, setsockopt(fd, level, option, int(value), 4));
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
