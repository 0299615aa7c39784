/**
 * The underlay TAP: a border to the underlay that carries super-frames inside UDP tunnels whole, as a UDP socket
 * cannot. What is written to it leaves by the interface that its frame names, what comes for a listener of ours is read
 * from it, both by tcx programs (`bpf/programs.ts`). The UDP socket stays: it owns the port, and has what the programs
 * leave.
 */
import { release } from 'node:os';
import type { Endpoint } from '../address.js';
import { messageOf, SystemError } from '../errors.js';
import { attachTcxIngress, BpfMap, loadTcxProgram } from './bpf/bpf.js';
import { assemble } from './bpf/instructions.js';
import { fromWire, LISTENER_KEY_SIZE, LISTENER_VALUE_SIZE, listenerKey, toWire } from './bpf/programs.js';
import type { EarlyDropTables } from './early-drop.js';
import { EPERM, systemError } from './errno.js';
import { interfaceIndex, interfaceMac, setInterfaceUp, withControlSocket } from './interface.js';
import { close as libcClose } from './libc.js';
import { setNoAutoconf } from './rtnetlink.js';
import {
  attachTun,
  IFF_MULTI_QUEUE,
  IFF_VNET_HDR,
  nameOfTun,
  openTun,
  setSendBuffer,
  setTunnelOffloads,
  TUN_DEVICE,
} from './tun.js';

/** The kernel puts the first free number there. */
const NAME = 'vxlane-u%d';
/** For tunnel offloads of a TAP; tcx is of 6.6. */
const LEAST_RELEASE = '6.17';
/** What a UDP socket of ours has (`udp-socket.ts`), as the kernel doubles that. */
const SEND_BUFFER_BYTES = 16 << 20;
/** Addresses and ports: every listener of a host that has many addresses. Only what is in use takes memory. */
const LISTENERS_MAX = 65536;

/** All descriptors are close-on-exec; everything ends with {@link close}, and with this process. */
export interface UnderlayTap {
  /** One a queue, non-blocking: a `virtio_net_hdr` of 24 bytes precedes every frame both ways. */
  readonly fds: readonly number[];
  readonly name: string;
  readonly ifindex: number;
  /** The destination MAC of what is written to it. */
  readonly mac: string;
  /**
   * From now on datagrams to this (canonical, unicast) address and port come here, by the interfaces that count, and in
   * place of this socket, which is as programs know it (socketWord).
   */
  listen(endpoint: Endpoint, socket: number): void;
  /** They go to the socket again. */
  unlisten(endpoint: Endpoint): void;
  /** An Ethernet interface by which datagrams may come. One that is gone has taken its program along: detach it too. */
  attach(ifindex: number): void;
  detach(ifindex: number): void;
  /** Closing twice is harmless. */
  close(): void;
}

/** In the thread's namespace. Throws a {@link SystemError}, or {@link TooOld}. What `earlyDrop` drops does not come. */
export function openUnderlayTap(queues: number, earlyDrop: EarlyDropTables | null = null): UnderlayTap {
  const opened: number[] = [];
  const keep = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  const closeAll = () => {
    for (const fd of opened.splice(0)) libcClose(fd);
  };
  try {
    const { fds, name } = openQueues(queues, keep);
    const { ifindex, mac } = withControlSocket((control) => bringUp(control, name));
    keep(attachTcxIngress(keep(loadTcxProgram('vxlane_to_wire', assemble(toWire))), ifindex));
    const listeners = new BpfMap('vxlane_listen', {
      keySize: LISTENER_KEY_SIZE,
      valueSize: LISTENER_VALUE_SIZE,
      entries: LISTENERS_MAX,
    });
    const takes = assemble(fromWire(keep(listeners.fd), earlyDrop));
    const program = keep(loadTcxProgram('vxlane_from_wire', takes));
    return new OpenUnderlayTap({ fds, name, ifindex, mac }, listeners, program, closeAll);
  } catch (thrown) {
    closeAll();
    throw thrown;
  }
}

/** The kernel lacks what an underlay TAP is about. */
class TooOld extends Error {}

