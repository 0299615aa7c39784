/**
 * The underlay's sockets: those of one (listen address, port), shared by all overlays that listen there. Workers have
 * listeners of their own, between which the kernel divides the flows, and sending sockets of their own, bound to a pool
 * of source ports (RFC 7348 section 4.1 recommends a source port by flow, for ECMP).
 */
import { type Endpoint, formatEndpoint, ipFamily } from '../address.js';
import { addressNotLocal, portInUse, sourcePortsTaken } from '../errors.js';
import { EADDRINUSE, EADDRNOTAVAIL, systemError } from './errno.js';
import { udpPortHolder } from './holders.js';
import { close as libcClose } from './libc.js';
import {
  bindTogether,
  knowsSegments,
  newUdpSocket,
  receiveCoalesced,
  receiveHeaders,
  receiveMuch,
  receiveNothing,
  receiveWithoutChecksum6,
  sendWithoutChecksum,
} from './udp-socket.js';

/** The dynamic ports of RFC 6335, which RFC 7348 recommends. */
const SOURCE_PORT_FIRST = 49152;
const SOURCE_PORTS = 65536 - SOURCE_PORT_FIRST;

/**
 * The outer UDP checksum of what is sent. `always`: all datagrams have one. `zero`: none has (RFC 7348 section 5 wants
 * that, but it rules out UDP_SEGMENT here and UDP_GRO at the peer). `auto`: the sender chooses datagram by datagram, if
 * it sends from a pool over IPv4; else as `always`, since over IPv6 zero is for those who agreed on it (RFC 6935).
 */
export type UdpChecksum = 'auto' | 'zero' | 'always';

export interface UnderlayOptions {
  readonly listen: Endpoint;
  /** Listeners, and sets of sending sockets. */
  readonly workers: number;
  /** Source ports, 1 to 64; 1: datagrams leave by the listening socket. */
  readonly sources: number;
  readonly checksum: UdpChecksum;
  /** IPv6 datagrams with checksum 0 are received (over IPv4 they always are). */
  readonly acceptZeroChecksum6: boolean;
}

/** Two sockets on one port; -1: the checksum policy has no such datagrams. UDP_SEGMENT works with checksums alone. */
export interface Source {
  readonly withChecksum: number;
  readonly withoutChecksum: number;
}

/** All sockets are non-blocking and close-on-exec, and are valid until {@link close}. */
export interface Underlay {
  /** One a worker, on one port. */
  readonly listeners: readonly number[];
  /** [worker][port]; the ports are the same for every worker. */
  readonly sources: readonly (readonly Source[])[];
  /** The ports of {@link sources}, in their order. */
  readonly ports: readonly number[];
  /** The sources with checksums take UDP_SEGMENT control messages. */
  readonly gso: boolean;
  /** From now on datagrams come coalesced, their size in a UDP_GRO control message, or not. False: no such kernel. */
  setGro(on: boolean): boolean;
  /** Closing twice is harmless. */
  close(): void;
}

/** Opens all of it or nothing. */
export function openUnderlay(options: UnderlayOptions): Underlay {
  const opened: number[] = [];
  const closeAll = () => {
    for (const fd of opened.splice(0)) libcClose(fd);
  };
  try {
    const listeners = Array.from({ length: options.workers }, () => newSocket(opened, options));
    for (const fd of listeners) prepareListener(fd, options);
    const answer = bindTogether(listeners, options.listen);
    if (answer < 0) throw cannotListen(options.listen, -answer);
    const { sources, ports } =
      options.sources === 1
        ? { sources: listenersAsSources(listeners, options), ports: [options.listen.port] }
        : openSources(opened, options);
    const gso = options.checksum !== 'zero' && knowsSegments(listeners[0]!);
    const setGro = (on: boolean) => listeners.every((fd) => receiveCoalesced(fd, on));
    return { listeners, sources, ports, gso, setGro, close: closeAll };
  } catch (thrown) {
    closeAll();
    throw thrown;
  }
}

