/**
 * Early drop: floods of strangers end before the sockets' queues and the underlay TAP's, where known VTEPs would lose
 * by them (decision 30). The kernel side drops by tables; here they are kept in step with the datapath's, and what was
 * dropped gets into its books. Whatever fails here only lets more pass: the datapath decides all that comes.
 */
import type { DropReason, IntakeObserver, OverlayConfig, OverlayIndex, SocketIndex } from '../../datapath/types.js';
import { ENCAPSULATIONS, type Encap, hasPorts } from '../../encapsulations.js';
import { messageOf } from '../../errors.js';
import {
  EarlyDropKernel,
  type EarlyDropped,
  type EarlyDropTables,
  NOBODYS_RULES,
  OVERLAY_RULES,
  socketWord,
} from '../../system/early-drop.js';
import { detachFilter } from '../../system/socket-filter.js';
import { receiveQueue } from '../../system/udp-socket.js';
import type { DaemonLog } from '../log.js';

/** The part of the datapath that tells, and counts. */
export interface EarlyDropDatapath {
  readonly workers: number;
  readonly fdbSize: number;
  readonly overlaysMax: number;
  readonly socketsMax: number;
  intake: IntakeObserver | null;
  countEarlyDrops(overlay: OverlayIndex | 0, reason: DropReason, datagrams: number, bytes: number): void;
}

/** As many as the datapath has room for. */
const VTEPS_BESIDE = 64;
/** What had no room is tried again this often. */
const RETRY_MS = 1000;

interface Observed {
  readonly config: OverlayConfig;
  /** Known VTEPs that had no room. */
  readonly lost: Set<string>;
  readonly vteps: Set<string>;
}

interface Listeners {
  readonly fds: readonly number[];
  readonly family: 4 | 6;
  readonly encap: Encap;
  /** What the kernel had dropped of each when its drops began to be counted. */
  before: readonly number[];
}

const NONE = 'no early drop: what strangers send waits in the queues of known VTEPs';

export class EarlyDrop implements IntakeObserver {
  readonly #datapath: EarlyDropDatapath;
  readonly #log: DaemonLog;
  readonly #kernel: EarlyDropKernel;
  readonly #overlays = new Map<OverlayIndex, Observed>();
  readonly #listeners = new Map<SocketIndex, Listeners>();
  /** By overlay and rule, what is in the datapath's books. */
  readonly #booked = new Map<string, EarlyDropped>();
  #bookedInAll = 0;
  /** One more than the highest index of an overlay that there ever was. */
  #overlaysEnd = 1;
  #isOn = false;
  /** Where the kernel refuses the first program, it refuses them all. */
  #programs: 'untried' | 'taken' | 'refused' = 'untried';
  #retryAtMs = 0;
  #isShort = false;

  /**
   * Observes the datapath from now on; null: this process may have no tables, and why is in the log. Sockets and the
   * underlay TAP drop from {@link start} on, if the kernel takes the program too.
   */
  static open(datapath: EarlyDropDatapath, log: DaemonLog): EarlyDrop | null {
    const { workers, fdbSize, overlaysMax, socketsMax } = datapath;
    try {
      const vteps = Math.ceil(fdbSize / 2) + VTEPS_BESIDE;
      const kernel = new EarlyDropKernel({ listeners: socketsMax * workers, overlays: overlaysMax, vteps });
      return new EarlyDrop(datapath, kernel, log);
    } catch (thrown) {
      log.info(NONE, { reason: messageOf(thrown) });
      return null;
    }
  }

  private constructor(datapath: EarlyDropDatapath, kernel: EarlyDropKernel, log: DaemonLog) {
    this.#datapath = datapath;
    this.#kernel = kernel;
    kernel.pause();
    this.#log = log;
    datapath.intake = this;
  }

  /** For the underlay TAP. */
  get tables(): EarlyDropTables {
    return this.#kernel.tables;
  }

  putOverlay(index: OverlayIndex, config: OverlayConfig): void {
    const { lost, vteps } = this.#overlays.get(index) ?? { lost: new Set(), vteps: new Set() };
    this.#overlays.set(index, { config, lost, vteps });
    this.#overlaysEnd = Math.max(this.#overlaysEnd, index + 1);
    this.#putVni(index);
  }

