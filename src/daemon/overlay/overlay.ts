/**
 * One overlay: what it is called, its configuration, its plugin, and what it has while its socket is open.
 *
 *   down ──open──▶ bound ──the plugin serves──▶ serving      any ──takeDown──▶ down, for good
 *                    ▲ ◀──the plugin ends──────────┘
 *
 * One that is down exists all the same, as after a restart when its listen address is not there yet. What is missing is
 * its health, and is tried again: the socket by commands/bring-up.ts, the plugin by its slot.
 */
import type { VnicIndex } from '../../datapath/types.js';
import { messageOf, overlayNotUp, propertyFixed, swapLosesTargets } from '../../errors.js';
import type { Underlay } from '../../overlay-properties/mtu.js';
import type { OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { Target } from '../../search/api.js';
import type { FoundPlugin } from '../../search/find.js';
import { Backoff } from '../health/backoff.js';
import { Health } from '../health/health.js';
import { StatusLog } from '../health/status-log.js';
import type { DaemonLog } from '../log.js';
import { ownDestinations, type PluginInstance } from '../plugin/instance.js';
import { PluginSlot } from '../plugin/plugin-slot.js';
import type { NextPlugin } from '../plugin/site.js';
import { OverlayMtu } from '../underlay/mtu.js';
import { Attachment, FOLLOW_MTU } from './attachment.js';
import type { AttachedVnic, OverlayIdentity, OverlaySurroundings, VnicOverlay } from './types.js';

const NO_VNICS: ReadonlyMap<VnicIndex, AttachedVnic> = new Map();

export class Overlay implements VnicOverlay {
  readonly log: DaemonLog;
  readonly health = new Health(() => this.stir());
  /** Of its socket. */
  readonly backoff = new Backoff();
  readonly plugin: PluginSlot;
  /** The operator's targets. */
  readonly statics = new Map<string, Target>();
  readonly #surroundings: OverlaySurroundings;
  readonly #mtu: OverlayMtu;
  readonly #statusLog: StatusLog;
  #identity: OverlayIdentity;
  #configuration: OverlayConfiguration;
  #attachment: Attachment | null = null;
  #lacksDevice = false;

  /** `found`: null when there is no such plugin now. */
  constructor(
    identity: OverlayIdentity,
    found: FoundPlugin | null,
    configuration: OverlayConfiguration,
    surroundings: OverlaySurroundings,
  ) {
    this.#identity = identity;
    this.#configuration = configuration;
    this.#surroundings = surroundings;
    this.log = surroundings.log.child({ overlay: identity.name });
    this.#statusLog = new StatusLog(this.health, this.log);
    const { deadlines, placement, slots, now, datapath, network, tell } = surroundings;
    this.#mtu = new OverlayMtu(network, configuration.settings.socket.listen, (ip, isUsed) => {
      tell(isUsed ? 'endpoint_appeared' : 'endpoint_left', { object: `endpoint ${ip}`, overlay: identity.name });
      this.stir();
    });
    this.plugin = new PluginSlot(found, {
      ...{ overlay: identity.name, vni: identity.vni, log: this.log, health: this.health },
      ...{ deadlines, placement, slots, now },
      pushesMax: datapath.fdbSize,
      site: {
        wanted: () => ({ search: this.#identity.search, configuration: this.#configuration }),
        knownMacs: () => this.#attachment?.targets.told() ?? [],
        prepare: (next) => this.#prepare(next),
        started: (reason) =>
          reason === null ? this.log.info('overlay is up') : this.log.warn('overlay is not up', { reason }),
      },
    });
  }

  get state(): 'down' | 'bound' | 'serving' {
    if (this.#attachment === null) return 'down';
    return this.plugin.state === 'serving' ? 'serving' : 'bound';
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
    return this.#mtu.of(this.#configuration.settings.mtu);
  }

  get isMtuKnown(): boolean {
    return this.#configuration.settings.mtu !== null || this.underlay !== null;
  }

  /** What bounds the MTU, as it was last seen; null: nothing that is known. */
  get underlay(): Underlay | null {
    return this.#mtu.underlay;
  }

  /** An interface that is up has the listen address. */
  get isListenLocal(): boolean {
    return this.#surroundings.network.interfaceOf(this.#configuration.settings.socket.listen.ip) !== null;
  }

  /** Underlay addresses that MACs are decided to be behind: each says so once, and once when it no longer is. */
  get remotes(): Pick<OverlayMtu, 'uses' | 'leaves' | 'has' | 'count' | 'addresses'> {
    return this.#mtu;
  }

  /** null while the overlay is down. */
  get attachment(): Attachment | null {
    return this.#attachment;
  }

  /** VNICs that frames flow through. */
  get vnics(): ReadonlyMap<VnicIndex, AttachedVnic> {
    return this.#attachment?.vnics ?? NO_VNICS;
  }

  /** The attachment, or a VxlaneError that says why there is none. */
  attached(): Attachment {
    if (this.#attachment === null) throw overlayNotUp(this.name, this.health.ownDetails);
    return this.#attachment;
  }

  /** Refuses a configuration whose MTU does not fit the underlay as it is now. */
  checkMtu(configuration: OverlayConfiguration = this.#configuration): void {
    this.#followNow();
    this.#fits(configuration);
  }

  /** Any MTU does where what does not fit is fragmented. */
  #fits({ settings: { mtu, outer } }: OverlayConfiguration): void {
    if (outer.df !== 'unset') this.#mtu.check(mtu);
  }

  #mayNotFit(names: readonly string[]): boolean {
    return names.some((it) => it === 'mtu' || (it.endsWith('/df') && this.configuration.settings.outer.df === 'unset'));
  }

  /** The MTU follows the underlay. `sharers`: overlays that do the same now, see {@link OverlayMtu.look}. */
  followUnderlay(sharers: number): void {
    if (this.#attachment === null) this.#awaitDevice();
    if (!this.#mtu.look(sharers)) return;
    const { mtu, underlay } = this;
    if (this.#configuration.settings.mtu === null) {
      this.log.info('the MTU follows the underlay', { mtu, underlay: underlay?.mtu, interface: underlay?.interface });
      this.#attachment?.fit([FOLLOW_MTU]);
    }
    this.#sayMtu();
  }

  /** While its device is not there, nothing is worth trying; when it comes, no time is to be lost. */
  #awaitDevice(): void {
    const { device } = this.#configuration.settings.socket.listen;
    if (device === undefined) return;
    const { network, now } = this.#surroundings;
    const isThere = network.linkNamed(device) !== null;
    if (isThere && this.#lacksDevice) this.backoff.hurry(now());
    this.#lacksDevice = !isThere;
  }

  /** What the kernel tells without being waited for, for a command that wants to know now. */
  #followNow(): void {
    this.#surroundings.network.follow();
    this.followUnderlay(1);
  }

  /** A command refuses what does not fit; what fitted once, or comes from a file, works as far as it can. */
  #sayMtu(): void {
    try {
      this.#fits(this.#configuration);
      this.health.restore('mtu');
    } catch (thrown) {
      this.health.degrade('mtu', messageOf(thrown));
    }
  }

  /** From down to bound. Throws why that cannot be, which is its health until it can. */
  async open(): Promise<void> {
    const { now, onAttached } = this.#surroundings;
    if (this.#attachment !== null) return;
    try {
      this.#followNow();
      this.#attachment = await Attachment.open(this, this.#surroundings);
    } catch (thrown) {
      this.health.degrade('underlay', messageOf(thrown));
      this.backoff.failed(now());
      throw thrown;
    }
    onAttached(this.#attachment.index);
    this.stir();
    this.health.restore('underlay');
    this.backoff.succeeded(now());
  }

  /** Refuses what can be known of a change beforehand. `names`: properties that differ in the configuration. */
  checkChange(configuration: OverlayConfiguration, names: readonly string[]): void {
    if (this.#mayNotFit(names)) this.checkMtu(configuration);
    if (!this.plugin.takes(names)) throw propertyFixed(this.plugin.ownNames(names), this.plugin.name);
  }

  /** Refuses what another instance must not be prepared for. `names`: properties that differ in its configuration. */
  checkSwap({ manifest }: FoundPlugin, configuration: OverlayConfiguration, names: readonly string[]): void {
    const { size } = this.statics;
    this.attached();
    if (this.#mayNotFit(names)) this.checkMtu(configuration);
    if (manifest.mode === 'point' && size > 0) throw swapLosesTargets(this.name, manifest.name, size);
  }

  /**
   * A prepared instance answers from now on, in its configuration, and what it says of MACs is in the FDB: the same as
   * before is untouched. Resolves when the one before it has stopped. Throws what stands against it; then nothing has
   * changed. `names`: as for {@link checkSwap}.
   */
  async serve(instance: PluginInstance, names: readonly string[] = []): Promise<void> {
    this.checkSwap(instance.found, instance.configuration, names);
    const retired = this.plugin.serve(instance);
    this.#attachment?.fit(names);
    this.#followNow();
    this.#sayMtu();
    await retired;
  }

  /**
   * Takes another configuration, in which `names` may differ. The plugin is told first, so that its refusal changes
   * nothing here. A change is taken back by changing to the configuration before it.
   */
  async change(configuration: OverlayConfiguration, names: readonly string[]): Promise<void> {
    await this.plugin.change(configuration, names);
    this.#attachment?.fit(names);
    this.#followNow();
    this.#sayMtu();
  }

  /** Where its slot finds everything that can stand against a plugin, see {@link PluginSite}. */
  #prepare(next: NextPlugin): () => void {
    const attachment = next.relay === null ? this.#attachment : this.attached();
    const commit = attachment?.prepare(next);
    return () => {
      this.#identity = { ...this.#identity, search: next.facts.found?.reference ?? this.#identity.search };
      this.#configuration = next.configuration;
      this.stir();
      this.#mtu.setOwn(ownDestinations(next.facts));
      commit?.();
    };
  }

  /** Closes everything, whatever of it is open. No VNICs may be left. */
  async takeDown(): Promise<void> {
    await this.plugin.end('for_good');
    const attachment = this.#attachment;
    if (attachment === null) return;
    this.#attachment = null;
    this.stir();
    this.#surroundings.onDetached(attachment.index);
    await attachment.close();
  }

  addVnic(vnic: AttachedVnic): void {
    this.attached().addVnic(vnic);
  }

  removeVnic(vnic: AttachedVnic): void {
    this.#attachment?.removeVnic(vnic);
  }

  addressesChanged(vnic: AttachedVnic): void {
    this.#attachment?.addressesChanged(vnic);
  }

  /** Something of it has changed, or will with time: it is not {@link isAtRest} any more, and wants to be looked at. */
  stir(): void {
    this.#surroundings.onStirred();
  }

  /** Nothing is to be expected of it before it stirs again: neither {@link tick} nor {@link followUnderlay} does. */
  get isAtRest(): boolean {
    const isWell = this.health.status === 'ONLINE' && this.#statusLog.isSaid && this.#mtu.isSettled;
    return isWell && this.#attachment?.isAtRest === true;
  }

  tick(nowMs: number): void {
    this.#attachment?.tick(nowMs);
    this.#statusLog.tick(nowMs);
  }

  /** Looks at what nobody tells of. `local`: this host's addresses. */
  watch(local: ReadonlySet<string>): void {
    this.#attachment?.watch(local);
  }
}
