/**
 * One overlay: its configuration, and, while it is up, its socket, its place in the datapath, its plugin and its VNICs.
 *
 * An overlay can exist without being up: after a restart its listen address or its plugin may not be there yet. Then it
 * is DEGRADED with the reason, and `bringUp` is tried again.
 */
import type { Datapath } from '../datapath/datapath.js';
import type { OverlayIndex, SocketIndex, VnicIndex } from '../datapath/types.js';
import { listenAddressGone, messageOf, overlayNotUp, pluginFailed } from '../errors.js';
import type { Plugin, Target } from '../search/api.js';
import { underlayMtu } from '../system/link.js';
import { Backoff } from './backoff.js';
import type { Deadlines } from './deadlines.js';
import { Health } from './health.js';
import type { DaemonLog } from './log.js';
import { LostTargets, type PutStatic } from './lost-targets.js';
import { datapathConfig } from './overlay-config.js';
import { type Configuration, checkMtu, defaultMtu, isOwnEndpoint } from './overlay-props.js';
import { SearchSide } from './search-side.js';
import type { SocketSettings, Sockets } from './sockets.js';
import { Targets } from './targets.js';
import { type LocalVnic, type UpcallOverlay, Upcalls } from './upcalls.js';

/** What all overlays share. */
export interface OverlayDeps {
  readonly datapath: Datapath;
  readonly sockets: Sockets;
  readonly deadlines: Deadlines;
  readonly log: DaemonLog;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** Kept by each overlay for itself. */
  readonly overlayByIndex: Map<OverlayIndex, Overlay>;
}

export interface OverlayIdentity {
  readonly name: string;
  readonly vni: number;
  readonly encap: string;
  /** Name of the search plugin. */
  readonly search: string;
  /** Not kept over a restart of the daemon. */
  readonly temporary: boolean;
}

/** A VNIC that frames flow through. */
export interface AttachedVnic extends LocalVnic {
  readonly name: string;
  readonly allowAnyMac: boolean;
  readonly attachedAtMs: number;
  /** UDP super-frames may be written to it. */
  readonly takesUdpSuperFrames: boolean;
  setMtu(mtu: number): void;
  setOffload(offload: SocketSettings['offload']): void;
}

/** What is there while the overlay has its socket. */
export interface Attachment {
  readonly index: OverlayIndex;
  readonly socket: SocketIndex;
  /** The socket takes several datagrams per send. */
  readonly gso: boolean;
  readonly targets: Targets;
  readonly upcalls: Upcalls;
}

const LOG_STATUS_EVERY_MS = 1000;

export class Overlay {
  readonly identity: OverlayIdentity;
  readonly plugin: Plugin | null;
  readonly log: DaemonLog;
  readonly health = new Health();
  readonly backoff = new Backoff();
  readonly search: SearchSide;
  readonly vnics = new Map<VnicIndex, AttachedVnic>();
  /** The operator's targets. */
  readonly statics = new Map<string, Target>();
  readonly #deps: OverlayDeps;
  readonly #lostTargets: LostTargets;
  #configuration: Configuration;
  /** MTU of the underlay when it was last looked at. */
  #underlay: number | null = null;
  #attachment: Attachment | null = null;
  /** An interface has had the listen address while the overlay had its socket. */
  #wasLocal = false;
  #loggedStatus = 'ONLINE';
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  /** `plugin`: null when there is none of that name. */
  constructor(identity: OverlayIdentity, plugin: Plugin | null, configuration: Configuration, deps: OverlayDeps) {
    this.identity = identity;
    this.plugin = plugin;
    this.#configuration = configuration;
    this.#deps = deps;
    this.log = deps.log.child({ overlay: identity.name });
    this.#lostTargets = new LostTargets(this.health, this.log);
    const { name: overlay, vni, search } = identity;
    const log = this.log.child({ plugin: search });
    const { deadlines, now } = deps;
    this.search = new SearchSide({ overlay, vni, search, plugin, log, health: this.health, deadlines, now });
  }

