/**
 * One overlay: its configuration, and, while it is up, its socket, its place in the datapath, its plugin and its VNICs.
 */
import type { VnicIndex } from '../../datapath/types.js';
import { messageOf, overlayNotUp } from '../../errors.js';
import { configurationOf, type OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { Target } from '../../search/api.js';
import { type FoundPlugin, findPlugin } from '../../search/find.js';
import type { PluginFault } from '../../search/host/types.js';
import { LostTargets, type PutStatic } from '../forwarding/static-targets.js';
import { Backoff } from '../health/backoff.js';
import { Health } from '../health/health.js';
import { StatusLog } from '../health/status-log.js';
import type { DaemonLog } from '../log.js';
import type { PluginInstance } from '../plugin/instance.js';
import { PluginSlot } from '../plugin/plugin-slot.js';
import { PluginStarter } from '../plugin/plugin-starter.js';
import { ListenAddress } from '../underlay/listen-address.js';
import { OverlayMtu } from '../underlay/mtu.js';
import { applyToVnics } from './applied.js';
import { attachmentOf } from './attachment.js';
import { datapathConfig } from './overlay-config.js';
import type { AttachedVnic, Attachment, OverlayDeps, OverlayIdentity } from './types.js';

export class Overlay {
  readonly log: DaemonLog;
  readonly health = new Health();
  readonly backoff = new Backoff();
  readonly plugin: PluginSlot;
  readonly vnics = new Map<VnicIndex, AttachedVnic>();
  /** The operator's targets. */
  readonly statics = new Map<string, Target>();
  #identity: OverlayIdentity;
  #epoch = 0;
  readonly #deps: OverlayDeps;
  readonly #lostTargets: LostTargets;
  #configuration: OverlayConfiguration;
  readonly #mtu = new OverlayMtu();
  #attachment: Attachment | null = null;
  readonly #listenAddress = new ListenAddress(this.health);
  readonly #starter = new PluginStarter({
    candidate: () => this.#candidate(),
    isWanted: () => this.plugin.host === null && this.#attachment !== null,
    takeOver: (candidate) => this.takeOver(candidate),
    failed: (thrown) => void this.#cannot('start', thrown),
  });
  readonly #statusLog: StatusLog;

  /** `found`: null when there is no such plugin now. */
  constructor(
    identity: OverlayIdentity,
    found: FoundPlugin | null,
    configuration: OverlayConfiguration,
    deps: OverlayDeps,
  ) {
    this.#identity = identity;
    this.#configuration = configuration;
    this.#deps = deps;
    this.log = deps.log.child({ overlay: identity.name });
    this.#lostTargets = new LostTargets(this.health, this.log);
    this.#statusLog = new StatusLog(this.health, this.log);
    const { deadlines, hosts, now, datapath } = deps;
    this.plugin = new PluginSlot(found, {
      overlay: identity.name,
      vni: identity.vni,
      log: this.log,
      health: this.health,
      pushesMax: datapath.fdbSize,
      ...{ deadlines, hosts, now },
      onDeath: (fault) => this.#pluginDied(fault),
      onChange: () => this.#configure(),
    });
  }

  get identity(): OverlayIdentity {
    return this.#identity;
  }

  get name(): string {
    return this.#identity.name;
  }

  get configuration(): OverlayConfiguration {
    return this.#configuration;
  }

  /** Of the overlay and all its VNICs, in bytes. */
  get mtu(): number {
    return this.#mtu.of(this.#configuration.settings);
  }

  get underlay(): number | null {
    return this.#mtu.underlay;
  }

  get attachment(): Attachment | null {
    return this.#attachment;
  }

  /** Another number: somebody changed it, and a candidate that was started before has an old configuration. */
  get epoch(): number {
    return this.#epoch;
  }

  outdate(): void {
    this.#epoch++;
    this.#starter.outdate();
  }

  /** Resolves when the plugin has started, or cannot; null when it is not being started. */
  get starting(): Promise<void> | null {
    return this.#starter.running;
  }

  get isUp(): boolean {
    return this.#attachment !== null && this.plugin.host !== null;
  }

  /** The attachment, or a VxlaneError that says why there is none. */
  attached(): Attachment {
    if (this.#attachment === null) throw overlayNotUp(this.name, this.health.details);
    return this.#attachment;
  }

  /** Refuses a configuration whose MTU does not fit the underlay as it is now. */
  checkMtu({ settings }: OverlayConfiguration = this.#configuration): void {
    this.#mtu.check(settings);
  }

  /** Opens the socket, if it is not open. */
  async openUnderlay(): Promise<void> {
    if (this.#attachment !== null) return;
    try {
      await this.#attach();
      this.health.restore('underlay');
    } catch (thrown) {
      this.#cannot('underlay', thrown);
      throw thrown;
    }
  }

  /** Starts the search plugin, if there is none. Never rejects: a failure is health, and is tried again. */
  startPlugin(): Promise<void> {
    return this.#starter.start();
  }

  async #candidate(): Promise<PluginInstance> {
    const found = this.plugin.found ?? (await findPlugin(this.#identity.search, this.#deps.deadlines));
    return this.plugin.start(found, configurationOf(found.manifest, this.#configuration.given));
  }

  /** The plugin ends, and no other begins. */
  endPlugin(): Promise<void> {
    this.#starter.end();
    return this.plugin.stop();
  }

  pluginMacs(): string[] {
    return this.#attachment?.targets.told() ?? [];
  }

  /**
   * From now on the candidate answers, and what it said of MACs is in the FDB: the same as before is untouched.
   * `names`: general properties that differ in its configuration. Resolves when the one before it has stopped. Throws
   * when there is no socket, when the candidate has ended, and when the datapath has no room for where it floods or
   * points to: then nothing has changed.
   */
  async takeOver(candidate: PluginInstance, names: readonly string[] = []): Promise<void> {
    const { upcalls } = this.attached();
    if (candidate.fault !== null) throw candidate.fault;
    const before = this.#adopt(candidate);
    this.#starter.outdate();
    upcalls.serve(candidate.relay);
    this.#configure();
    applyToVnics(this, this.#deps.sockets, names);
    this.health.restore('start');
    this.backoff.succeeded(this.#deps.now());
    this.log.info('search plugin serves', { plugin: candidate.found.reference });
    await before?.stop();
  }

  /** All or nothing. Answers the one before it. */
  #adopt(candidate: PluginInstance): PluginInstance | null {
    const [identity, configuration, wasPoint] = [this.#identity, this.#configuration, this.plugin.isPoint];
    this.#identity = { ...identity, search: candidate.found.reference };
    this.#configuration = candidate.configuration;
    try {
      return this.plugin.takeOver(candidate, () => {
        // From one destination for all to those in the FDB: it is filled first. But a flood list may have no room.
        if (!wasPoint || this.plugin.isPoint || candidate.flood !== null) this.#configure();
      });
    } catch (thrown) {
      this.#identity = identity;
      this.#configuration = configuration;
      throw thrown;
    }
  }

  #pluginDied(fault: PluginFault): void {
    const waitMs = this.#cannot('start', fault);
    this.log.error('search plugin ended', {
      reason: fault.message,
      restartInMs: waitMs,
      deaths: this.plugin.counts.deaths,
    });
  }

  /** Answers after how many milliseconds it is tried again. */
  #cannot(part: 'underlay' | 'start', thrown: unknown): number {
    this.health.degrade(part, messageOf(thrown));
    return this.backoff.failed(this.#deps.now());
  }

  /** Closes everything, whatever of it is open. No VNICs may be left. */
  async takeDown(): Promise<void> {
    this.outdate();
    await this.plugin.stop();
    const attachment = this.#attachment;
    if (attachment === null) return;
    this.#attachment = null;
    this.#deps.overlayByIndex.delete(attachment.index);
    attachment.upcalls.close();
    await this.#deps.datapath.removeOverlay(attachment.index);
    await attachment.flooding.close();
    await this.#deps.sockets.release(this.name, this.#configuration.settings.socket);
  }

  /**
   * Takes a new configuration in which `names` may differ. The plugin is told first, so that its refusal changes
   * nothing here. A change is taken back by applying the old configuration.
   */
  async apply(configuration: OverlayConfiguration, names: readonly string[]): Promise<void> {
    this.outdate();
    await this.plugin.change(configuration, this.plugin.ownNames(names));
    this.#configuration = configuration;
    this.#configure();
    applyToVnics(this, this.#deps.sockets, names);
  }

  /** A VNIC that the datapath has already. */
  addVnic(vnic: AttachedVnic): void {
    const { targets, upcalls } = this.attached();
    upcalls.tookLocally(vnic.mac);
    targets.forget(vnic.mac);
    this.vnics.set(vnic.index, vnic);
    this.#configure();
    if (vnic.allowAnyMac) targets.redirectOwn();
  }

  /** A VNIC that the datapath still has. */
  removeVnic(vnic: AttachedVnic): void {
    this.vnics.delete(vnic.index);
    if (vnic.allowAnyMac) this.#attachment?.targets.redirectOwn();
  }

  tick(nowMs: number): void {
    this.#attachment?.targets.tick(nowMs);
    this.#attachment?.flooding.tick(nowMs);
    this.#statusLog.tick(nowMs);
  }

  /** Looks at what nobody tells of. `local`: this host's addresses. */
  watch(local: ReadonlySet<string>): void {
    if (this.#attachment === null) return;
    this.#listenAddress.watch(this.#configuration.settings.socket.listen.ip, local);
    this.#lostTargets.retry(this.statics, this.#putStatic);
    if (this.#attachment.flooding.watch(local)) this.#configure();
  }

  async #attach(): Promise<void> {
    const { sockets } = this.#deps;
    const { settings } = this.#configuration;
    const { socket: wanted } = settings;
    this.#mtu.look(settings);
    const socket = sockets.acquire(this.name, wanted);
    this.#listenAddress.opened(this.underlay !== null);
    try {
      this.#attachment = attachmentOf(this, this.#deps, socket);
      this.#deps.overlayByIndex.set(this.#attachment.index, this);
    } catch (thrown) {
      await sockets.release(this.name, wanted);
      throw thrown;
    }
    this.#lostTargets.putAll(this.statics, this.#putStatic);
  }

  readonly #putStatic: PutStatic = (mac, target) => {
    const { upcalls, targets } = this.attached();
    return upcalls.setStatic(mac, target) ? null : targets.noRoom().message;
  };

  #configure(): void {
    if (this.#attachment === null) return;
    // First, because it may have no room: then what was learned is not forgotten.
    this.#deps.datapath.setOverlay(this.#attachment.index, datapathConfig(this, this.#attachment));
    this.#attachment.flooding.follow(this.plugin.flood);
  }
}