function openQueues(queues: number, keep: (fd: number) => number): { fds: number[]; name: string } {
  let name = NAME;
  const fds = Array.from({ length: queues }, () => {
    const fd = openTun();
    if (fd < 0) throw systemError(`open ${TUN_DEVICE}`, -fd);
    keep(fd);
    const answer = attachTun(fd, name, IFF_MULTI_QUEUE | IFF_VNET_HDR);
    if (answer < 0) throw systemError(`create underlay TAP ${name}`, -answer);
    if (name === NAME) name = nameOfTun(fd, name);
    return fd;
  });
  if (!setTunnelOffloads(fds[0]!, name)) throw new TooOld('its TAPs know no UDP tunnels');
  setSendBuffer(fds[0]!, name, SEND_BUFFER_BYTES);
  return { fds, name };
}

function bringUp(control: number, name: string): { ifindex: number; mac: string } {
  const ifindex = interfaceIndex(control, name);
  setNoAutoconf(ifindex, name);
  setInterfaceUp(control, name, true);
  return { ifindex, mac: interfaceMac(control, name) };
}

class OpenUnderlayTap implements UnderlayTap {
  readonly fds: readonly number[];
  readonly name: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly #listeners: BpfMap;
  readonly #program: number;
  readonly #links = new Map<number, number>();
  readonly #closeAll: () => void;

  constructor(
    { fds, name, ifindex, mac }: Pick<UnderlayTap, 'fds' | 'name' | 'ifindex' | 'mac'>,
    listeners: BpfMap,
    program: number,
    closeAll: () => void,
  ) {
    this.fds = fds;
    this.name = name;
    this.ifindex = ifindex;
    this.mac = mac;
    this.#listeners = listeners;
    this.#program = program;
    this.#closeAll = closeAll;
  }

  listen(endpoint: Endpoint, socket: number): void {
    const value = Buffer.alloc(LISTENER_VALUE_SIZE);
    value.writeUInt32LE(this.ifindex, 0);
    value.writeUInt32LE(socket, 4);
    this.#listeners.put(listenerKey(endpoint), value);
  }

  unlisten(endpoint: Endpoint): void {
    this.#listeners.delete(listenerKey(endpoint));
  }

  attach(ifindex: number): void {
    if (!this.#links.has(ifindex)) this.#links.set(ifindex, attachTcxIngress(this.#program, ifindex));
  }

  detach(ifindex: number): void {
    const link = this.#links.get(ifindex);
    if (link === undefined) return;
    this.#links.delete(ifindex);
    libcClose(link);
  }

  close(): void {
    for (const ifindex of [...this.#links.keys()]) this.detach(ifindex);
    this.#closeAll();
  }
}

/** Why there is none is one line for the log. */
export type UnderlayTapTry =
  | { readonly ok: true; readonly tap: UnderlayTap }
  | { readonly ok: false; readonly reason: string };

/** {@link openUnderlayTap}, where not to have one is no error. */
export function tryUnderlayTap(...wanted: Parameters<typeof openUnderlayTap>): UnderlayTapTry {
  try {
    return { ok: true, tap: openUnderlayTap(...wanted) };
  } catch (thrown) {
    return { ok: false, reason: whyNot(thrown) };
  }
}

export type UnderlayTapProbe = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Whether this process may have an underlay TAP in the thread's namespace; `reason` is one line for the log. */
export function probeUnderlayTap(): UnderlayTapProbe {
  const tried = tryUnderlayTap(1);
  if (!tried.ok) return tried;
  tried.tap.close();
  return { ok: true };
}

function whyNot(thrown: unknown): string {
  if (thrown instanceof TooOld) {
    return `Linux ${release()} is too old for an underlay TAP: ${thrown.message}; ${LEAST_RELEASE} or newer is needed`;
  }
  if (thrown instanceof SystemError && thrown.errno === EPERM) {
    return `an underlay TAP wants CAP_NET_ADMIN and CAP_BPF: ${messageOf(thrown)}`;
  }
  return messageOf(thrown);
}
