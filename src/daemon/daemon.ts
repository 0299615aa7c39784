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
import { plugins } from '../search/registry.js';
import { localAddresses } from '../system/link.js';
import { version } from '../version.js';
import { load, needsRepair, pluginsStarted, repair } from './commands/bring-up.js';
import { createOverlay, deleteOverlay } from './commands/create-overlay.js';
import { Declared } from './commands/file-owned.js';
import { lookup } from './commands/lookup.js';
import { modifyOverlay } from './commands/modify-overlay.js';
import { overlayOf, type Registry, sorted } from './commands/registry.js';
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
import type { PluginSlot } from './plugin/plugin-slot.js';
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
  readonly #registry: Registry;
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
    const objects = { ...maps, slots: new Set<PluginSlot>(), declared: new Declared() };
    const isEnding = () => this.#isEnding;
    this.#registry = { datapath, state, log, now, isEnding, deadlines, sockets, serial: this.#serial, ...objects };
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
      await load(this.#registry);
      await (this.#configuration === null ? release(this.#registry) : this.#configuration.begin(this.#registry));
      await repair(this.#registry, () => true);
    });
    const { deadlines, log } = this.#registry;
    await deadlines.within(START_PATIENCE_MS, 'search plugins', pluginsStarted(this.#registry)).catch(() => {
      if (!this.#isEnding) log.warn('search plugins are still starting');
    });
  }

  /** Time has passed. To be called about ten times a second. */
  tick(): void {
    const nowMs = this.#registry.now();
    this.#registry.deadlines.tick(nowMs);
    for (const slot of this.#registry.slots) slot.tick(nowMs);
    for (const overlay of this.#registry.overlays.values()) overlay.tick(nowMs);
    if (nowMs >= this.#watchAtMs) this.#watch(nowMs);
    if (this.#isEnding) return;
    if (!this.#isRepairing && needsRepair(this.#registry, nowMs)) void this.#repair();
    if (this.#configuration?.isDue(nowMs) === true) void this.#configuration.retry(this.#registry);
  }

  /** SIGHUP: the configuration file is read, whatever is not up is tried at once, plugins re-read their sources. */
  async reload(): Promise<void> {
    const running = sorted(this.#registry.overlays).filter(({ state }) => state === 'serving');
    await this.#configuration?.reload(this.#registry);
    await this.#serial.run(async () => {
      if (!this.#isEnding) await repair(this.#registry, () => true);
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
    const { datapath, deadlines, sockets, overlays, vnics, slots } = this.#registry;
    deadlines.passAll();
    const ended = Promise.all([...overlays.values()].map((overlay) => overlay.plugin.end()));
    return this.#serial.run(async () => {
      await ended;
      // Those of overlays that went in a turn before this one, and of those that were to come in one after it.
      await Promise.all([...slots].map((slot) => slot.end()));
      for (const overlay of overlays.values()) overlay.attachment?.upcalls.close();
      await datapath.close();
      for (const vnic of vnics.values()) vnic.close();
      sockets.closeAll();
    });
  }

  daemon(): DaemonView {
    const { datapath, now } = this.#registry;
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
    return sorted(this.#registry.overlays).map((overlay) => this.#view(overlay));
  }

  overlay(name: string): OverlayView {
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

  targets(name: string): TargetView[] {
    return targetViews(overlayOf(this.#registry, name), this.#registry.now());
  }

  setTarget(name: string, mac: string, request: SetTarget): Promise<void> {
    return this.#change(name, () => setTarget(this.#registry, name, mac, request.destination));
  }

  deleteTarget(name: string, mac: string): Promise<void> {
    return this.#serial.run(() => deleteTarget(this.#registry, name, mac));
  }

  flushTargets(name: string): Promise<void> {
    return this.#serial.run(() => flushTargets(this.#registry, name));
  }

  /** Does not wait for commands: it asks as a frame would. */
  async lookup(name: string, mac: string): Promise<LookupView> {
    return lookup(overlayOf(this.#registry, name), mac);
  }

  vnics(): VnicView[] {
    return sorted(this.#registry.vnics).map((vnic) => this.#vnicView(vnic));
  }

  createVnic(request: CreateVnic): Promise<VnicView> {
    return this.#serial.run(async () => this.#vnicView(await createVnic(this.#registry, request)));
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
    return overlayView(overlay, [...plugins.keys()], this.#registry.declared.place(overlay.name));
  }

  #vnicView(vnic: Vnic): VnicView {
    const { overlays, declared } = this.#registry;
    return vnicView(vnic, overlays.get(vnic.identity.overlay), declared.place(vnic.name));
  }

  /** A command that changes an object, which a file must not declare. */
  #change<T>(name: string, command: () => Promise<T>): Promise<T> {
    return this.#serial.run(() => {
      this.#registry.declared.refuse(name);
      return command();
    });
  }

  #upcall(record: UpcallRecord): void {
    const { datapath, overlayByIndex, log } = this.#registry;
    try {
      const attachment = overlayByIndex.get(record.overlay)?.attachment;
      if (record.kind === 'learn') attachment?.flooding.learner.heard(record.mac, record.ip, this.#registry.now());
      else if (attachment) attachment.upcalls.handle(record);
      else if (record.kind !== 'miss') datapath.countDrop(0, 'overlay_gone');
    } catch (thrown) {
      log.error('bug while handling an upcall', { stack: thrown instanceof Error ? thrown.stack : thrown });
    }
  }

  /** What changes without a word: underlay addresses come and go, and there is room again for static targets. */
  #watch(nowMs: number): void {
    const { overlays, log } = this.#registry;
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
    const isDue = ({ backoff }: Overlay | Vnic) => backoff.isDue(this.#registry.now());
    await this.#serial
      .run(() => repair(this.#registry, isDue))
      .catch((thrown: unknown) => this.#registry.log.error('bug while repairing', { reason: messageOf(thrown) }));
    this.#isRepairing = false;
  }

  /** Somebody deleted the interface of a VNIC, or its namespace. */
  async #vnicGone(index: VnicIndex): Promise<void> {
    const { vnics, overlays, datapath, log } = this.#registry;
    const vnic = [...vnics.values()].find((each) => each.index === index);
    if (vnic === undefined || this.#isEnding) return;
    log.warn('the interface of a VNIC was deleted', { vnic: vnic.name });
    await vnic.remove(overlays.get(vnic.identity.overlay), datapath, (name) => vnics.has(name));
    vnic.problem = 'its interface was deleted (SIGHUP of the daemon makes it again; delete-vnic forgets it)';
  }
}
