/**
 * The daemon: its start and end, and what a client may ask for, done one command at a time. What goes on by itself is
 * clockwork.ts.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { TARGETS_DEFAULT } from '../control/limits.js';
import type {
  Controller,
  CreateOverlay,
  CreateTrunk,
  CreateVnic,
  DaemonView,
  EventFilter,
  EventPage,
  HandoverRequest,
  HandoverView,
  HistoryRequest,
  HistoryView,
  LookupView,
  ModifyOverlay,
  ModifyVnic,
  MoveView,
  OverlayView,
  OwnerView,
  PageRequest,
  PingRequest,
  PingView,
  SetLogLevel,
  SetTarget,
  StatsRequest,
  StatsView,
  StatusView,
  SuccessorView,
  TargetPage,
  TraceRequest,
  TraceView,
  VnicView,
} from '../control/protocol.js';
import type { Datapath } from '../datapath/datapath.js';
import { daemonEnding } from '../errors.js';
import type { BegunPluginThread } from '../search/host/begin.js';
import { plugins } from '../search/registry.js';
import { version } from '../version.js';
import { CaptureService } from './capture/service.js';
import { Clockwork } from './clockwork.js';
import { checkTaps, load, loadAgain, pluginsStarted, repair } from './commands/bring-up.js';
import { createOverlay, deleteOverlay } from './commands/create-overlay.js';
import { daemonView } from './commands/daemon-view.js';
import { eventPage } from './commands/event-page.js';
import { sayVnics } from './commands/follow.js';
import { lookup, ownerOf } from './commands/lookup.js';
import { modifyOverlay } from './commands/modify-overlay.js';
import { ping } from './commands/ping.js';
import { byName, emptyRegistry, keepVnics, overlayOf, type Registry, sorted } from './commands/registry.js';
import { statsView } from './commands/stats-view.js';
import { statusView, summary } from './commands/status-view.js';
import { deleteTarget, flushTargets, setTarget, thaw } from './commands/targets.js';
import { unloadedOverlays, unloadedVnics } from './commands/unloaded.js';
import { moveViews, overlayView, targetPage, vnicView } from './commands/views.js';
import { createTrunk, createVnic, deleteVnics, modifyVnic } from './commands/vnics.js';
import { release } from './config-file/apply.js';
import type { ConfigFile } from './config-file/config-file.js';
import type { EventLog } from './events/event-log.js';
import { Handover, recallLearned } from './handover/handover.js';
import { Successor } from './handover/successor.js';
import { Inheritance } from './inheritance.js';
import type { DaemonLog } from './log.js';
import type { Overlay } from './overlay/overlay.js';
import type { Vnic } from './overlay/vnic.js';
import { DaemonProbes } from './probes.js';
import type { StateClaim } from './state/lock.js';
import type { State } from './state/store.js';
import { trace } from './trace/trace.js';
import { type Border, openBorder } from './underlay/border.js';
import type { EarlyDrop } from './underlay/early-drop.js';
import { Network } from './underlay/network.js';

export interface DaemonOptions {
  readonly datapath: Datapath;
  readonly state: State;
  readonly log: DaemonLog;
  /** Of this process' namespace by default. */
  readonly network?: Network;
  /** Sockets alone by default. */
  readonly border?: Border;
  /** None by default. */
  readonly earlyDrop?: EarlyDrop | null;
  /** Milliseconds of the monotonic clock; the datapath's by default. */
  readonly now?: () => number;
  /** Why the engine is not the faster one; '' when it is. */
  readonly engineReason?: string;
  /** The configuration file, if there is one. */
  readonly configFile?: ConfigFile | null;
  /** Called when a reload begins; what it answers is called when that one is over. */
  readonly onReload?: () => () => void;
  /** Of the state directory. Nobody else wants it by default. */
  readonly claim?: StateClaim;
  /** How long a VTEP that is sent to may be silent; 0, the default: for ever. */
  readonly silentAfterMs?: number;
  /** What is taken over from the daemon before; nothing by default. */
  readonly inheritance?: Inheritance;
  /** For the first search plugins; none by default. */
  readonly begun?: BegunPluginThread | null;
}

const UNCLAIMED: StateClaim = { release() {}, again: () => false };

