/**
 * The daemon: what a client may ask for, done one command at a time. Joins the datapath, the overlays with their search
 * plugins, the VNICs and what is kept over restarts.
 */
import type {
  Controller,
  CreateOverlay,
  CreateVnic,
  DaemonView,
  LookupView,
  ModifyOverlay,
  OverlayView,
  SetTarget,
  StatsView,
  TargetView,
  VnicView,
} from '../control/protocol.js';
import type { Datapath } from '../datapath/datapath.js';
import type { UpcallRecord, VnicIndex } from '../datapath/types.js';
import { messageOf } from '../errors.js';
import { Deadlines } from '../search/host/deadlines.js';
import type { PluginHost } from '../search/host/host.js';
import { plugins } from '../search/registry.js';
import { localAddresses } from '../system/link.js';
import { version } from '../version.js';
import { load, needsRepair, pluginsStarted, repair } from './commands/bring-up.js';
import { createOverlay, deleteOverlay } from './commands/create-overlay.js';
import { Declared } from './commands/file-owned.js';
import { lookup } from './commands/lookup.js';
import { modifyOverlay } from './commands/modify-overlay.js';
import { overlayOf, sorted, type World } from './commands/registry.js';
import { Serial } from './commands/serial.js';
import { statsView } from './commands/stats-view.js';
import { deleteTarget, flushTargets, setTarget } from './commands/targets.js';
import { overlayView, targetViews, vnicView } from './commands/views.js';
import { createVnic, deleteVnic } from './commands/vnics.js';
import { release } from './config-file/apply.js';
import type { Configuration } from './config-file/config-file.js';
import type { DaemonLog } from './log.js';
import type { Overlay } from './overlay/overlay.js';
import type { Vnic } from './overlay/vnic.js';
import type { State } from './state/store.js';
import { Sockets } from './underlay/sockets.js';

export interface DaemonOptions {
  readonly datapath: Datapath;
  readonly state: State;
  readonly log: DaemonLog;
  /** Milliseconds of the monotonic clock; the datapath's by default. */
  readonly now?: () => number;
  /** The configuration file, if there is one. */
  readonly configuration?: Configuration | null;
}

/** After a restart, commands wait this long for plugins that start slowly. */
const START_PATIENCE_MS = 10_000;
/** What nobody tells us about is looked at this often. */
export const WATCH_EVERY_MS = 3000;

export class Daemon implements Controller {
  readonly #world: World;
  readonly #serial = new Serial();
  readonly #startedAtMs: number;
  readonly #configuration: Configuration | null;
  #watchAtMs = Number.NEGATIVE_INFINITY;
  #isRepairing = false;
  #isEnding = false;

