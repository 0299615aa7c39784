/**
 * The datapath as the daemon holds it: tables to fill, upcalls to answer, frames to inject, counters to read. The
 * packet path itself runs in the workers and never waits for this object.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  HDR_TRAP,
  Inject,
  LOOKUP_DEADLINE_MS,
  OVERLAYS_MAX,
  SOCKETS_MAX,
  W_REPLICAS,
  W_SIZE,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { type Endpoint, formatEndpoint } from '../address.js';
import type { BegunThread } from '../begun-thread.js';
import { fdbFull, tableFull } from '../errors.js';
import type { RateLimits } from '../rate-limits.js';
import { errnoName } from '../system/errno.js';
import type { CapturedFrame, CaptureFilter, OpenCapture } from './capture-types.js';
import { Captures } from './captures.js';
import { Counters, type WorkerCounter } from './counters.js';
import { Destinations } from './destinations.js';
import { Endpoints, type Interned } from './endpoints.js';
import { Fdb, type PutOptions } from './fdb.js';
import type { Engine } from './loop.js';
import { createMemory, type Views, viewsOf } from './memory.js';
import { compileModule, type DatapathExports, instantiate } from './module.js';
import { type FromVnic, RING_BYTES, Rings } from './rings.js';
import { Tables } from './tables.js';
import { type Trace, Tracer, type TraceSource } from './tracer.js';
import type {
  DropReason,
  EndpointIndex,
  EndpointTraffic,
  FdbEntry,
  FdbTarget,
  IntakeObserver,
  OverlayConfig,
  OverlayCounters,
  OverlayIndex,
  PathMtu,
  ProxyUpcall,
  Route,
  SocketConfig,
  SocketIndex,
  TrafficCount,
  UnderlayTapConfig,
  UnknownVni,
  UpcallRecord,
  VnicConfig,
  VnicCounters,
  VnicIndex,
  VnicProtection,
} from './types.js';
import type { WorkerNotice } from './worker.js';
import { type ThreadView, Workers } from './workers.js';

export interface DatapathOptions {
  /** Most FDB entries, 1..16777216. */
  readonly fdbSize: number;
  readonly workers: number;
  /** Microseconds a worker looks for work without sleeping after it had some; 0 sleeps at once. */
  readonly busyPollUs: number;
  /** Processors that the workers are kept on, taking turns; none: the kernel moves them as it likes. */
  readonly cpus?: readonly number[];
  readonly engine: Engine;
  /** Nothing is read before {@link Datapath.startReading}: what comes waits in the kernel, or for another reader. */
  readonly isPaused?: boolean;
  /** Threads for the workers that have begun already. */
  readonly begun?: readonly BegunThread[];
  readonly log: {
    info(message: string, fields?: object): void;
    warn(message: string, fields?: object): void;
    error(message: string, fields?: object): void;
  };
}

interface EndpointCounters extends EndpointTraffic {
  readonly endpoint: Endpoint;
  readonly pathMtu: number | null;
}

export interface WorkerView extends ThreadView {
  readonly counters: Readonly<Record<WorkerCounter, number>>;
  /** Bytes that wait in its rings: for the control thread, and for the worker. */
  readonly waiting: { readonly upcall: number; readonly inject: number };
  /** Bytes that each of them takes. */
  readonly waitingMax: number;
}

const NO_TRAFFIC: EndpointTraffic = { encap: { frames: 0, bytes: 0 }, decap: { frames: 0, bytes: 0 }, drops: 0 };

const both = (a: TrafficCount, b: TrafficCount): TrafficCount => ({
  frames: a.frames + b.frames,
  bytes: a.bytes + b.bytes,
});

export class Datapath {
  readonly engine: Engine;
  readonly fdbSize: number;
  /** Indexes are below these. */
  readonly overlaysMax = OVERLAYS_MAX;
  readonly socketsMax = SOCKETS_MAX;
  /** Called for every upcall; assign it before the first VNIC is added. */
  onUpcall: (record: UpcallRecord) => void = () => {};
  /** Called when a VNIC's interface was deleted behind our back. */
  onVnicGone: (vnic: VnicIndex) => void = () => {};
  /** The same of the underlay TAP. */
  onUnderlayTapGone: () => void = () => {};
  /** Called when a worker's thread had to be replaced. */
  onWorkerRestart: (worker: number, reason: string) => void = () => {};