/** A start and a reload wait this long for plugins that start slowly. */
const START_PATIENCE_MS = 10_000;
/** So long what frames can do without waits for search plugins that start at once. */
const FRAMES_FIRST_MS = 500;
/** In which the first frames get their answers. */
const FIRST_ANSWERS_MS = 10;

export class Daemon implements Controller {
  readonly probes: DaemonProbes;
  readonly eventLog: EventLog;
  /** Frames as they pass, for those who may have them. */
  readonly captures: CaptureService;
  readonly #registry: Registry;
  readonly #startedAtMs: number;
  readonly #configFile: ConfigFile | null;
  readonly #clockwork: Clockwork;
  readonly #handover: Handover;
  readonly #successor: Successor;
  readonly #engineReason: string;
  readonly #onReload: () => () => void;
  /** Another daemon carries frames until this one does. */
  readonly #isSuccessor: boolean;
  #isEnding = false;

  /** Nothing is restored yet; see {@link restore}. */
  constructor(options: DaemonOptions) {
    const { datapath, state, log, now = () => datapath.nowMs(), configFile = null } = options;
    const network = options.network ?? new Network();
    const border = options.border ?? openBorder('socket', datapath, network, log);
    const earlyDrop = options.earlyDrop ?? null;
    const inheritance = options.inheritance ?? new Inheritance(null);
    const isEnding = () => this.#isEnding || this.#handover.isBegun;
    const given = { datapath, network, border, earlyDrop, state, log, now, isEnding, inheritance };
    this.#registry = emptyRegistry(given, options.silentAfterMs ?? 0, options.begun ?? null);
    this.#handover = new Handover(this.#registry, options.claim ?? UNCLAIMED);
    this.#successor = new Successor(this.#handover, this.#registry);
    this.#startedAtMs = now();
    this.#configFile = configFile;
    this.#isSuccessor = options.inheritance !== undefined;
    this.#engineReason = options.engineReason ?? '';
    this.#onReload = options.onReload ?? (() => () => {});
    this.#clockwork = new Clockwork(this.#registry, configFile);
    this.eventLog = this.#registry.events;
    this.captures = new CaptureService(this.#registry);
    this.eventLog.tell('daemon_started', { object: 'daemon', new: version() });
    this.probes = new DaemonProbes(this.#registry, () => this.daemon());
  }

  /**
   * Resolves when everything that was kept, and is declared, is there or has been tried; a plugin that takes its time
   * to start is not waited for. Needs `tick` meanwhile. Rejects when the configuration file is refused, and when there
   * are VNICs and this process may not make interfaces: then nothing was touched.
   */
  async restore(): Promise<void> {
    await this.#registry.serial.run(async () => {
      await load(this.#registry);
      this.#clockwork.objects.adopt();
      await (this.#configFile === null ? release(this.#registry) : this.#configFile.begin(this.#registry));
      checkTaps(this.#registry);
      await repair(this.#registry, () => true);
    });
    await this.#framesFlow();
    await this.#registry.serial.run(async () => {
      if (!this.#isEnding) this.#startBorder();
    });
    this.#registry.inheritance.close();
    await this.#pluginsStarted();
    recallLearned(this.#registry);
  }

  /** Resolves when they do, or might be a while. Those of a successor flow only when all of its start is over. */
  async #framesFlow(): Promise<void> {
    const { deadlines, vnics } = this.#registry;
    if (this.#isSuccessor || vnics.size === 0) return;
    await deadlines.within(FRAMES_FIRST_MS, 'search plugins', pluginsStarted(this.#registry)).catch(() => {});
    await sleep(FIRST_ANSWERS_MS);
  }

  /** The kernel takes as long to make the TAP and to verify programs as the daemon takes for all that came before. */
  #startBorder(): void {
    const { border, earlyDrop } = this.#registry;
    border.start();
    if (!this.#isSuccessor) earlyDrop?.start();
  }

  /** Those that take their time go on starting by themselves. */
  async #pluginsStarted(): Promise<void> {
    const { deadlines, log } = this.#registry;
    await deadlines.within(START_PATIENCE_MS, 'search plugins', pluginsStarted(this.#registry)).catch(() => {
      if (!this.#isEnding) log.warn('search plugins are still starting');
    });
  }

  /** Time has passed. To be called about ten times a second; never throws. */
  tick(): void {
    this.#clockwork.tick();
    this.#handover.tick(this.#registry.now());
  }

  handover(request: HandoverRequest): Promise<HandoverView> {
    return this.#registry.serial.run(() => this.#handover.begin(request));
  }

  endHandover(): void {
    this.#handover.end();
  }

  /** Resolves when the daemon that is installed now has begun to take the place of this one. */
  async replace(): Promise<SuccessorView> {
    return { pid: await this.#successor.start() };
  }

  /** Resolves with the pid of who has taken the place of this one, which then is to {@link drain} and to stop. */
  get replaced(): Promise<number> {
    return this.#handover.ended;
  }

  /** Nothing is read any more; resolves when what was read has left. */
  drain(): Promise<void> {
    return this.#handover.drain();
  }

  /**
   * SIGHUP and `vxlane reload`: the configuration file is read, whatever is not up is tried at once, plugins re-read
   * their sources. Resolves when that is over, with how things are then; rejects on a bug, and when the daemon ends.
   */
  async reload(): Promise<StatusView> {
    const { log } = this.#registry;
    log.info('reloading');
    const reloaded = this.#onReload();
    await this.#reload().finally(reloaded);
    if (this.#isEnding) throw daemonEnding();
    log.info('reloaded');
    return this.status();
  }

  async #reload(): Promise<void> {
    const running = sorted(this.#registry.overlays).filter(({ state }) => state === 'serving');
    await loadAgain(this.#registry);
    await this.#configFile?.reload(this.#registry);
    await this.#registry.serial.run(async () => {
      if (this.#isEnding) return;
      if (this.#configFile === null) await release(this.#registry);
      for (const vnic of this.#registry.vnics.values()) vnic.restore();
      await repair(this.#registry, () => true);
    });
    await Promise.all(running.map((overlay) => overlay.plugin.reload()));
    await this.#pluginsStarted();
  }

  /**
   * Orderly end: plugins stop, the datapath stops, interfaces of temporary VNICs go and all others stay. What is under
   * way is cut short, so that a plugin that starts slowly does not hold up the end.
   */
  stop(): Promise<void> {
    this.#isEnding = true;
    const { datapath, deadlines, serial, sockets, border, earlyDrop, network, interfaces, overlays, vnics, slots } =
      this.#registry;
    deadlines.passAll();
    serial.open(); // it may be closed for a handover
    const ended = Promise.all([...overlays.values()].map((overlay) => overlay.plugin.end('to_resume')));
    return serial.run(async () => {
      await ended;
      // Those of overlays that went in a turn before this one, and of those that were to come in one after it.
      await Promise.all([...slots].map((slot) => slot.end('to_resume')));
      for (const overlay of overlays.values()) overlay.attachment?.upcalls.close();
      if (!this.#handover.isBegun) {
        await keepVnics(this.#registry);
        await this.#registry.memory.end();
      }
      await datapath.close();
      for (const vnic of vnics.values()) vnic.close();
      sockets.closeAll();
      for (const each of [border, earlyDrop, network, interfaces]) each?.close();
    });
  }

  daemon(): DaemonView {
    const { successor } = this.#handover;
    const facts = { engineReason: this.#engineReason, startedAtMs: this.#startedAtMs, successor };
    return daemonView(this.#registry, facts, this.#configFile?.view(this.#registry) ?? null);
  }

  /** Of a successor: the daemon before carries nothing any more, and has told all that its programs dropped. */
  succeed(): void {
    this.#registry.earlyDrop?.start(true);
  }

  get hasVnics(): boolean {
    return this.#registry.vnics.size > 0;
  }

  /** One line. */
  summary(): string {
    return summary(this.#registry);
  }

  status(): StatusView {
    sayVnics(this.#registry);
    return statusView(this.#registry, this.daemon(), this.#clockwork.failures);
  }

  setLogLevel({ level }: SetLogLevel): void {
    const { log } = this.#registry;
    log.info('log level changed', { from: log.level, to: level });
    log.level = level;
  }

  overlays(): OverlayView[] {
    sayVnics(this.#registry);
    const loaded = [...this.#registry.overlays.values()].map((overlay) => this.#view(overlay));
    return [...loaded, ...unloadedOverlays(this.#registry.state)].sort(byName);
  }

  overlay(name: string): OverlayView {
    sayVnics(this.#registry);
    const unloaded = unloadedOverlays(this.#registry.state).find((view) => view.name === name);
    return unloaded ?? this.#view(overlayOf(this.#registry, name));
  }

  async createOverlay(request: CreateOverlay): Promise<OverlayView> {
    return this.#view(await createOverlay(this.#registry, request));
  }

  async modifyOverlay(name: string, request: ModifyOverlay): Promise<OverlayView> {
    return this.#view(await modifyOverlay(this.#registry, name, request));
  }

  deleteOverlay(name: string): Promise<void> {
    return this.#change(name, () => deleteOverlay(this.#registry, name));
  }

  targets(name: string, page: PageRequest = { limit: TARGETS_DEFAULT }): TargetPage {
    return targetPage(overlayOf(this.#registry, name), page, this.#registry.now());
  }

  setTarget(name: string, mac: string, request: SetTarget): Promise<void> {
    return this.#change(name, () => setTarget(this.#registry, name, mac, request.destination));
  }

  deleteTarget(name: string, mac: string): Promise<void> {
    return this.#registry.serial.run(() => deleteTarget(this.#registry, name, mac));
  }

  flushTargets(name: string): Promise<void> {
    return this.#registry.serial.run(() => flushTargets(this.#registry, name));
  }

  moves(name: string): MoveView[] {
    return moveViews(overlayOf(this.#registry, name), this.#registry.now());
  }

  thaw(name: string, mac: string): void {
    thaw(this.#registry, name, mac);
  }

  /** Does not wait for commands: it asks as a frame would. */
  async lookup(name: string, mac: string): Promise<LookupView> {
    return lookup(overlayOf(this.#registry, name), mac);
  }

  /** Likewise. */
  async owner(name: string, ip: string): Promise<OwnerView> {
    return ownerOf(overlayOf(this.#registry, name), ip);
  }

  /** Likewise. */
  async ping(name: string, request: PingRequest, gone?: AbortSignal): Promise<PingView> {
    return ping(this.#registry, name, request, gone);
  }

  /** Likewise. */
  trace(name: string, request: TraceRequest): Promise<TraceView> {
    return trace(this.#registry, name, request);
  }

  vnics(): VnicView[] {
    const loaded = [...this.#registry.vnics.values()].map((vnic) => this.#vnicView(vnic));
    return [...loaded, ...unloadedVnics(this.#registry.state)].sort(byName);
  }

  createVnic(request: CreateVnic): Promise<VnicView> {
    return this.#registry.serial.run(async () => this.#vnicView(await createVnic(this.#registry, request)));
  }

  createTrunk(request: CreateTrunk): Promise<VnicView[]> {
    return this.#registry.serial.run(async () => {
      const made = await createTrunk(this.#registry, request);
      return made.map((vnic) => this.#vnicView(vnic));
    });
  }

  modifyVnic(name: string, request: ModifyVnic): Promise<VnicView> {
    return this.#change(name, async () => this.#vnicView(await modifyVnic(this.#registry, name, request)));
  }

  /** Of a trunk: all its VNICs. */
  deleteVnic(name: string): Promise<void> {
    return this.#registry.serial.run(() => deleteVnics(this.#registry, name));
  }

  stats({ overlay: names }: StatsRequest): StatsView {
    return statsView(this.#registry, names);
  }

  history({ overlay, after }: HistoryRequest): HistoryView {
    const name = overlay === undefined ? null : overlayOf(this.#registry, overlay).name;
    const afterMs = after === undefined ? undefined : Date.parse(after);
    return { points: this.#registry.meter.history.points(name, afterMs) };
  }

  events(filter: EventFilter): EventPage {
    this.#clockwork.objects.look();
    return eventPage(this.eventLog, filter);
  }

  #view(overlay: Overlay): OverlayView {
    const { border, fileOwned } = this.#registry;
    return overlayView(overlay, border, [...plugins.keys()], fileOwned.place(overlay.name));
  }

  #vnicView(vnic: Vnic): VnicView {
    const { overlays, fileOwned } = this.#registry;
    return vnicView(vnic, overlays.get(vnic.identity.overlay), fileOwned.place(vnic.name));
  }

  /** A command that changes an object, which a file must not declare. */
  #change<T>(name: string, command: () => Promise<T>): Promise<T> {
    return this.#registry.serial.run(() => {
      this.#registry.fileOwned.refuse(name);
      return command();
    });
  }
}
