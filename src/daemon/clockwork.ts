/**
 * What goes on by itself: time passes, the datapath asks, what is not up is tried again, and what changes without a
 * word is looked at.
 */
import type { UpcallRecord, VnicIndex } from '../datapath/types.js';
import { messageOf } from '../errors.js';
import { stackOf } from '../stack.js';
import { localAddresses } from '../system/link.js';
import { needsRepair, repair } from './commands/bring-up.js';
import { follow, letGo, letNamespaceGo, sayVnics } from './commands/follow.js';
import { ObjectWatch } from './commands/object-watch.js';
import { keepVnics, type Registry } from './commands/registry.js';
import type { ConfigFile } from './config-file/config-file.js';
import { GuardedParts } from './guarded-parts.js';
import type { Overlay } from './overlay/overlay.js';
import type { Vnic } from './overlay/vnic.js';

/** What changes without a word is looked at this often. */
export const WATCH_EVERY_MS = 3000;

export class Clockwork {
  readonly #registry: Registry;
  readonly #configFile: ConfigFile | null;
  readonly #parts: GuardedParts;
  readonly objects: ObjectWatch;
  #watchAtMs = Number.NEGATIVE_INFINITY;
  /** Of the network, when overlays last looked at it. */
  #versions: readonly [links: number, routes: number] = [-1, -1];
  #isRepairing = false;
  #isReopening = false;
  #isKeeping = false;

