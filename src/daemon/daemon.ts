/**
 * The daemon: its start and end, and what a client may ask for, done one command at a time. What goes on by itself is
 * clockwork.ts.
 */
import type {
  Controller,
  CreateOverlay,
  CreateVnic,
  DaemonView,
  LookupView,
  ModifyOverlay,
  MoveView,
  OverlayView,
  PageRequest,
  SetTarget,
  StatsView,
  StatusView,
  TargetPage,
  VnicView,
} from '../control/protocol.js';
import { TARGETS_DEFAULT } from '../control/protocol.js';
import type { Datapath } from '../datapath/datapath.js';
import type { LogLevel } from '../log-levels.js';
import { plugins } from '../search/registry.js';
import { effectiveCapabilities } from '../system/capabilities.js';
import { version } from '../version.js';
import { Clockwork } from './clockwork.js';
import { checkTaps, load, pluginsStarted, repair } from './commands/bring-up.js';
import { createOverlay, deleteOverlay } from './commands/create-overlay.js';
import { sayVnics } from './commands/follow.js';
import { lookup } from './commands/lookup.js';
import { modifyOverlay } from './commands/modify-overlay.js';
import { emptyRegistry, overlayOf, type Registry, sorted } from './commands/registry.js';
import { statsView } from './commands/stats-view.js';
import { statusView } from './commands/status-view.js';
import { deleteTarget, flushTargets, setTarget, thaw } from './commands/targets.js';
import { moveViews, overlayView, targetPage, vnicView } from './commands/views.js';
import { createVnic, deleteVnic } from './commands/vnics.js';
import { release } from './config-file/apply.js';
import type { ConfigFile } from './config-file/config-file.js';
import type { DaemonLog } from './log.js';
import type { Overlay } from './overlay/overlay.js';
import type { Vnic } from './overlay/vnic.js';
import type { State } from './state/store.js';
import { type Border, openBorder } from './underlay/border.js';
import { Network } from './underlay/network.js';

export interface DaemonOptions {
  readonly datapath: Datapath;
  readonly state: State;
  readonly log: DaemonLog;
  /** Of this process' namespace by default. */
  readonly network?: Network;
  /** Sockets alone by default. */
  readonly border?: Border;
  /** Milliseconds of the monotonic clock; the datapath's by default. */
  readonly now?: () => number;
  /** Why the engine is not the faster one; '' when it is. */
  readonly engineReason?: string;
  /** The configuration file, if there is one. */
  readonly configFile?: ConfigFile | null;
}

/** After a restart, commands wait this long for plugins that start slowly. */
const START_PATIENCE_MS = 10_000;

export class Daemon implements Controller {
  readonly #registry: Registry;
  readonly #startedAtMs: number;
  readonly #configFile: ConfigFile | null;
  readonly #clockwork: Clockwork;
  readonly #engineReason: string;
  #isEnding = false;

  /** Nothing is restored yet; see {@link restore}. */
  constructor(options: DaemonOptions) {
    const { datapath, state, log, now = () => datapath.nowMs(), configFile = null } = options;
    const network = options.network ?? new Network();
    const border = options.border ?? openBorder('socket', datapath, network, log);
    this.#registry = emptyRegistry({ datapath, network, border, state, log, now, isEnding: () => this.#isEnding });
    this.#startedAtMs = now();
    this.#configFile = configFile;
    this.#engineReason = options.engineReason ?? '';
    this.#clockwork = new Clockwork(this.#registry, configFile);
  }