function newSocket(opened: number[], { listen }: UnderlayOptions): number {
  const fd = newUdpSocket(listen);
  opened.push(fd);
  return fd;
}

function prepareListener(fd: number, { listen, acceptZeroChecksum6 }: UnderlayOptions): void {
  receiveMuch(fd);
  receiveHeaders(fd, ipFamily(listen.ip));
  if (acceptZeroChecksum6 && ipFamily(listen.ip) === 6) receiveWithoutChecksum6(fd);
}

function cannotListen(listen: Endpoint, errno: number): Error {
  if (errno === EADDRINUSE) return portInUse(formatEndpoint(listen), udpPortHolder(listen.ip, listen.port));
  if (errno === EADDRNOTAVAIL) return addressNotLocal(listen.ip, listen.port);
  return systemError(`listen on ${formatEndpoint(listen)}/udp`, errno);
}

function listenersAsSources(listeners: readonly number[], { listen, checksum }: UnderlayOptions): Source[][] {
  if (checksum !== 'zero') return listeners.map((fd) => [{ withChecksum: fd, withoutChecksum: -1 }]);
  for (const fd of listeners) sendWithoutChecksum(fd, ipFamily(listen.ip));
  return listeners.map((fd) => [{ withChecksum: -1, withoutChecksum: fd }]);
}

function openSources(opened: number[], options: UnderlayOptions): Pick<Underlay, 'sources' | 'ports'> {
  const byWorker: Source[][] = Array.from({ length: options.workers }, () => []);
  const ports: number[] = [];
  let tried = 0;
  for (let index = 0; index < options.sources; index++) {
    const port = byWorker.map(() => openSource(opened, options));
    const fds = port.flatMap(({ withChecksum, withoutChecksum }) => [withChecksum, withoutChecksum]);
    tried = bindNextPort(
      fds.filter((fd) => fd >= 0),
      options,
      tried,
      index,
    );
    ports.push(sourcePort(options.listen, tried - 1));
    for (const [worker, sources] of byWorker.entries()) sources.push(port[worker]!);
  }
  return { sources: byWorker, ports };
}

function openSource(opened: number[], options: UnderlayOptions): Source {
  const { listen, checksum } = options;
  const isIpv4 = ipFamily(listen.ip) === 4;
  const withChecksum = checksum === 'zero' ? -1 : newSocket(opened, options);
  const withoutChecksum = checksum === 'zero' || (checksum === 'auto' && isIpv4) ? newSocket(opened, options) : -1;
  if (withChecksum >= 0) receiveNothing(withChecksum);
  if (withoutChecksum >= 0) {
    receiveNothing(withoutChecksum);
    sendWithoutChecksum(withoutChecksum, ipFamily(listen.ip));
  }
  return { withChecksum, withoutChecksum };
}

/** Binds the sockets to the next port of the pool that nobody has; answers how many were tried by now. */
function bindNextPort(
  fds: readonly number[],
  { listen, sources }: UnderlayOptions,
  tried: number,
  had: number,
): number {
  for (let count = tried; count < SOURCE_PORTS; count++) {
    const port = sourcePort(listen, count);
    const answer = bindTogether(fds, { ip: listen.ip, port });
    if (answer === 0) return count + 1;
    if (answer !== -EADDRINUSE) throw cannotListen({ ip: listen.ip, port }, -answer);
  }
  throw sourcePortsTaken(listen.ip, had, sources);
}

/** The port of the pool that is tried after so many others. */
function sourcePort(listen: Endpoint, tried: number): number {
  return SOURCE_PORT_FIRST + ((firstSourcePort(listen) + tried) % SOURCE_PORTS);
}

/** Where in the pool the search begins: somewhere else for each listen address, but always there (FNV-1a). */
function firstSourcePort(listen: Endpoint): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(formatEndpoint(listen))) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % SOURCE_PORTS;
}
