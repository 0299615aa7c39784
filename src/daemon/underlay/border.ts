/**
 * The border to the underlay. Sockets are always there; an underlay TAP beside them, where this kernel has such a
 * thing, carries super-frames whole. Here it is told where endpoints are: which interface leads to each, from which
 * address, how long a datagram may be; and it follows what becomes of interfaces, addresses and routes.
 *
 * What it cannot do it leaves to the sockets: endpoints that are not routed by an Ethernet interface, or by one that
 * serves sockets better; what IPsec has a say in; groups; GRE; endpoints that are new or whose route has just changed.
 */
import { type Endpoint, formatEndpoint, type Listen, NO_PORT } from '../../address.js';
import type { EndpointIndex, Route, SocketIndex, UnderlayTapConfig } from '../../datapath/types.js';
import { ENCAPSULATIONS, type Encap, hasPorts } from '../../encapsulations.js';
import { messageOf, underlayTapRefused } from '../../errors.js';
import { socketWord } from '../../system/early-drop.js';
import { interfaceFeatures, withControlSocket } from '../../system/interface.js';
import { underlayInterface } from '../../system/link.js';
import type { Link, NetworkChange } from '../../system/routes.js';
import { tryUnderlayTap, type UnderlayTap } from '../../system/underlay-tap.js';
import type { DaemonLog } from '../log.js';
import type { EarlyDrop } from './early-drop.js';
import { EndpointPaths, type Path, type PathsDatapath } from './endpoint-paths.js';
import { Ipsec } from './ipsec.js';
import { addressesOf } from './listen-address.js';
import type { Network } from './network.js';

/** `auto`: with an underlay TAP where it is to be had. */
export type BorderKind = 'auto' | 'tap' | 'socket';

/** The part of the datapath that knows of it. */
export interface BorderDatapath extends PathsDatapath {
  readonly workers: number;
  onUnderlayTapGone: () => void;
  setUnderlayTap(config: UnderlayTapConfig): void;
  removeUnderlayTap(): Promise<void>;
  setRoute(endpoint: EndpointIndex, route: Route | null): void;
}

/** Without the first, which most network cards lack, the kernel cuts a super-frame inside a tunnel itself. */
const CUTS_TUNNELS = 'tx-udp_tnl-segmentation';
const CUTS_DATAGRAMS = 'tx-udp-segmentation';

/** What the TAP takes in place of a socket. */
interface Taken {
  readonly endpoint: Endpoint;
  /** As programs know it. */
  readonly socket: number;
}

/** Throws where a TAP was asked for by name and is not to be had. What `earlyDrop` drops does not come by the TAP. */
export function openBorder(
  wanted: BorderKind,
  datapath: BorderDatapath,
  network: Network,
  log: DaemonLog,
  earlyDrop: EarlyDrop | null = null,
): Border {
  const border = new Border(wanted, datapath, network, log, earlyDrop);
  try {
    if (wanted === 'tap') border.start();
    return border;
  } catch (thrown) {
    border.close();
    throw thrown;
  }
}

export class Border {
  /** Why there is no TAP; empty where there is one. */
  reason: string;
  readonly paths: EndpointPaths;
  #tap: UnderlayTap | null = null;
  #ipsec: Ipsec | null = null;
  readonly #wanted: BorderKind;
  readonly #datapath: BorderDatapath;
  readonly #log: DaemonLog;
  readonly #network: Network;
  readonly #earlyDrop: EarlyDrop | null;
  readonly #unlisten: () => void;
  readonly #listeners = new Map<SocketIndex, Endpoint & { readonly encap: Encap }>();
  /** What the TAP takes for the listeners. */
  #taken = new Map<string, Taken>();
  #isTakenStale = false;
  /** Whether the sockets serve an interface better, of those that endpoints are reached by. */
  readonly #forSockets = new Map<number, boolean>();
  readonly #attached = new Set<number>();
  /** Interfaces that took no program, until they change. */
  readonly #refused = new Set<number>();
  /** What the datapath was told last, as text. */
  readonly #told = new Map<EndpointIndex, string>();