  #putVni(index: OverlayIndex): void {
    const { config, lost } = this.#overlays.get(index)!;
    const checksSender = (config.sourceCheck ?? 'off') !== 'off' && lost.size === 0;
    const { vni, socket } = config;
    // Which bits are reserved is the datapath's to say, but for plain VXLAN.
    const isPlain = (config.policyGroup ?? null) === null && this.#encapOf(socket) === 'vxlan';
    const isStrict = config.strictHeader && isPlain;
    this.#kernel.putVni(vni, { overlay: index, socket, checksSender, isStrict });
  }

  /** What was dropped of it is booked before another can have its index. */
  removeOverlay(index: OverlayIndex): void {
    const { config, lost, vteps } = this.#overlays.get(index)!;
    this.#overlays.delete(index);
    this.#kernel.deleteVni(config.vni, config.socket);
    for (const ip of vteps) if (!lost.has(ip)) this.#kernel.deleteVtep(index, ip);
    this.#book();
  }

  putVtep(overlay: OverlayIndex, ip: string): void {
    const { vteps } = this.#overlays.get(overlay)!;
    if (vteps.has(ip)) return;
    vteps.add(ip);
    this.#tryVtep(overlay, ip);
  }

  removeVtep(overlay: OverlayIndex, ip: string): void {
    const observed = this.#overlays.get(overlay);
    if (observed === undefined || !observed.vteps.delete(ip)) return;
    const { lost } = observed;
    if (!lost.delete(ip)) this.#kernel.deleteVtep(overlay, ip);
    else if (lost.size === 0) this.#putVni(overlay);
  }

  /** Where it has no room, the overlay's senders are the datapath's to decide, all of them. */
  #tryVtep(overlay: OverlayIndex, ip: string): void {
    const { lost } = this.#overlays.get(overlay)!;
    const wasShort = lost.size > 0;
    try {
      this.#kernel.putVtep(overlay, ip);
      lost.delete(ip);
    } catch (thrown) {
      lost.add(ip);
      if (!this.#isShort) this.#log.warn('early drop knows not every VTEP', { sender: ip, reason: messageOf(thrown) });
      this.#isShort = true;
    }
    if (wasShort !== lost.size > 0) this.#putVni(overlay);
  }

  /**
   * The listeners of a socket, one a worker, or those that take their place. What they drop is counted from here. The
   * programs know UDP alone.
   */
  listen(socket: SocketIndex, fds: readonly number[], family: 4 | 6, encap: Encap = 'vxlan'): void {
    if (!hasPorts(encap)) return;
    const listeners = { fds, family, encap, before: dropsOf(fds) };
    this.#listeners.set(socket, listeners);
    if (this.#isOn) this.#attach(socket, listeners);
  }

  #encapOf(socket: SocketIndex): Encap {
    return this.#listeners.get(socket)?.encap ?? 'vxlan';
  }

  /** Before they are closed. */
  unlisten(socket: SocketIndex): void {
    this.#listeners.delete(socket);
  }

  /**
   * The datapath's tables are those of all overlays now: sockets and the underlay TAP drop from now on. `isSuccessor`:
   * the sockets had the programs of the daemon before, and what those dropped is in its books, so other drops are
   * counted from here.
   */
  start(isSuccessor = false): void {
    this.#isOn = true;
    this.#kernel.resume();
    for (const [socket, listeners] of this.#listeners) {
      if (isSuccessor) listeners.before = dropsOf(listeners.fds);
      this.#attach(socket, listeners);
    }
  }

  #attach(socket: SocketIndex, { fds, family, encap }: Listeners): void {
    const word = socketWord(socket, ENCAPSULATIONS[encap].hasFlagI);
    for (const [worker, fd] of fds.entries()) {
      try {
        if (this.#programs === 'refused') detachFilter(fd);
        else this.#kernel.attach(fd, { family, socket: word, number: this.#numberOf(socket, worker) });
        if (this.#programs === 'untried') this.#programs = 'taken';
      } catch (thrown) {
        // A program of the daemon before would go on dropping by that one's tables.
        detachFilter(fd);
        this.#sayRefusal(messageOf(thrown), socket, worker);
      }
    }
  }

  #sayRefusal(reason: string, socket: SocketIndex, worker: number): void {
    if (this.#programs === 'taken') this.#log.warn('a socket has no early drop', { socket, worker, reason });
    else this.#log.info(NONE, { reason });
    if (this.#programs === 'untried') this.#programs = 'refused';
  }

  #numberOf(socket: SocketIndex, worker: number): number {
    return socket * this.#datapath.workers + worker;
  }

  /** Of what the kernel says that it has dropped at a listener: that which was neither early drop nor before it. */
  otherDrops(socket: SocketIndex, worker: number, drops: number): number {
    const before = this.#listeners.get(socket)?.before[worker];
    if (before === undefined) return drops;
    const { datagrams } = this.#kernel.atListener(this.#numberOf(socket, worker));
    return Math.max(0, drops - before - datagrams);
  }

  /** Time has passed. One system call where nothing was dropped. */
  tick(nowMs: number): void {
    this.#book();
    if (!this.#isShort || nowMs < this.#retryAtMs) return;
    this.#retryAtMs = nowMs + RETRY_MS;
    this.#isShort = false;
    for (const [overlay, { lost }] of this.#overlays) for (const ip of [...lost]) this.#tryVtep(overlay, ip);
  }

  /** Reads what was dropped into the datapath's books. */
  #book(): void {
    const { datagrams } = this.#kernel.total();
    if (datagrams === this.#bookedInAll) return;
    this.#bookedInAll = datagrams;
    const read = this.#kernel.byRule(this.#overlaysEnd);
    for (const rule of NOBODYS_RULES) this.#bookOne(0, rule, read(0, rule));
    for (let overlay = 1; overlay < this.#overlaysEnd; overlay++) {
      for (const rule of OVERLAY_RULES) this.#bookOne(overlay, rule, read(overlay, rule));
    }
  }

  #bookOne(overlay: OverlayIndex | 0, rule: DropReason, dropped: EarlyDropped): void {
    if (dropped.datagrams === 0) return;
    const key = `${overlay} ${rule}`;
    const { datagrams, bytes } = this.#booked.get(key) ?? { datagrams: 0, bytes: 0 };
    if (dropped.datagrams === datagrams) return;
    this.#booked.set(key, dropped);
    this.#datapath.countEarlyDrops(overlay, rule, dropped.datagrams - datagrams, dropped.bytes - bytes);
  }

  /** The sockets are closed, or let go of. */
  close(): void {
    this.#book();
    this.#datapath.intake = null;
    this.#kernel.close();
  }
}

/** What the kernel has dropped at each socket since that is open. */
function dropsOf(fds: readonly number[]): number[] {
  return fds.map((fd) => receiveQueue(fd)?.drops ?? 0);
}