  /**
   * Resolves when everything that was kept, and is declared, is there or has been tried; a plugin that takes its time
   * to start is not waited for. Needs `tick` meanwhile. Rejects when the configuration file is refused, and when there
   * are VNICs and this process may not make interfaces: then nothing was touched.
   */
  async restore(): Promise<void> {
    await this.#registry.serial.run(async () => {
      await load(this.#registry);
      await (this.#configFile === null ? release(this.#registry) : this.#configFile.begin(this.#registry));
      checkTaps(this.#registry);
      await repair(this.#registry, () => true);
    });
    const { deadlines, log } = this.#registry;
    await deadlines.within(START_PATIENCE_MS, 'search plugins', pluginsStarted(this.#registry)).catch(() => {
      if (!this.#isEnding) log.warn('search plugins are still starting');
    });
  }

  /** Time has passed. To be called about ten times a second. */
  tick(): void {
    this.#clockwork.tick();
  }

  /** SIGHUP: the configuration file is read, whatever is not up is tried at once, plugins re-read their sources. */
  async reload(): Promise<void> {
    const running = sorted(this.#registry.overlays).filter(({ state }) => state === 'serving');
    await this.#configFile?.reload(this.#registry);
    await this.#registry.serial.run(async () => {
      if (this.#isEnding) return;
      for (const vnic of this.#registry.vnics.values()) vnic.restoreMac();
      await repair(this.#registry, () => true);
    });
    await Promise.all(running.map((overlay) => overlay.plugin.reload()));
    await pluginsStarted(this.#registry);
  }

  /**
   * Orderly end: plugins stop, the datapath stops, interfaces of temporary VNICs go and all others stay. What is under
   * way is cut short, so that a plugin that starts slowly does not hold up the end.
   */
  stop(): Promise<void> {
    this.#isEnding = true;
    const { datapath, deadlines, sockets, border, network, interfaces, overlays, vnics, slots } = this.#registry;
    deadlines.passAll();
    const ended = Promise.all([...overlays.values()].map((overlay) => overlay.plugin.end()));
    return this.#registry.serial.run(async () => {
      await ended;
      // Those of overlays that went in a turn before this one, and of those that were to come in one after it.
      await Promise.all([...slots].map((slot) => slot.end()));
      for (const overlay of overlays.values()) overlay.attachment?.upcalls.close();
      await datapath.close();
      for (const vnic of vnics.values()) vnic.close();
      sockets.closeAll();
      border.close();
      network.close();
      interfaces.close();
    });
  }

  daemon(): DaemonView {
    const { datapath, border, now, log } = this.#registry;
    return {
      version: version(),
      pid: process.pid,
      engine: datapath.engine,
      engineReason: this.#engineReason,
      underlay: { border: border.kind, reason: border.reason },
      capabilities: effectiveCapabilities(),
      workers: datapath.workers,
      fdbSize: datapath.fdbSize,
      fdbEntries: datapath.fdbCount,
      workerRestarts: datapath.workerRestarts,
      logLevel: log.level,
      uptimeSeconds: Math.floor((now() - this.#startedAtMs) / 1000),
      configuration: this.#configFile?.view(this.#registry) ?? null,
    };
  }

  status(): StatusView {
    return statusView(this.#registry, this.daemon());
  }

  setLogLevel(level: LogLevel): void {
    const { log } = this.#registry;
    log.info('log level changed', { from: log.level, to: level });
    log.level = level;
  }

  overlays(): OverlayView[] {
    sayVnics(this.#registry);
    return sorted(this.#registry.overlays).map((overlay) => this.#view(overlay));
  }

  overlay(name: string): OverlayView {
    sayVnics(this.#registry);
    return this.#view(overlayOf(this.#registry, name));
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

  targets(name: string, page: PageRequest = { after: null, limit: TARGETS_DEFAULT }): TargetPage {
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

  vnics(): VnicView[] {
    return sorted(this.#registry.vnics).map((vnic) => this.#vnicView(vnic));
  }

  createVnic(request: CreateVnic): Promise<VnicView> {
    return this.#registry.serial.run(async () => this.#vnicView(await createVnic(this.#registry, request)));
  }

  deleteVnic(name: string): Promise<void> {
    return this.#change(name, () => deleteVnic(this.#registry, name));
  }

  stats(names: string[]): StatsView {
    const { datapath, overlays, vnics } = this.#registry;
    const isAll = names.length === 0;
    const shown = isAll ? sorted(overlays) : names.map((name) => overlayOf(this.#registry, name));
    const onShown = sorted(vnics).filter((vnic) => shown.some(({ name }) => name === vnic.identity.overlay));
    return statsView(datapath, shown, onShown, isAll);
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