  /** See {@link openBorder}. */
  constructor(...[wanted, datapath, network, log, earlyDrop = null]: Parameters<typeof openBorder>) {
    this.#wanted = wanted;
    this.reason = wanted === 'socket' ? 'sockets were asked for' : 'it is not open yet';
    this.#datapath = datapath;
    this.#log = log;
    this.#network = network;
    this.#earlyDrop = earlyDrop;
    this.paths = new EndpointPaths(datapath, network, log, (...path) => this.#tell(...path));
    this.#unlisten = network.listen((change) => {
      this.paths.askAll();
      this.#guarded(() => this.#follow(change));
    });
  }

  /** Opens the TAP, unless it is open or sockets were asked for: until then frames pass by sockets. */
  start(): void {
    if (this.#wanted === 'socket' || this.#tap !== null) return;
    const tried = tryUnderlayTap(this.#datapath.workers, this.#earlyDrop?.tables ?? null);
    if (!tried.ok) {
      const { reason } = tried;
      if (this.#wanted === 'tap') throw underlayTapRefused(reason);
      this.reason = reason;
      this.#log.info('no underlay TAP is to be had: super-frames leave in pieces, by sockets', { reason });
      return;
    }
    this.#tap = tried.tap;
    this.reason = '';
    this.#log.info('super-frames leave and arrive by an underlay TAP, which netfilter rules here do not see', {
      interface: tried.tap.name,
    });
    this.#ipsec = new Ipsec();
    this.#datapath.setUnderlayTap(tried.tap);
    this.#datapath.onUnderlayTapGone = () => this.#lost('its interface was deleted');
    this.#sayIpsec();
    this.paths.askAll();
    this.#guarded(() => this.#takeAll());
  }

  get kind(): 'tap' | 'socket' {
    return this.#tap === null ? 'socket' : 'tap';
  }

  /**
   * Datagrams to it come by the TAP from now on, and super-frames of it leave so. What is for a socket that is bound to
   * a device, or has no port, comes by that socket: the TAP's program knows addresses and ports alone.
   */
  listen(socket: SocketIndex, listen: Listen, encap: Encap = 'vxlan'): void {
    if (listen.device === undefined && hasPorts(encap)) this.#listeners.set(socket, { ...listen, encap });
    this.paths.listen(socket, listen);
    this.#takeAll();
  }

  /** Before the socket is removed. */
  unlisten(socket: SocketIndex): void {
    this.#listeners.delete(socket);
    this.paths.unlisten(socket);
    this.#takeAll();
  }

  /** Time has passed: what has changed is followed. Never throws. */
  tick(nowMs: number): void {
    this.#guarded(() => {
      if (this.#ipsec?.follow() === true) this.#followIpsec();
      if (this.#isTakenStale) this.#takeAll();
    });
    try {
      // An address becomes this host's by a route, which the kernel tells of after the address.
      if (this.paths.tick(nowMs)) this.#guarded(() => this.#takeAll());
    } catch (thrown) {
      this.#log.warn('cannot ask for the routes to endpoints', { reason: messageOf(thrown) });
    }
  }

  /** Datagrams come by the sockets now, or by the TAP of another daemon. What leaves still leaves by this one's. */
  receiveNothing(): void {
    this.#listeners.clear();
    this.#guarded(() => this.#takeAll());
  }

  /** The datapath has ended, or let go of the TAP. */
  close(): void {
    this.#tap?.close();
    this.#tap = null;
    this.#ipsec?.close();
    this.#unlisten();
    this.paths.close();
  }

  #guarded(action: () => void): void {
    if (this.#tap === null) return;
    try {
      action();
    } catch (thrown) {
      this.#lost(messageOf(thrown));
    }
  }

  /** From here on there are sockets alone. */
  #lost(reason: string): void {
    if (this.#tap === null) return;
    this.#log.warn('the underlay TAP is given up: super-frames leave in pieces, by sockets', { reason });
    this.reason = reason;
    const tap = this.#tap;
    this.#tap = null;
    void this.#datapath.removeUnderlayTap().then(() => tap.close());
  }

  #follow(change: NetworkChange): void {
    if (change.kind === 'route') return;
    // What an interface that is down has is no address of this host until it is up.
    this.#isTakenStale = true;
    if (change.kind === 'lost') this.#lookAtLinksAnew();
    if (change.kind === 'link') {
      this.#refused.delete(change.ifindex);
      this.#forSockets.delete(change.ifindex);
      if (change.isGone) this.#detach(change.ifindex);
    }
  }

  /** Nothing that a new policy covers leaves by the TAP any more: all is the sockets' until each route is asked for. */
  #followIpsec(): void {
    this.#sayIpsec();
    this.#isTakenStale = true;
    for (const [index, text] of this.#told) if (text !== '') this.#datapath.setRoute(index, null);
    this.#told.clear();
    this.paths.askAll();
  }

  #sayIpsec(): void {
    const policies = this.#ipsec?.count ?? 0;
    if (policies > 0) this.#log.info('what IPsec policies cover leaves and arrives by sockets', { policies });
  }

  #lookAtLinksAnew(): void {
    this.#refused.clear();
    this.#forSockets.clear();
    for (const ifindex of this.#attached) if (this.#network.link(ifindex) === null) this.#detach(ifindex);
  }

  /** Brings what the TAP takes in line with the listeners and with the addresses that are this host's now. */
  #takeAll(): void {
    if (this.#tap === null) return;
    this.#isTakenStale = false;
    const wanted = new Map<string, Taken>();
    for (const [index, { ip, port, encap }] of this.#listeners) {
      const socket = socketWord(index, ENCAPSULATIONS[encap].hasFlagI);
      for (const each of addressesOf(ip)) {
        if (this.#ipsec?.covers('in', null, each) === true) continue;
        wanted.set(`${formatEndpoint({ ip: each, port })} ${socket}`, { endpoint: { ip: each, port }, socket });
      }
    }
    for (const [key, { endpoint }] of this.#taken) if (!wanted.has(key)) this.#tap.unlisten(endpoint);
    for (const [key, { endpoint, socket }] of wanted) {
      if (!this.#taken.has(key)) this.#tap.listen(endpoint, socket);
      const ifindex = underlayInterface(endpoint.ip);
      if (ifindex !== null) this.#attach(ifindex);
    }
    this.#taken = wanted;
  }

  #tell(index: EndpointIndex, path: Path | null, isNew: boolean): void {
    this.#guarded(() => {
      if (isNew) this.#told.delete(index);
      const route = path && this.#routeBy(path);
      const text = route === null ? '' : `${route.ifindex} ${route.source} ${route.mtu}`;
      if (this.#told.get(index) === text) return;
      this.#told.set(index, text);
      this.#datapath.setRoute(index, route);
    });
  }

  /** Null: it is not for the TAP. */
  #routeBy({ endpoint, link, source, mtu }: Path): Route | null {
    const { ifindex } = link;
    if (endpoint.port === NO_PORT || !link.isEthernet || !this.#attach(ifindex) || this.#isForSockets(link))
      return null;
    if (this.#ipsec?.covers('out', source, endpoint.ip) === true) return null;
    return { ifindex, source, mtu };
  }

  /** It cuts what sockets send with UDP_SEGMENT but nothing inside tunnels: to cut and sum here is less work then. */
  #isForSockets({ ifindex, name }: Link): boolean {
    const known = this.#forSockets.get(ifindex);
    if (known !== undefined) return known;
    const features = withControlSocket((control) => interfaceFeatures(control, name)) ?? new Set();
    const answer = features.has(CUTS_DATAGRAMS) && !features.has(CUTS_TUNNELS);
    this.#forSockets.set(ifindex, answer);
    return answer;
  }

  /** Datagrams may come by it. False: it takes no program. */
  #attach(ifindex: number): boolean {
    if (this.#attached.has(ifindex)) return true;
    if (this.#refused.has(ifindex) || this.#network.link(ifindex)?.isEthernet !== true) return false;
    try {
      this.#tap!.attach(ifindex);
      this.#attached.add(ifindex);
      return true;
    } catch (thrown) {
      this.#refused.add(ifindex);
      this.#log.warn('an interface takes no program for the underlay TAP', { ifindex, reason: messageOf(thrown) });
      return false;
    }
  }

  #detach(ifindex: number): void {
    if (this.#attached.delete(ifindex)) this.#tap!.detach(ifindex);
  }
}