  get name(): string {
    return this.identity.name;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Of the overlay and all its VNICs, in bytes. */
  get mtu(): number {
    const { mtu, socket } = this.#configuration.settings;
    return mtu ?? defaultMtu(this.#underlay, socket.listen.ip);
  }

  get underlay(): number | null {
    return this.#underlay;
  }

  /** null while the overlay has no socket. */
  get attachment(): Attachment | null {
    return this.#attachment;
  }

  get isUp(): boolean {
    return this.#attachment !== null && this.search.host !== null;
  }

  /** The attachment, or a VxlaneError that says why there is none. */
  attached(): Attachment {
    if (this.#attachment === null) throw overlayNotUp(this.name, this.health.details);
    return this.#attachment;
  }

  /** Refuses a configuration whose MTU does not fit the underlay as it is now. */
  checkMtu({ settings }: Configuration = this.#configuration): void {
    const {
      mtu,
      socket: { listen },
    } = settings;
    const underlay = underlayMtu(listen.ip);
    checkMtu(mtu ?? defaultMtu(underlay, listen.ip), underlay, listen.ip);
    this.#underlay = underlay;
  }

  /** Opens what is not open yet: the socket, then the plugin. Throws at the first that fails; what is open stays. */
  async bringUp(): Promise<void> {
    if (this.#attachment === null) await this.#step('underlay', () => this.#attach());
    if (this.search.host === null) await this.#step('start', () => this.#startPlugin());
    this.backoff.succeeded();
  }

  /** Closes everything, whatever of it is open. No VNICs may be left. */
  async takeDown(): Promise<void> {
    await this.search.stop();
    const attachment = this.#attachment;
    if (attachment === null) return;
    this.#attachment = null;
    this.#deps.overlayByIndex.delete(attachment.index);
    attachment.upcalls.close();
    await this.#deps.datapath.removeOverlay(attachment.index);
    await this.#deps.sockets.release(this.name, this.#configuration.settings.socket);
  }

  /**
   * Takes a new configuration in which `names` may differ. The plugin is told first, so that its refusal changes
   * nothing here. A change is taken back by applying the old configuration.
   */
  async apply(configuration: Configuration, names: readonly string[]): Promise<void> {
    await this.search.change(configuration, this.search.ownNames(names));
    this.#configuration = configuration;
    this.#configure();
    // Else an MTU that the operator gave an interface stays, and a trouble with one stops no other change.
    if (names.includes('mtu')) for (const vnic of this.vnics.values()) vnic.setMtu(this.mtu);
    if (names.includes('offload')) this.#setOffload(configuration.settings.socket);
  }

  #setOffload(socket: SocketSettings): void {
    this.#deps.sockets.setOffload(this.name, socket);
    for (const vnic of this.vnics.values()) vnic.setOffload(socket.offload);
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
    this.#logStatus(nowMs);
  }

  /** Looks at what nobody tells of. `local`: this host's addresses; one never among them (a wildcard) cannot go. */
  watch(local: ReadonlySet<string>): void {
    if (this.#attachment === null) return;
    const { ip } = this.#configuration.settings.socket.listen;
    if (local.has(ip)) this.health.restore('underlay');
    else if (this.#wasLocal) this.health.degrade('underlay', listenAddressGone(ip).message);
    this.#wasLocal ||= local.has(ip);
    this.#lostTargets.retry(this.statics, this.#putStatic);
  }

  async #attach(): Promise<void> {
    const { datapath, sockets, now } = this.#deps;
    const { socket: wanted } = this.#configuration.settings;
    const { listen } = wanted;
    this.#underlay = underlayMtu(listen.ip);
    const { index: socket, gso } = sockets.acquire(this.name, wanted);
    this.#wasLocal = this.#underlay !== null;
    try {
      const index = datapath.addOverlay(datapathConfig(this, { socket, gso }));
      const targets = new Targets({
        fdb: datapath,
        overlay: index,
        fdbSize: datapath.fdbSize,
        isOwn: (endpoint) => isOwnEndpoint(listen, endpoint),
        anyMacVnic: () => [...this.vnics.values()].find((vnic) => vnic.allowAnyMac)?.index ?? null,
        nowMs: now(),
      });
      const upcalls = new Upcalls({ datapath, overlay: this.#forUpcalls(index), targets, now });
      this.#attachment = { index, socket, gso, targets, upcalls };
      this.#deps.overlayByIndex.set(index, this);
    } catch (thrown) {
      await sockets.release(this.name, wanted);
      throw thrown;
    }
    this.#lostTargets.putAll(this.statics, this.#putStatic);
  }

  async #startPlugin(): Promise<void> {
    const { upcalls } = this.attached();
    await this.search.start(this.#configuration, upcalls);
    upcalls.forgetRefusals();
    this.#configure();
  }

  readonly #putStatic: PutStatic = (mac, target) => {
    const { upcalls, targets } = this.attached();
    return upcalls.setStatic(mac, target) ? null : targets.noRoom().message;
  };

  #forUpcalls(index: OverlayIndex): UpcallOverlay {
    const overlay = this;
    return {
      index,
      vni: this.identity.vni,
      log: this.log,
      health: this.health,
      vnics: this.vnics,
      get plugin() {
        return overlay.search.host;
      },
      get negativeTtlMs() {
        return overlay.#configuration.settings.negativeTtlMs;
      },
    };
  }

  #configure(): void {
    if (this.#attachment === null) return;
    this.#deps.datapath.setOverlay(this.#attachment.index, datapathConfig(this, this.#attachment));
  }

  /** A step of coming up: its failure is the overlay's health. */
  async #step(part: 'underlay' | 'start', action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.health.restore(part);
    } catch (thrown) {
      if (part === 'start') await this.search.stop(); // else it may count as up, and is never tried again
      this.health.degrade(part, messageOf(thrown));
      this.backoff.failed(this.#deps.now());
      throw part === 'start' ? pluginFailed(this.name, messageOf(thrown), thrown) : thrown;
    }
  }

  /** Changes of status, at most one line a second. */
  #logStatus(nowMs: number): void {
    const { status, details } = this.health;
    if (status === this.#loggedStatus || nowMs - this.#loggedAtMs < LOG_STATUS_EVERY_MS) return;
    this.#loggedStatus = status;
    this.#loggedAtMs = nowMs;
    if (status === 'ONLINE') this.log.info('overlay is ONLINE again');
    else this.log.warn('overlay is DEGRADED', { details });
  }
}