  /** Assign it before the first overlay is added. */
  intake: IntakeObserver | null = null;

  readonly #views: Views;
  readonly #datapath: DatapathExports;
  readonly #tables: Tables;
  readonly #endpoints: Endpoints;
  readonly #fdb: Fdb;
  readonly #counters: Counters;
  readonly #rings: Rings[];
  readonly #workers: Workers;
  readonly #destinations: Destinations;
  readonly #captures: Captures;
  readonly #tracer: Tracer;
  readonly #log: DatapathOptions['log'];
  #underlayMac = '';
  readonly #vnics = new Map<VnicIndex, { overlay: OverlayIndex; mac: string }>();

  static async start(options: DatapathOptions): Promise<Datapath> {
    return new Datapath(options);
  }

  private constructor(options: DatapathOptions) {
    this.#log = options.log;
    this.engine = options.engine;
    const module = compileModule();
    const memory = createMemory(options.workers, options.fdbSize);
    this.fdbSize = options.fdbSize;
    this.#views = viewsOf(memory);
    this.#datapath = instantiate(module, memory);
    this.#datapath.startHost();
    this.#tables = new Tables(this.#views, options.workers, options.isPaused !== true);
    this.#counters = new Counters(this.#views, options.workers);
    this.#endpoints = new Endpoints(this.#datapath, this.#views, (index) => this.#counters.restartEndpoint(index));
    this.#fdb = new Fdb(this.#datapath, this.#views, this.#endpoints, (overlay) => this.#tables.socketOf(overlay));
    this.#rings = Array.from(
      { length: options.workers },
      (_, worker) => new Rings(this.#datapath, this.#views, worker),
    );
    this.#workers = new Workers(
      options.workers,
      this.#views,
      { memory, module, busyPollUs: options.busyPollUs, engine: options.engine, cpus: options.cpus },
      {
        onStuck: (worker) => options.log.error('datapath worker does not end', { worker }),
        onRestart: (worker, reason) => {
          options.log.error('datapath worker restarted', { worker, reason });
          this.onWorkerRestart(worker, reason);
        },
        onNotice: (worker, notice) => this.#onNotice(worker, notice),
      },
      options.begun,
    );
    this.#destinations = new Destinations({
      views: this.#views,
      endpoints: this.#endpoints,
      tables: this.#tables,
      fdb: this.#fdb,
      quiesce: () => this.#workers.quiesce(),
    });
    this.#captures = new Captures(this.#datapath, this.#views, options.workers, () => this.#workers.quiesce());
    this.#tracer = new Tracer(module, memory, this.#views, options.workers);
    for (const rings of this.#rings) void rings.readAll((record) => this.onUpcall(record));
  }

  get workers(): number {
    return this.#workers.count;
  }

  get workerRestarts(): number {
    return this.#workers.restarts;
  }

  /** One a worker, in their order. */
  workerViews(): WorkerView[] {
    return this.#rings.map(({ waiting }, index) => {
      const counters = this.#counters.worker(index);
      return { ...this.#workers.view(index), counters, waiting, waitingMax: RING_BYTES };
    });
  }

  #onNotice(worker: number, notice: Exclude<WorkerNotice, { kind: 'started' }>): void {
    if (notice.kind === 'vnic-gone' && notice.vnic === 0) this.onUnderlayTapGone();
    else if (notice.kind === 'vnic-gone') this.onVnicGone(notice.vnic);
    else if (notice.kind === 'io-refused') {
      const { errno, ...refused } = notice.refusal;
      this.#log.warn('a system call of a datapath worker fails', { worker, ...refused, reason: errnoName(errno) });
    } else this.#log.warn('UDP_SEGMENT refused: every datagram is sent by itself', { worker, ...notice });
  }

  /** Time has passed: a worker whose loop does not go round is replaced. To be called about ten times a second. */
  watch(nowMs: number): void {
    this.#workers.watch(nowMs);
  }

  /** Milliseconds of the monotonic clock, the one the workers stamp FDB entries with. */
  nowMs(): number {
    return Number(process.hrtime.bigint() / 1000n) / 1000;
  }

  addSocket(config: SocketConfig): SocketIndex {
    const index = this.#tables.addSocket(config);
    this.#workers.wake();
    return index;
  }

  /**
   * Other descriptors take the place of a socket's; endpoints and overlays stay with it, and nothing is lost meanwhile.
   * Only descriptors and the ports of `names` may differ. Resolves when the ones before can be closed.
   */
  async replaceSocket(index: SocketIndex, config: SocketConfig): Promise<void> {
    this.#tables.replaceSocket(index, config);
    await this.#workers.quiesce();
  }

  /** {@link SocketConfig.fragmentable}, from now on. */
  setFragmentable(index: SocketIndex, sources: SocketConfig['sources']): void {
    this.#tables.setFragmentable(index, sources);
  }

  async removeSocket(index: SocketIndex): Promise<void> {
    this.#tables.removeSocket(index);
    await this.#workers.quiesce();
    this.#tables.releaseSocket(index);
  }

  /** Super-frames leave and arrive by it, wherever an endpoint has a route. There is one at most. */
  setUnderlayTap(config: UnderlayTapConfig): void {
    this.#underlayMac = config.mac;
    this.#tables.setUnderlayTap(config);
    this.#workers.wake();
  }

  async removeUnderlayTap(): Promise<void> {
    this.#tables.removeUnderlayTap();
    await this.#workers.quiesce();
  }

  /** Every endpoint there is, with the socket that sends to it. */
  endpoints(): Iterable<Interned> {
    return this.#endpoints.all();
  }

  /** Those that have become known since the last call, at most so many; each may have been another before. */
  takeNewEndpoints(most: number): Interned[] {
    return this.#endpoints.takeNew(most);
  }

  /** Null: no endpoint has that index now. */
  endpointAt(index: EndpointIndex): Interned | null {
    return this.#endpoints.interned(index);
  }

  /** What is longer than the path takes is dropped, and its sender told. Null, and at first: nothing is known of it. */
  setPathMtu(endpoint: EndpointIndex, path: PathMtu | null): void {
    this.#endpoints.setPathMtu(endpoint, path);
  }

  /** How an endpoint is reached by the underlay TAP; null, and at first: not at all. */
  setRoute(endpoint: EndpointIndex, route: Route | null): void {
    this.#endpoints.setRoute(this.#datapath, endpoint, route, this.#underlayMac);
  }

  addOverlay(config: OverlayConfig): OverlayIndex {
    const targets = this.#destinations.of(config);
    const index = this.#tables.addOverlay(config, targets);
    if (index === 0) {
      this.#destinations.release(targets);
      throw tableFull('overlays', OVERLAYS_MAX - 1);
    }
    this.#destinations.sweepIfLow();
    this.#counters.restartOverlay(index);
    this.intake?.putOverlay(index, config);
    this.#datapath.vniPut(index);
    return index;
  }

  /** Changes everything but the VNI, in two steps: see {@link Destinations.prepare}. */
  prepareOverlay(index: OverlayIndex, config: OverlayConfig): () => void {
    const commit = this.#destinations.prepare(index, config);
    return () => {
      const isOpen = (config.sourceCheck ?? 'off') === 'off';
      if (isOpen) this.intake?.putOverlay(index, config);
      commit();
      this.#datapath.overlayStamp(index);
      if (!isOpen) this.intake?.putOverlay(index, config);
      this.#workers.wake();
    };
  }

  async removeOverlay(index: OverlayIndex): Promise<void> {
    this.#datapath.vniRemove(index);
    this.intake?.removeOverlay(index);
    this.#tables.removeOverlay(index);
    await this.#fdb.purge(index);
    await this.#workers.quiesce();
    this.#destinations.release(this.#tables.targetsOf(index));
    this.#tables.releaseOverlay(index);
  }

  /** Adds a VNIC and the static FDB entry of its MAC. Throws when there is no room for either: nothing has changed. */
  addVnic(config: VnicConfig): VnicIndex {
    const { overlay, mac } = config;
    const index = this.#tables.addVnic(config, (vnic) => {
      this.#counters.restartVnic(vnic);
      return this.#fdb.put(overlay, mac, { kind: 'local', vnic }, { isStatic: true }, this.nowMs());
    });
    if (index === 0) throw fdbFull(this.fdbSize);
    this.#vnics.set(index, { overlay, mac });
    this.#workers.wake();
    return index;
  }

  /** A TAP that VNICs may share, see {@link VnicConfig.trunk}: its queues as theirs. Throws when there are too many. */
  addTrunk(fds: readonly number[]): VnicIndex {
    const index = this.#tables.addTrunk(fds);
    this.#counters.restartVnic(index);
    this.#workers.wake();
    return index;
  }

  /** None of them is there any more. Then `fds` may be closed. */
  async removeTrunk(index: VnicIndex): Promise<void> {
    this.#tables.removeTrunk(index);
    await this.#workers.quiesce();
    this.#tables.releaseTrunk(index);
  }

  /** The VNIC has another MAC from now on. Throws when there is no room for its FDB entry: nothing has changed. */
  setVnicMac(index: VnicIndex, mac: string): void {
    const { overlay, mac: before } = this.#vnics.get(index)!;
    const isStored = this.#fdb.put(overlay, mac, { kind: 'local', vnic: index }, { isStatic: true }, this.nowMs());
    if (!isStored) throw fdbFull(this.fdbSize);
    this.#tables.setVnicMac(index, mac);
    this.#fdb.remove(overlay, before);
    this.#vnics.set(index, { overlay, mac });
    this.#workers.wake();
  }

  /** From now on; resolves when frames that were read before have been judged by the former. */
  async setVnicProtection(index: VnicIndex, protection: VnicProtection): Promise<void> {
    this.#tables.setVnicProtection(index, protection);
    await this.#workers.quiesce();
  }

  /** From now on; the buckets are full then. */
  setVnicLimits(index: VnicIndex, limits: RateLimits): void {
    this.#tables.setVnicLimits(index, limits);
  }

  async removeVnic(index: VnicIndex): Promise<void> {
    const { overlay, mac } = this.#vnics.get(index)!;
    this.#vnics.delete(index);
    this.#fdb.remove(overlay, mac);
    this.#tables.removeVnic(index);
    await this.#fdb.purge(overlay, index);
    await this.#workers.quiesce();
    this.#tables.releaseVnic(index);
  }

  /**
   * Inserts or replaces an FDB entry; frames held for it go on their way. A full table first evicts the least recently
   * used entry that is not static. False when there is no room even so.
   */
  fdbPut(overlay: OverlayIndex, mac: string, target: FdbTarget, options: PutOptions = {}): boolean {
    const stored = this.#fdb.put(overlay, mac, target, options, this.nowMs());
    this.#workers.wakeHolding();
    this.#destinations.sweepIfLow();
    return stored;
  }

  fdbRemove(overlay: OverlayIndex, mac: string): boolean {
    return this.#fdb.remove(overlay, mac);
  }

  /** How many more VTEPs overlays may know, all together. */
  get vtepRoom(): number {
    return this.#fdb.vtepRoom;
  }

  /** The overlay knows the VTEP at `ip`, see {@link OverlayConfig.sourceCheck}. False: there is no room for more. */
  putVtep(overlay: OverlayIndex, ip: string): boolean {
    this.intake?.putVtep(overlay, ip);
    const isKnown = this.#fdb.putVtep(overlay, ip, this.nowMs());
    if (!isKnown) this.intake?.removeVtep(overlay, ip);
    return isKnown;
  }

  removeVtep(overlay: OverlayIndex, ip: string): void {
    this.#fdb.removeVtep(overlay, ip);
    this.intake?.removeVtep(overlay, ip);
  }

  fdbGet(overlay: OverlayIndex, mac: string): FdbEntry | null {
    return this.#fdb.get(overlay, mac);
  }

  fdbHas(overlay: OverlayIndex, mac: string): boolean {
    return this.#fdb.has(overlay, mac);
  }

  /** {@link FdbEntry.heardAtMs} of one entry; null as well when there is none. */
  fdbHeardAtMs(overlay: OverlayIndex, mac: string): number | null {
    return this.#fdb.heardAtMs(overlay, mac);
  }

  /** {@link Fdb.page} */
  fdbPage(overlay: OverlayIndex, after: string | null, limit: number): FdbEntry[] {
    return this.#fdb.page(overlay, after, limit);
  }

  get fdbCount(): number {
    return this.#fdb.count;
  }

  get hasEndpointRoom(): boolean {
    return this.#endpoints.hasRoom;
  }

  /** Writes a frame to a VNIC. False when the inject ring is full (counted as inject_ring_full by the caller). */
  deliver(vnic: VnicIndex, frame: Uint8Array): boolean {
    return this.#inject(Inject.deliver, vnic, frame);
  }

  /** Sends a frame as if the VNIC had, without the checks of its source and without a proxy. */
  encap(vnic: VnicIndex, frame: Uint8Array): boolean {
    return this.#inject(Inject.encap, vnic, frame);
  }

  /**
   * Sends a frame to the flood list, or the point, as if the VNIC had: no proxy sees it, and no VNIC here gets a copy.
   * With neither it drops as no_flood_list, or host_chatter.
   */
  flood(vnic: VnicIndex, frame: Uint8Array): boolean {
    return this.#inject(Inject.flood, vnic, frame);
  }

  /**
   * Sends a frame of the VTEP's own to an endpoint of the overlay's socket. Answers the endpoint; 0: the inject ring is
   * full, or the table of endpoints.
   */
  tunnel(overlay: OverlayIndex, endpoint: Endpoint, frame: Uint8Array): EndpointIndex | 0 {
    const index = this.#endpoints.intern(endpoint, this.#tables.socketOf(overlay));
    const isTaken = index !== 0 && this.#rings[0]!.tunnel(overlay, index, frame);
    this.#destinations.sweepIfLow();
    if (isTaken) this.#workers.wakeOne(0);
    return isTaken ? index : 0;
  }

  /** Those of the overlay's socket that an FDB entry or an overlay names. It looks through the whole table. */
  endpointsOf(overlay: OverlayIndex): Endpoint[] {
    const socket = this.#tables.socketOf(overlay);
    const used = this.#destinations.inUse();
    return [...this.#endpoints.all()].filter(([index, , its]) => its === socket && used.has(index)).map(([, at]) => at);
  }

  /** Whether the overlay sends to an endpoint, or has of late. */
  knows(overlay: OverlayIndex, endpoint: Endpoint): boolean {
    return this.#endpoints.known(endpoint, this.#tables.socketOf(overlay)) !== 0;
  }

  /** Bytes of an IP packet that the path to an endpoint takes, as far as is known; null: nothing is. */
  pathMtuTo(overlay: OverlayIndex, endpoint: Endpoint): number | null {
    return this.#endpoints.pathMtu(this.#endpoints.known(endpoint, this.#tables.socketOf(overlay)));
  }

  #inject(type: FromVnic, vnic: VnicIndex, frame: Uint8Array): boolean {
    const injected = this.#rings[0]!.inject(type, this.#tables.overlayOf(vnic), vnic, frame);
    if (injected) this.#workers.wakeOne(0);
    return injected;
  }

  /** `record`: the frame, which a VNIC had sent, or, if that is 0, another VTEP. */
  countDrop(overlay: OverlayIndex, reason: DropReason, record: Pick<ProxyUpcall, 'vnic' | 'frame'>): void {
    this.#counters.countDrop(overlay, reason);
    this.#captures.dropped(overlay, record.vnic, record.frame, reason, process.hrtime.bigint());
  }

  /** Frames as they pass, from now on; see {@link Captures.open}. */
  capture(filter: CaptureFilter, onFrame: (frame: CapturedFrame) => void): OpenCapture {
    return this.#captures.open(filter, onFrame);
  }

  /** What would become of a frame: nothing is sent, learned, counted or asked. */
  trace(overlay: OverlayIndex, from: { vnic: VnicIndex } | { ip: string }, frame: Uint8Array): Trace {
    const source: TraceSource = 'vnic' in from ? from : { ...from, socket: this.#tables.socketOf(overlay) };
    return this.#tracer.trace(overlay, source, frame, process.hrtime.bigint());
  }

  /** Captures that are open. */
  get captureCount(): number {
    return this.#captures.count;
  }

  /** {@link Counters.countEarlyDrops} */
  countEarlyDrops(overlay: OverlayIndex | 0, reason: DropReason, datagrams: number, bytes: number): void {
    this.#counters.countEarlyDrops(overlay, reason, datagrams, bytes);
  }

  countAnswered(): void {
    this.#counters.countAnswered();
  }

  totals(): Record<string, number> {
    return this.#counters.totals();
  }

  drops(): Partial<Record<DropReason, number>> {
    return this.#counters.drops();
  }

  /** Who sent datagrams of VNIs that nobody has: the last of each worker. */
  unknownVnis(): UnknownVni[] {
    return this.#counters.unknownVnis();
  }

  /** 0: of what belongs to no overlay. */
  overlayCounters(index: OverlayIndex): OverlayCounters {
    return this.#counters.overlay(index);
  }

  vnicCounters(index: VnicIndex): VnicCounters {
    return this.#counters.vnic(index);
  }

  get endpointCount(): number {
    return this.#endpoints.count;
  }

  /**
   * Of all sockets that send to it. `pathMtu`: the smallest that a router has said, in bytes; null: none has. Of more
   * than `most` endpoints the first of the table, where each keeps its place.
   */
  endpointCounters(most = Number.POSITIVE_INFINITY): EndpointCounters[] {
    const sums = new Map<string, EndpointCounters>();
    for (const [index, endpoint] of this.#endpoints.all()) {
      const key = formatEndpoint(endpoint);
      if (sums.size >= most && !sums.has(key)) break;
      const { encap, decap, drops } = this.#counters.endpoint(index);
      const sum = sums.get(key) ?? { endpoint, ...NO_TRAFFIC, pathMtu: null };
      const mtus = [sum.pathMtu, this.#endpoints.loweredMtu(index)].filter((mtu) => mtu !== null);
      const pathMtu = mtus.length === 0 ? null : Math.min(...mtus);
      const traffic = { encap: both(sum.encap, encap), decap: both(sum.decap, decap), drops: sum.drops + drops };
      sums.set(key, { endpoint, ...traffic, pathMtu });
    }
    return [...sums.values()];
  }

  /** Of one endpoint, as its socket sends to it. */
  endpointTraffic(index: EndpointIndex): EndpointTraffic {
    return this.#counters.endpoint(index);
  }

  /** Received from senders that are no endpoint: of all together, for their addresses may be forged. */
  otherSenders(): TrafficCount {
    return this.#counters.otherSenders();
  }

  /** Makes a worker trap, if the module is the build with asserts; the other one takes no notice. */
  trap(): void {
    this.#views.u32[HDR_TRAP >> 2] = 1;
    this.#workers.wake();
  }

  /** Ends {@link DatapathOptions.isPaused}. */
  startReading(): void {
    this.#tables.startReading();
    this.#workers.wake();
  }

  /**
   * Nothing more is read of VNICs and sockets; resolves when what was read has left, and frames that waited for an
   * answer have had it, or can have it no more. What comes meanwhile waits in the kernel.
   */
  async drain(): Promise<void> {
    this.#tables.stopReading();
    await this.#workers.quiesce();
    const endMs = this.nowMs() + LOOKUP_DEADLINE_MS;
    while (this.#hasWaiting() && this.nowMs() < endMs) await delay(1);
    await this.#workers.quiesce(); // a worker begins a turn when what it listed before has left
  }

  /** Frames wait for an answer, or to be copied to VNICs. */
  #hasWaiting(): boolean {
    const replicas = this.#rings.map(
      (_, worker) => this.#views.u32[(WORKERS_BASE + worker * W_SIZE + W_REPLICAS) >> 2]!,
    );
    return this.#counters.totals().held! > 0 || replicas.some((count) => count > 0);
  }

  /** Stops the workers. The descriptors of sockets and TAPs stay open: they are the caller's. */
  async close(): Promise<void> {
    for (const rings of this.#rings) rings.close();
    this.#captures.stop();
    await this.#workers.stop();
  }
}