  /** Listens to the datapath from now on. */
  constructor(registry: Registry, configFile: ConfigFile | null) {
    this.#registry = registry;
    this.#configFile = configFile;
    this.#parts = new GuardedParts(registry.log);
    this.objects = new ObjectWatch(registry);
    const { datapath, serial, log, events } = registry;
    datapath.onUpcall = (record) => this.#upcall(record);
    datapath.onWorkerRestart = (worker, reason) =>
      events.tell('worker_restarted', { object: `worker ${worker}`, reason });
    datapath.onVnicGone = (index) => {
      serial
        .run(() => this.#vnicGone(index))
        .catch((thrown: unknown) => log.error('a VNIC that is gone was not let go', { reason: messageOf(thrown) }));
    };
  }

  /** By part of what goes on by itself, why it failed the last time. */
  get failures(): ReadonlyMap<string, string> {
    return this.#parts.failures;
  }

  /** Time has passed. Never throws. */
  tick(): void {
    const { now, datapath, deadlines, slots, overlays, border, earlyDrop, memory, restless, isEnding } = this.#registry;
    const { meter, silence, events } = this.#registry;
    const nowMs = now();
    const parts = this.#parts;
    for (const overlay of restless) if (overlays.get(overlay.name) !== overlay) restless.delete(overlay);
    parts.run('workers', () => datapath.watch(nowMs));
    parts.run('early drop', () => earlyDrop?.tick(nowMs));
    parts.run('rates', () => meter.tick(nowMs, datapath, overlays.values(), events.tell));
    parts.run('silence', () => silence.tick(nowMs));
    parts.run('deadlines', () => deadlines.tick(nowMs));
    parts.run('network', () => this.#followNetwork(nowMs));
    parts.run('underlay', () => border.tick(nowMs));
    for (const slot of slots) parts.run('search plugins', () => slot.tick(nowMs));
    if (nowMs >= this.#watchAtMs) parts.run('watch', () => this.#watch(nowMs));
    for (const overlay of restless) parts.run(`overlay ${overlay.name}`, () => overlay.tick(nowMs));
    if (isEnding()) return;
    parts.run('events', () => this.#tellEvents());
    parts.run('repair', () => this.#repairWhatIsDue(nowMs));
    parts.run('memory', () => memory.tick(nowMs));
    parts.run('interfaces', () => this.#followInterfaces(nowMs));
    parts.run('state', () => this.#keepWhatChanged());
    parts.run('configuration', () => this.#retryConfiguration(nowMs));
  }

  /** What changes after this look stirs its overlay for the next one. */
  #tellEvents(): void {
    const { restless } = this.#registry;
    this.objects.look();
    for (const overlay of restless) if (overlay.isAtRest) restless.delete(overlay);
  }

  #repairWhatIsDue(nowMs: number): void {
    if (!this.#isRepairing && needsRepair(this.#registry, nowMs)) void this.#repair();
  }

  #keepWhatChanged(): void {
    if (!this.#isKeeping && [...this.#registry.vnics.values()].some((vnic) => !vnic.isKept)) void this.#keep();
  }

  #retryConfiguration(nowMs: number): void {
    if (this.#configFile?.isDue(nowMs) === true) void this.#configFile.retry(this.#registry);
  }

  #upcall(record: UpcallRecord): void {
    const { datapath, border, overlayByIndex, log, now } = this.#registry;
    try {
      const attachment = overlayByIndex.get(record.overlay)?.attachment;
      if (record.kind === 'too_long') border.paths.tooLong(record.endpoint);
      else if (record.kind === 'learn') attachment?.heard(record, now());
      else if (record.kind === 'stranger') attachment?.refused(record, now());
      else if (record.kind === 'address') attachment?.upcalls.heardElsewhere(record);
      else if (record.kind === 'loopback' && attachment) attachment.loopback.handle(record);
      else if (record.kind !== 'loopback' && attachment) attachment.upcalls.handle(record);
      else if (record.kind !== 'miss') datapath.countDrop(0, 'overlay_gone', record);
    } catch (thrown) {
      log.error('bug while handling an upcall', { stack: stackOf(thrown) });
    }
  }

  #followNetwork(nowMs: number): void {
    const { network, restless, sockets, log } = this.#registry;
    try {
      network.follow();
      const [links, routes] = this.#versions;
      const { linksVersion, routesVersion } = network;
      if (links !== linksVersion || routes !== routesVersion) this.#stirAll();
      this.#versions = [linksVersion, routesVersion];
      for (const overlay of restless) overlay.followUnderlay(restless.size);
      if (!this.#isReopening && sockets.isBehind(nowMs)) this.#reopenSockets(nowMs);
    } catch (thrown) {
      log.warn('cannot look at the network of this host', { reason: messageOf(thrown) });
    }
  }

  #reopenSockets(nowMs: number): void {
    this.#isReopening = true;
    this.#inTurn(async ({ sockets }) => {
      await sockets.follow(nowMs).finally(() => {
        this.#isReopening = false;
      });
    });
  }

  /** Other tools handle the interfaces of VNICs, and delete the namespaces they are in. */
  #followInterfaces(nowMs: number): void {
    const { interfaces, log } = this.#registry;
    try {
      const changed = interfaces.changed();
      const orphaned = interfaces.orphaned(nowMs);
      for (const vnic of changed) this.#inTurn((registry) => follow(registry, vnic));
      for (const inode of orphaned) this.#inTurn((registry) => letNamespaceGo(registry, inode));
    } catch (thrown) {
      log.warn('cannot look at the interfaces of VNICs', { reason: messageOf(thrown) });
    }
    sayVnics(this.#registry);
  }

  #inTurn(action: (registry: Registry) => Promise<void>): Promise<void> {
    const { serial, log, isEnding } = this.#registry;
    return serial
      .run(async () => {
        if (!isEnding()) await action(this.#registry);
      })
      .catch((thrown: unknown) => log.error('bug while following what changed', { reason: messageOf(thrown) }));
  }

  async #keep(): Promise<void> {
    this.#isKeeping = true;
    await this.#inTurn(keepVnics);
    this.#isKeeping = false;
  }

  #stirAll(): void {
    const { overlays, restless } = this.#registry;
    for (const overlay of overlays.values()) restless.add(overlay);
  }

  /** Underlay addresses come and go, MACs become free, and there is room again for static targets. */
  #watch(nowMs: number): void {
    const { overlays, vnics, log } = this.#registry;
    this.#stirAll();
    this.#watchAtMs = nowMs + WATCH_EVERY_MS;
    for (const vnic of vnics.values()) if (vnic.macRefusal !== '') this.#inTurn((registry) => follow(registry, vnic));
    try {
      const local = localAddresses();
      for (const overlay of overlays.values()) overlay.watch(local);
    } catch (thrown) {
      log.warn('cannot look at the addresses of this host', { reason: messageOf(thrown) });
    }
  }

  async #repair(): Promise<void> {
    const { serial, now, log } = this.#registry;
    this.#isRepairing = true;
    const isDue = ({ backoff }: Overlay | Vnic) => backoff.isDue(now());
    await serial
      .run(() => repair(this.#registry, isDue))
      .catch((thrown: unknown) => log.error('bug while repairing', { reason: messageOf(thrown) }));
    this.#isRepairing = false;
  }

  /** Somebody deleted the interface of a VNIC, or of a trunk, or its namespace. */
  async #vnicGone(index: VnicIndex): Promise<void> {
    const { vnics, isEnding } = this.#registry;
    const those = [...vnics.values()].filter((each) => each.index === index || each.trunkIndex === index);
    for (const vnic of those) if (!isEnding()) await letGo(this.#registry, vnic);
  }
}