  /** Nothing is restored yet; see {@link restore}. */
  constructor({ datapath, state, log, now = () => datapath.nowMs(), configuration = null }: DaemonOptions) {
    const deadlines = new Deadlines(now);
    const sockets = new Sockets(datapath);
    const maps = { overlays: new Map(), overlayByIndex: new Map(), vnics: new Map() };
    const objects = { ...maps, hosts: new Set<PluginHost>(), declared: new Declared() };
    const isEnding = () => this.#isEnding;
    this.#world = { datapath, state, log, now, isEnding, deadlines, sockets, serial: this.#serial, ...objects };
    this.#startedAtMs = now();
    this.#configuration = configuration;
    datapath.onUpcall = (record) => this.#upcall(record);
    datapath.onVnicGone = (index) => {
      this.#serial
        .run(() => this.#vnicGone(index))
        .catch((thrown: unknown) => log.error('a VNIC that is gone was not let go', { reason: messageOf(thrown) }));
    };
  }

  /**
   * Resolves when everything that was kept, and is declared, is there or has been tried; a plugin that takes its time
   * to start is not waited for. Needs `tick` meanwhile. Rejects when the configuration file is refused: then nothing
   * was touched.
   */
  async restore(): Promise<void> {
    await this.#serial.run(async () => {
      await load(this.#world);
      await (this.#configuration === null ? release(this.#world) : this.#configuration.begin(this.#world));
      await repair(this.#world, () => true);
    });
    const { deadlines, log } = this.#world;
    await deadlines.within(START_PATIENCE_MS, 'search plugins', pluginsStarted(this.#world)).catch(() => {
      if (!this.#isEnding) log.warn('search plugins are still starting');
    });
  }

  /** Time has passed. To be called about ten times a second. */
  tick(): void {
    const nowMs = this.#world.now();
    this.#world.deadlines.tick(nowMs);
    for (const host of this.#world.hosts) host.watch(nowMs);
    for (const overlay of this.#world.overlays.values()) overlay.tick(nowMs);
    if (nowMs >= this.#watchAtMs) this.#watch(nowMs);
    if (this.#isEnding) return;
    if (!this.#isRepairing && needsRepair(this.#world, nowMs)) void this.#repair();
    if (this.#configuration?.isDue(nowMs) === true) void this.#configuration.retry(this.#world);
  }

  /** SIGHUP: the configuration file is read, whatever is not up is tried at once, plugins re-read their sources. */
  async reload(): Promise<void> {
    const running = sorted(this.#world.overlays).filter((overlay) => overlay.isUp);
    await this.#configuration?.reload(this.#world);
    await this.#serial.run(async () => {
      if (!this.#isEnding) await repair(this.#world, () => true);
    });
    await Promise.all(running.map((overlay) => overlay.search.reload()));
    await pluginsStarted(this.#world);
  }

  /**
   * Orderly end: plugins stop, the datapath stops, interfaces of temporary VNICs go and all others stay. What is under
   * way is cut short, so that a plugin that starts slowly does not hold up the end.
   */
  stop(): Promise<void> {
    this.#isEnding = true;
    const { datapath, deadlines, sockets, overlays, vnics, hosts } = this.#world;
    deadlines.passAll();
    const ended = Promise.all([...overlays.values()].map((overlay) => overlay.endPlugin()));
    return this.#serial.run(async () => {
      await ended;
      // What took over in a turn before this one, and what was to take over in one after it.
      await Promise.all([...hosts].map((host) => host.stop()));
      for (const overlay of overlays.values()) overlay.attachment?.upcalls.close();
      await datapath.close();
      for (const vnic of vnics.values()) vnic.close();
      sockets.closeAll();
    });
  }

  daemon(): DaemonView {
    const { datapath, now } = this.#world;
    return {
      version: version(),
      pid: process.pid,
      engine: datapath.engine,
      workers: datapath.workers,
      fdbSize: datapath.fdbSize,
      fdbEntries: datapath.fdbCount,
      workerRestarts: datapath.workerRestarts,
      uptimeSeconds: Math.floor((now() - this.#startedAtMs) / 1000),
      configuration: this.#configuration?.view() ?? null,
    };
  }

  overlays(): OverlayView[] {
    return sorted(this.#world.overlays).map((overlay) => this.#view(overlay));
  }

  overlay(name: string): OverlayView {
    return this.#view(overlayOf(this.#world, name));
  }

  async createOverlay(request: CreateOverlay): Promise<OverlayView> {
    return this.#view(await createOverlay(this.#world, request));
  }

  async modifyOverlay(name: string, request: ModifyOverlay): Promise<OverlayView> {
    this.#world.declared.refuse(name);
    return this.#view(await modifyOverlay(this.#world, name, request));
  }

  deleteOverlay(name: string): Promise<void> {
    return this.#change(name, () => deleteOverlay(this.#world, name));
  }

  targets(name: string): TargetView[] {
    return targetViews(overlayOf(this.#world, name), this.#world.now());
  }

  setTarget(name: string, mac: string, request: SetTarget): Promise<void> {
    return this.#change(name, () => setTarget(this.#world, name, mac, request.destination));
  }

  deleteTarget(name: string, mac: string): Promise<void> {
    return this.#serial.run(() => deleteTarget(this.#world, name, mac));
  }

  flushTargets(name: string): Promise<void> {
    return this.#serial.run(() => flushTargets(this.#world, name));
  }

  /** Does not wait for commands: it asks as a frame would. */
  async lookup(name: string, mac: string): Promise<LookupView> {
    return lookup(overlayOf(this.#world, name), mac);
  }

  vnics(): VnicView[] {
    return sorted(this.#world.vnics).map((vnic) => this.#vnicView(vnic));
  }

  createVnic(request: CreateVnic): Promise<VnicView> {
    return this.#serial.run(async () => this.#vnicView(await createVnic(this.#world, request)));
  }

  deleteVnic(name: string): Promise<void> {
    return this.#change(name, () => deleteVnic(this.#world, name));
  }

  stats(names: string[]): StatsView {
    const { datapath, overlays, vnics } = this.#world;
    const isAll = names.length === 0;
    const shown = isAll ? sorted(overlays) : names.map((name) => overlayOf(this.#world, name));
    const onShown = sorted(vnics).filter((vnic) => shown.some(({ name }) => name === vnic.identity.overlay));
    return statsView(datapath, shown, onShown, isAll);
  }

  #view(overlay: Overlay): OverlayView {
    return overlayView(overlay, [...plugins.keys()], this.#world.declared.place(overlay.name));
  }

  #vnicView(vnic: Vnic): VnicView {
    const { overlays, declared } = this.#world;
    return vnicView(vnic, overlays.get(vnic.identity.overlay), declared.place(vnic.name));
  }

  /** A command that changes an object, which a file must not declare. */
  #change<T>(name: string, command: () => Promise<T>): Promise<T> {
    return this.#serial.run(() => {
      this.#world.declared.refuse(name);
      return command();
    });
  }

  #upcall(record: UpcallRecord): void {
    const { datapath, overlayByIndex, log } = this.#world;
    try {
      const attachment = overlayByIndex.get(record.overlay)?.attachment;
      if (record.kind === 'learn') attachment?.flooding.learner.heard(record.mac, record.ip, this.#world.now());
      else if (attachment) attachment.upcalls.handle(record);
      else if (record.kind !== 'miss') datapath.countDrop(0, 'overlay_gone');
    } catch (thrown) {
      log.error('bug while handling an upcall', { stack: thrown instanceof Error ? thrown.stack : thrown });
    }
  }

  /** What changes without a word: underlay addresses come and go, and there is room again for static targets. */
  #watch(nowMs: number): void {
    const { overlays, log } = this.#world;
    this.#watchAtMs = nowMs + WATCH_EVERY_MS;
    try {
      const local = localAddresses();
      for (const overlay of overlays.values()) overlay.watch(local);
    } catch (thrown) {
      log.warn('cannot look at the addresses of this host', { reason: messageOf(thrown) });
    }
  }

  async #repair(): Promise<void> {
    this.#isRepairing = true;
    const isDue = ({ backoff }: Overlay | Vnic) => backoff.isDue(this.#world.now());
    await this.#serial
      .run(() => repair(this.#world, isDue))
      .catch((thrown: unknown) => this.#world.log.error('bug while repairing', { reason: messageOf(thrown) }));
    this.#isRepairing = false;
  }

  /** Somebody deleted the interface of a VNIC, or its namespace. */
  async #vnicGone(index: VnicIndex): Promise<void> {
    const { vnics, overlays, datapath, log } = this.#world;
    const vnic = [...vnics.values()].find((each) => each.index === index);
    if (vnic === undefined || this.#isEnding) return;
    log.warn('the interface of a VNIC was deleted', { vnic: vnic.name });
    await vnic.remove(overlays.get(vnic.identity.overlay), datapath, (name) => vnics.has(name));
    vnic.problem = 'its interface was deleted (SIGHUP of the daemon makes it again; delete-vnic forgets it)';
  }
}
