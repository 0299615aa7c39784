/** The tun driver, by descriptor: attaching queues, virtio-net headers, offloads, persistence (linux/if_tun.h). */
import { check, EINVAL, systemError } from './errno.js';
import { cString, IFNAMSIZ, IFR_DATA, ifreq } from './interface.js';
import { ioctl, ioctlValue, lastErrno, O_CLOEXEC, O_NONBLOCK, O_RDWR, open } from './libc.js';

export const TUN_DEVICE = '/dev/net/tun';

const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOFFLOAD = 0x400454d0;
const TUNGETIFF = 0x800454d2;
const TUNSETSNDBUF = 0x400454d4;
const TUNSETVNETHDRSZ = 0x400454d8;
// Since Linux 5.8. SIOCGSKNS would answer where the descriptor was opened, not where the TAP is now.
const TUNGETDEVNETNS = 0x54e3;

const IFF_TAP = 0x0002;
/** Several descriptors, each a queue of its own. An interface is made so, or not, for good. */
export const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
/** A virtio_net_hdr precedes every frame. */
export const IFF_VNET_HDR = 0x4000;
/** Create, never attach. */
export const IFF_TUN_EXCL = 0x8000;

const TUN_F_CSUM = 0x01;
const TUN_F_TSO = 0x02 | 0x04 | 0x08; // TSO4, TSO6, and either with ECN
const TUN_F_USO = 0x20 | 0x40; // USO4, USO6: since Linux 6.2
const TUN_F_UDP_TUNNEL = 0x80 | 0x100; // any of these inside a UDP tunnel, with an outer checksum too: since Linux 6.17

/** Bytes of `struct virtio_net_hdr` without the buffer count (linux/virtio_net.h). */
const VNET_HEADER_SIZE = 10;
/** Bytes of `struct virtio_net_hdr_v1_hash_tunnel`. */
const TUNNEL_VNET_HEADER_SIZE = 24;

/** `auto`: as much as the kernel offers. */
export type Offload = 'auto' | 'off';

/** What an interface may leave undone in the frames it gives us. */
export interface Offloads {
  /** TCP and UDP checksums are partial (VIRTIO_NET_HDR_F_NEEDS_CSUM). */
  readonly checksum: boolean;
  /** TCP super-frames of up to 64 KiB. */
  readonly tso: boolean;
  /** UDP super-frames. */
  readonly uso: boolean;
}

/** From the most to nothing; what the kernel does not know it refuses with EINVAL. */
const OFFERS: readonly (readonly [flags: number, Offloads])[] = [
  [TUN_F_CSUM | TUN_F_TSO | TUN_F_USO, { checksum: true, tso: true, uso: true }],
  [TUN_F_CSUM | TUN_F_TSO, { checksum: true, tso: true, uso: false }],
  [TUN_F_CSUM, { checksum: true, tso: false, uso: false }],
  [0, { checksum: false, tso: false, uso: false }],
];

/** A new descriptor of the tun device, attached to nothing; -errno. */
export function openTun(): number {
  const fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  return fd >= 0 ? fd : -lastErrno();
}

/** Attaches it to the TAP of this name, whole Ethernet frames, as the `IFF_` flags say besides: 0 or -errno. */
export function attachTun(fd: number, name: string, flags: number): number {
  const request = ifreq(name);
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI | flags, IFR_DATA);
  return ioctl(fd, TUNSETIFF, request) >= 0 ? 0 : -lastErrno();
}

/** Of the interface, so of all its queues: an earlier holder may have had longer headers. */
export function setVnetHeaderSize(fd: number, name: string): void {
  setHeaderSize(fd, name, VNET_HEADER_SIZE);
}

function setHeaderSize(fd: number, name: string, bytes: number): void {
  const size = Buffer.alloc(4);
  size.writeInt32LE(bytes);
  check(`set length of the virtio-net header of ${name}`, ioctl(fd, TUNSETVNETHDRSZ, size));
}

/**
 * Of the interface: frames come and go with headers of 24 bytes, and super-frames inside UDP tunnels with them. False:
 * this kernel knows no such offload.
 */
export function setTunnelOffloads(fd: number, name: string): boolean {
  setHeaderSize(fd, name, TUNNEL_VNET_HEADER_SIZE);
  if (ioctlValue(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO | TUN_F_USO | TUN_F_UDP_TUNNEL) >= 0) return true;
  const errno = lastErrno();
  if (errno !== EINVAL) throw systemError(`set offloads of ${name}`, errno);
  return false;
}

/**
 * Of the interface: so many bytes of what one queue was given, the kernel's bookkeeping included, may be under way, and
 * a write beyond answers EAGAIN. The kernel's own limit is 2 GiB.
 */
export function setSendBuffer(fd: number, name: string, bytes: number): void {
  const size = Buffer.alloc(4);
  size.writeInt32LE(bytes);
  check(`set send buffer of ${name}`, ioctl(fd, TUNSETSNDBUF, size));
}

/** Of the interface: sets the most that the kernel takes and answers what that is. */
export function setOffloads(fd: number, name: string, offload: Offload): Offloads {
  for (const [flags, offloads] of offload === 'auto' ? OFFERS : OFFERS.slice(-1)) {
    if (ioctlValue(fd, TUNSETOFFLOAD, flags) >= 0) return offloads;
    const errno = lastErrno();
    if (errno !== EINVAL || flags === 0) throw systemError(`set offloads of ${name}`, errno);
  }
  throw new Error('unreachable: the last offer returned or threw');
}

/** Whether the interface outlives its descriptors: 0 or -errno. */
export function setPersistent(fd: number, isPersistent: boolean): number {
  return ioctlValue(fd, TUNSETPERSIST, isPersistent ? 1 : 0) >= 0 ? 0 : -lastErrno();
}

/** The present name of the interface; `name` is the one for errors. */
export function nameOfTun(fd: number, name: string): string {
  const request = ifreq('');
  check(`find interface of TAP ${name}`, ioctl(fd, TUNGETIFF, request));
  return cString(request, 0, IFNAMSIZ);
}

/** A new descriptor of the namespace the interface is in now; -errno, -EBADFD when the interface is gone. */
export function netnsOfTun(fd: number): number {
  const answer = ioctlValue(fd, TUNGETDEVNETNS, 0);
  return answer >= 0 ? answer : -lastErrno();
}
