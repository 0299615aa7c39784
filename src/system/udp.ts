/**
 * The underlay's sockets: those of one (listen address, port), shared by all overlays that listen there. Workers have
 * listeners of their own, between which the kernel divides the flows, and sending sockets of their own, bound to a pool
 * of source ports (RFC 7348 section 4.1 recommends a source port by flow, for ECMP). Where there is no port they are
 * raw sockets of GRE, whose listeners also send.
 */
import { type Endpoint, formatEndpoint, formatListen, formatListenIp, ipFamily, type Listen } from '../address.js';
import { addressNotLocal, portInUse, sourcePortsTaken } from '../errors.js';
import { EADDRINUSE, EADDRNOTAVAIL, systemError } from './errno.js';
import { udpPortHolder } from './holders.js';
import { close as libcClose } from './libc.js';
import { attachFilter, receiveAmongFirst, shareOfGre } from './socket-filter.js';
import {
  bindBeside,
  bindToDevice,
  bindTogether,
  knowsSegments,
  newTunnelSocket,
  receiveCoalesced,
  receiveHeaders,
  receiveMuch,
  receiveNothing,
  receiveWithoutChecksum6,
  sendFragmentable,
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
  readonly listen: Listen;
  /** Raw sockets of GRE instead: with one source, and a checksum as far as anybody asks. */
  readonly isGre?: boolean;
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

/** What another process has opened of one (listen address, port), to be taken up instead of opening it. */
export type OpenedUnderlay = Pick<Underlay, 'listeners' | 'sources' | 'ports'>;

/** All sockets are non-blocking and close-on-exec, and are valid until {@link close}. */
export interface Underlay {
  /** One a worker, on one port. */
  readonly listeners: readonly number[];
  /** [worker][port]; the ports are the same for every worker. */
  readonly sources: readonly (readonly Source[])[];
  /**
   * [worker][port]; the same ports, for datagrams that may be fragmented. None before {@link openFragmentable}, which
   * opens them once. It throws, and then leaves none open.
   */
  readonly fragmentable: readonly (readonly Source[])[];
  openFragmentable(): void;
  /** The ports of {@link sources}, in their order. */
  readonly ports: readonly number[];
  /** The sources with checksums take UDP_SEGMENT control messages. */
  readonly gso: boolean;
  /** From now on datagrams come coalesced, their size in a UDP_GRO control message, or not. False: no such kernel. */
  setGro(on: boolean): boolean;
  /** Closing twice is harmless. */
  close(): void;
}

/** Opens all of it or nothing. `taken`: that is had already, by the same options, and closed when this throws. */
export function openUnderlay(options: UnderlayOptions, taken: OpenedUnderlay | null = null): Underlay {
  const opened: number[] = taken === null ? [] : descriptorsOfAll(taken);
  const closeAll = () => {
    for (const fd of opened.splice(0)) libcClose(fd);
  };
  try {
    const bound = taken ?? openBound(opened, options);
    const { listeners } = bound;
    const gso = options.checksum !== 'zero' && knowsSegments(listeners[0]!);
    const setGro = (on: boolean) => listeners.every((fd) => receiveCoalesced(fd, on));
    const fragmentable: Source[][] = [];
    const openFragmentable = () => {
      if (fragmentable.length === 0) fragmentable.push(...openBeside(opened, options, bound));
    };
    return { ...bound, fragmentable, openFragmentable, gso, setGro, close: closeAll };
  } catch (thrown) {
    closeAll();
    throw thrown;
  }
}

function openBound(opened: number[], options: UnderlayOptions): OpenedUnderlay {
  const listeners = Array.from({ length: options.workers }, () => newSocket(opened, options));
  for (const fd of listeners) prepareListener(fd, options);
  const answer = bindTogether(listeners, options.listen);
  if (answer < 0) throw cannotListen(options.listen, -answer);
  if (options.isGre) divide(listeners, ipFamily(options.listen.ip));
  const isListening = options.sources === 1;
  if (!isListening) return { listeners, ...openSources(opened, options) };
  return { listeners, sources: listenersAsSources(listeners, options), ports: [options.listen.port] };
}

/** Each raw socket of an address gets a copy of everything, so each keeps its share alone. */
function divide(listeners: readonly number[], family: 4 | 6): void {
  if (listeners.length === 1) return;
  for (const [index, fd] of listeners.entries()) attachFilter(fd, shareOfGre(index, listeners.length, family));
}

/** Each once: where there is one source port, the listeners are the sources. */
function descriptorsOfAll({ listeners, sources }: OpenedUnderlay): number[] {
  return [...new Set([...listeners, ...sources.flat().flatMap(descriptorsOf)])];
}

function newSocket(opened: number[], { listen, isGre }: UnderlayOptions): number {
  const fd = newTunnelSocket(listen, isGre);
  opened.push(fd);
  if (listen.device !== undefined) bindToDevice(fd, listen.device);
  return fd;
}

function prepareListener(fd: number, { listen, acceptZeroChecksum6 }: UnderlayOptions): void {
  receiveMuch(fd);
  receiveHeaders(fd, ipFamily(listen.ip));
  if (acceptZeroChecksum6 && ipFamily(listen.ip) === 6) receiveWithoutChecksum6(fd);
}

function cannotListen(listen: Listen, errno: number): Error {
  if (errno === EADDRINUSE) return portInUse(formatListen(listen), udpPortHolder(listen.ip, listen.port));
  if (errno === EADDRNOTAVAIL) return addressNotLocal(formatListenIp(listen), listen.port);
  return systemError(`listen on ${formatListen(listen)}`, errno);
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
    tried = bindNextPort(port.flatMap(descriptorsOf), options, tried, index);
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

/**
 * A second set of sources, on the same ports. They make checksums, unless the policy has none: without, nobody would
 * see that fragments of two datagrams were put together (RFC 4963). Where the ports are the listeners', the listeners
 * alone go on receiving; if there is one, some datagrams that come in this very moment may be lost.
 */
function openBeside(
  opened: number[],
  options: UnderlayOptions,
  { listeners, sources, ports }: Pick<Underlay, 'listeners' | 'sources' | 'ports'>,
): Source[][] {
  const { listen, checksum } = options;
  const family = ipFamily(listen.ip);
  const isListening = options.sources === 1 && !options.isGre;
  const policy = checksum === 'auto' ? 'always' : checksum;
  const added: number[] = [];
  try {
    const byWorker = sources.map((own) => own.map(() => openSource(added, { ...options, checksum: policy })));
    for (const fd of added) sendFragmentable(fd, family);
    if (isListening && listeners.length > 1) receiveAmongFirst(listeners[0]!, listeners.length, family);
    for (const [index, port] of ports.entries()) {
      const [bound, fds] = [sources, byWorker].map((all) => all.flatMap((own) => descriptorsOf(own[index]!)));
      bindBeside(bound!, fds!, { ip: listen.ip, port });
    }
    if (isListening && listeners.length === 1) receiveAmongFirst(listeners[0]!, 1, family);
    opened.push(...added);
    return byWorker;
  } catch (thrown) {
    for (const fd of added) libcClose(fd);
    throw thrown;
  }
}

function descriptorsOf({ withChecksum, withoutChecksum }: Source): number[] {
  return [withChecksum, withoutChecksum].filter((fd) => fd >= 0);
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
    if (answer !== -EADDRINUSE) throw cannotListen({ ...listen, port }, -answer);
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
