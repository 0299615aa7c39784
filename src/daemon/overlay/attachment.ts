/**
 * All of an overlay that lives while its socket is open: its record in the datapath, its VNICs, its targets, what
 * answers its upcalls, floods and learns.
 */

import type { Listen } from '../../address.js';
import type { Datapath } from '../../datapath/datapath.js';
import type {
  LearnUpcall,
  OverlayConfig,
  OverlayIndex,
  SocketIndex,
  StrangerUpcall,
  VnicIndex,
} from '../../datapath/types.js';
import { messageOf } from '../../errors.js';
import { isOwnEndpoint, isWildcard } from '../../overlay-properties/listen.js';
import type { OverlayConfiguration } from '../../overlay-properties/overlay-properties.js';
import type { Target } from '../../search/api.js';
import { isHostAddress } from '../../search/host/answers.js';
import type { Tell } from '../events/event-log.js';
import { Flooding } from '../forwarding/flooding.js';
import { Locals } from '../forwarding/locals.js';
import { Neighbours } from '../forwarding/neighbours.js';
import { SourceCheck } from '../forwarding/source-check.js';
import { type PutStatic, StaticTargets } from '../forwarding/static-targets.js';
import { Targets } from '../forwarding/targets.js';
import type { Health } from '../health/health.js';
import type { DaemonLog } from '../log.js';
import { VtepLoopback } from '../oam/loopback.js';
import { isPoint, type PluginFacts } from '../plugin/instance.js';
import type { PluginSlot } from '../plugin/plugin-slot.js';
import type { NextPlugin } from '../plugin/site.js';
import { ListenAddress } from '../underlay/listen-address.js';
import type { Network } from '../underlay/network.js';
import type { AcquiredSocket, Sockets } from '../underlay/sockets.js';
import type { UpcallDurations } from '../upcalls/durations.js';
import { Upcalls } from '../upcalls/questions.js';
import type { UpcallOverlay } from '../upcalls/types.js';
import type { AttachedVnic } from './types.js';

/** What an attachment has to know of its overlay, as it is at the time. */
export interface OverlayFacts {
  readonly name: string;
  readonly identity: { readonly vni: number };
  readonly configuration: OverlayConfiguration;
  /** Bytes. */
  readonly mtu: number;
  /** An interface that is up has the listen address. */
  readonly isListenLocal: boolean;
  /** Hears which underlay addresses are behind MACs. */
  readonly remotes: { uses(ip: string): void; leaves(ip: string): void };
  readonly plugin: PluginSlot;
  /** The operator's targets. */
  readonly statics: ReadonlyMap<string, Target>;
  readonly health: Health;
  readonly log: DaemonLog;
  /** {@link Attachment.isAtRest} may have ended. */
  stir(): void;
}

/** Beside the names of properties: the overlay's MTU is another one by itself. */
export const FOLLOW_MTU = 'mtu, automatic';

const floodsUnknownOwners = ({ flood }: PluginFacts) => flood?.unknownOwners === true || suppresses(flood);
/** Requests for addresses are answered from what hosts elsewhere say. */
const suppresses = (flood: PluginFacts['flood']) => flood?.suppress !== undefined && flood.learn !== undefined;

type FloodConfig = Pick<OverlayConfig, 'flood' | 'learn'>;
const NO_FLOOD: FloodConfig = { flood: null, learn: false };

export interface AttachmentOptions {
  readonly datapath: Datapath;
  readonly sockets: Sockets;
  readonly durations: UpcallDurations;
  readonly network: Pick<Network, 'senderOf' | 'route'>;
  readonly tell: Tell;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

export class Attachment {
  readonly index: OverlayIndex;
  readonly targets: Targets;
  readonly upcalls: Upcalls;
  readonly flooding: Flooding;
  readonly sources: SourceCheck;
  readonly locals: Locals;
  readonly neighbours = new Neighbours();
  readonly loopback: VtepLoopback;
  readonly vnics = new Map<VnicIndex, AttachedVnic>();
  readonly #vnicsByMac = new Map<string, VnicIndex>();
  readonly #overlay: OverlayFacts;
  readonly #options: AttachmentOptions;
  readonly #socket: AcquiredSocket;
  readonly #staticTargets: StaticTargets;
  readonly #listenAddress: ListenAddress;
  /** Interfaces that did not take properties of these names. */
  readonly #unfit = new Map<AttachedVnic, ReadonlySet<string>>();

  /** Opens the socket. Throws when that is not possible, or the datapath has no place; then nothing is left open. */
  static async open(overlay: OverlayFacts, options: AttachmentOptions): Promise<Attachment> {
    const wanted = overlay.configuration.settings.socket;
    const socket = options.sockets.acquire(overlay.name, wanted);
    try {
      options.sockets.allowFragments(wanted);
      return new Attachment(overlay, options, socket);
    } catch (thrown) {
      await options.sockets.release(overlay.name, wanted);
      throw thrown;
    }
  }

  private constructor(overlay: OverlayFacts, options: AttachmentOptions, socket: AcquiredSocket) {
    this.#overlay = overlay;
    this.#options = options;
    this.#socket = socket;
    const { health, log } = overlay;
    const { datapath, durations, tell, now } = options;
    const { listen } = overlay.configuration.settings.socket;
    const nowMs = now();
    this.locals = new Locals(
      (mac, local) => overlay.plugin.host?.local(mac, local),
      (mac) => this.#signOf(mac),
      now,
    );
    this.sources = new SourceCheck({
      ...{ name: overlay.name, listen, datapath, overlay: () => this.index, health, log },
      onWhole: () => this.#configure(),
    });
    this.index = datapath.addOverlay(this.#configOf(overlay.plugin.facts, overlay.configuration, NO_FLOOD));
    this.sources.follow(overlay.configuration.settings, overlay.plugin.facts);
    this.targets = new Targets({
      ...{ fdb: datapath, overlay: this.index, fdbSize: datapath.fdbSize, nowMs },
      isOwn: (endpoint) => isOwnEndpoint(listen, endpoint),
      anyMacVnic: () => this.#anyMacVnic,
    });
    this.targets.onTimed = () => overlay.stir();
    this.targets.onUsed = (ip, isLearned) => {
      overlay.remotes.uses(ip);
      if (!isLearned) this.sources.known.uses(ip);
    };
    this.targets.onLeft = (ip, isLearned) => {
      overlay.remotes.leaves(ip);
      if (!isLearned) this.sources.known.leaves(ip);
    };
    this.upcalls = new Upcalls({
      ...{ datapath, overlay: this.#forUpcalls(), targets: this.targets, durations, now },
      neighbours: this.neighbours,
      vteps: (ips) => this.sources.pushed(ips),
      floodChanged: () => void overlay.plugin.floodChanged(),
      heardAddress: (mac, ip) => this.#heardAddress(mac, ip),
      movedAddress: (ip, mac) => this.locals.moved(ip, mac),
      contested: (mac) => this.locals.contested(mac),
    });
    this.flooding = new Flooding({
      ...{ overlay: overlay.name, listen, memberships: socket.memberships, targets: this.targets, health, log, nowMs },
      tell: (kind, mac, change) => tell(kind, { object: `mac ${mac}`, overlay: overlay.name, ...change }),
      heardAtMs: (mac) => datapath.fdbHeardAtMs(this.index, mac),
      onCameHere: (mac) => this.upcalls.cameHere(mac),
      onStir: () => overlay.stir(),
      onHere: (mac, isHere) => (isHere ? this.locals.learned(mac) : this.locals.unlearned(mac)),
    });
    this.loopback = new VtepLoopback({
      ...{ datapath, overlay: this.index, listen, now },
      sourceTo: (ip) => this.#sourceTo(listen, ip),
      answers: () => overlay.configuration.settings.answersLoopback,
      stir: () => overlay.stir(),
    });
    this.#listenAddress = new ListenAddress(health);
    this.#listenAddress.opened(overlay.isListenLocal);
    this.#staticTargets = new StaticTargets(health, log);
    this.#staticTargets.putAll(overlay.statics, this.#putStatic);
  }

  /** Which address of this host datagrams to `ip` come from; null: there is no route. */
  #sourceTo(listen: Listen, ip: string): string | null {
    if (!isWildcard(listen.ip)) return listen.ip;
    const { network } = this.#options;
    const sender = network.senderOf(listen);
    return sender && (network.route(ip, sender)?.source ?? null);
  }

  get #anyMacVnic(): VnicIndex | null {
    return [...this.vnics.values()].find((vnic) => vnic.allowAnyMac)?.index ?? null;
  }

  /** The one that it sends from. */
  get socket(): SocketIndex {
    return this.#socket.index;
  }

  #forUpcalls(): UpcallOverlay {
    const { identity, plugin, health, log } = this.#overlay;
    const overlay = this.#overlay;
    return {
      ...{ index: this.index, vni: identity.vni, log, health, vnics: this.vnics },
      get plugin() {
        return plugin.host;
      },
      get starting() {
        return plugin.starting;
      },
      get isPoint() {
        return plugin.isPoint;
      },
      get floodsUnknownOwners() {
        return floodsUnknownOwners(plugin.facts);
      },
      get mtu() {
        return overlay.mtu;
      },
      get dhcpMtuOption() {
        return overlay.configuration.settings.dhcpMtuOption;
      },
      get ndpMtuOption() {
        return overlay.configuration.settings.ndpMtuOption;
      },
      get negativeTtlMs() {
        return overlay.configuration.settings.negativeTtlMs;
      },
    };
  }

  /** See {@link PluginSite.prepare}. */
  prepare({ facts, configuration, relay }: NextPlugin): () => void {
    const flood = this.flooding.configOf(facts.flood);
    this.#options.sockets.allowFragments(configuration.settings.socket);
    const commit = this.#options.datapath.prepareOverlay(this.index, this.#configOf(facts, configuration, flood));
    // From one destination for all to those in the FDB: it is filled first.
    const isFilledFirst = this.#overlay.plugin.isPoint && !isPoint(facts);
    return () => {
      if (isFilledFirst && relay !== null) this.upcalls.serve(relay);
      const settle = this.sources.follow(configuration.settings, facts, relay !== null);
      commit();
      this.flooding.follow(facts.flood);
      this.neighbours.configure(suppresses(facts.flood) ? (facts.flood?.suppress ?? null) : null);
      if (!isFilledFirst && relay !== null) this.upcalls.serve(relay);
      settle();
      if (relay !== null) this.#tellLocals();
      this.#forgetStrangers(configuration, facts);
    };
  }

  /** Another instance serves. */
  #tellLocals(): void {
    const { host } = this.#overlay.plugin;
    for (const local of this.locals) host?.local(local.mac, local);
  }

  /** Of a VNIC, how many frames it has sent; of a MAC behind one, when it sent the last. */
  #signOf(mac: string): number {
    const { datapath } = this.#options;
    const vnic = this.#vnicsByMac.get(mac);
    return vnic === undefined ? (datapath.fdbHeardAtMs(this.index, mac) ?? 0) : datapath.vnicCounters(vnic).tx.frames;
  }

  #heardAddress(mac: string, ip: string): void {
    if (isHostAddress(ip)) this.locals.heard(mac, ip);
  }

  /** Who may send no more has nothing to say of where MACs are; where anybody may, nobody was refused. */
  #forgetStrangers({ settings }: OverlayConfiguration, { flood }: PluginFacts): void {
    const { known, strangers } = this.sources;
    if (this.sources.modeOf(settings, flood) === 'off') strangers.clear();
    else this.flooding.learner.forgetAt((ip) => !known.has(ip));
  }

  heard({ mac, ip }: LearnUpcall, nowMs: number): void {
    this.flooding.heard(mac, ip, nowMs);
  }

  /** Somebody was refused whose MAC may have come there from elsewhere. */
  refused({ ip, mac, frames }: StrangerUpcall, nowMs: number): void {
    this.sources.strangers.refused(ip, mac, frames, nowMs);
    this.#overlay.stir();
    this.upcalls.doubt(mac);
  }

  /** Tells the datapath what it has to know of the overlay as it is now. */
  #configure(): void {
    const { plugin, configuration } = this.#overlay;
    const flood = this.flooding.configOf(plugin.facts.flood);
    this.#options.datapath.prepareOverlay(this.index, this.#configOf(plugin.facts, configuration, flood))();
  }

  #configOf(facts: PluginFacts, { settings }: OverlayConfiguration, flood: FloodConfig): OverlayConfig {
    const { strictHeader, policyGroup, vlan, acceptPartial, outer, socket } = settings;
    const isOffloaded = socket.offload === 'auto';
    return {
      ...{
        vni: this.#overlay.identity.vni,
        socket: this.socket,
        strictHeader,
        policyGroup,
        vlan,
        acceptPartial,
        outer,
        ...flood,
      },
      mtu: this.#overlay.mtu,
      point: isPoint(facts) ? (facts.point ?? 'drop') : null,
      lookup: !isPoint(facts),
      sourceCheck: this.sources.modeOf(settings, facts.flood),
      returns: this.#anyMacVnic !== null,
      announced: floodsUnknownOwners(facts) || (facts.can('moved') && !flood.flood?.endpoints.length),
      routers: settings.ndpMtuOption !== 'off',
      snoop: suppresses(facts.flood),
      proxyArp: facts.can('arp') || suppresses(facts.flood),
      proxyNdp: facts.can('ndp') || suppresses(facts.flood),
      proxyDhcp: facts.can('dhcp'),
      segment: isOffloaded && this.#socket.gso,
      coalesceTcp: isOffloaded,
      coalesceUdp: isOffloaded && [...this.vnics.values()].every((vnic) => vnic.takesUdpSuperFrames),
    };
  }

  /**
   * Gives the socket and the interfaces what of `names` is theirs; nothing else is touched, so an MTU that the operator
   * gave an interface stays. An interface that does not take it is the trouble of its VNIC, and of the overlay's
   * health, until it does. Never throws.
   */
  fit(names: readonly string[]): void {
    const { name, configuration } = this.#overlay;
    if (names.includes('offload')) this.#options.sockets.setOffload(name, configuration.settings.socket);
    if (names.includes(FOLLOW_MTU) || names.includes('mtu')) this.#configure();
    for (const vnic of this.vnics.values()) this.#fitVnic(vnic, names);
  }

  #fitVnic(vnic: AttachedVnic, changed: readonly string[]): void {
    const names = new Set([...changed, ...(this.#unfit.get(vnic) ?? [])]);
    try {
      if (names.has('mtu')) vnic.setMtu(this.#overlay.mtu);
      else if (names.has(FOLLOW_MTU)) vnic.followMtu();
      if (names.has('offload')) vnic.setOffload(this.#overlay.configuration.settings.socket.offload);
      if (this.#unfit.delete(vnic)) vnic.setProblem('');
    } catch (thrown) {
      this.#unfit.set(vnic, names);
      vnic.setProblem(messageOf(thrown));
    }
  }

  /** A VNIC that the datapath has already. */
  addVnic(vnic: AttachedVnic): void {
    this.upcalls.tookLocally(vnic.mac);
    this.targets.forget(vnic.mac);
    this.vnics.set(vnic.index, vnic);
    this.#vnicsByMac.set(vnic.mac, vnic.index);
    this.#configure();
    if (vnic.allowAnyMac) this.targets.redirectOwn();
    this.locals.hasVnic(vnic.mac, vnic.addresses(), vnic.wasHere);
  }

  addressesChanged(vnic: AttachedVnic): void {
    this.locals.hasVnic(vnic.mac, vnic.addresses());
  }

  /** A VNIC that the datapath still has. */
  removeVnic(vnic: AttachedVnic): void {
    this.vnics.delete(vnic.index);
    this.#vnicsByMac.delete(vnic.mac);
    this.#unfit.delete(vnic);
    this.locals.vnicLeft(vnic.mac);
    if (!vnic.allowAnyMac) return;
    this.flooding.learner.forgetHere();
    this.targets.redirectOwn();
  }

  /** Time alone changes nothing, where the overlay is ONLINE. */
  get isAtRest(): boolean {
    const { targets, flooding, sources, loopback } = this;
    return targets.isAtRest && flooding.learner.isAtRest && sources.strangers.isAtRest && loopback.isAtRest;
  }

  tick(nowMs: number): void {
    this.targets.tick(nowMs);
    this.flooding.tick(nowMs);
    this.sources.tick(nowMs);
    this.loopback.tick(nowMs);
  }

  /** Looks at what nobody tells of, and tries again what was refused. `local`: this host's addresses. */
  watch(local: ReadonlySet<string>): void {
    const { configuration, statics } = this.#overlay;
    const { listen } = configuration.settings.socket;
    this.#listenAddress.watch(listen, local, this.#options.sockets.problemOf(listen));
    this.#staticTargets.retry(statics, this.#putStatic);
    if (this.#unfit.size > 0) this.fit([]);
    this.sources.known.retry();
    this.locals.age();
    if (this.flooding.watch(local)) this.#configure();
  }

  /** Closes everything. No VNICs may be left. */
  async close(): Promise<void> {
    const { name, configuration } = this.#overlay;
    this.upcalls.close();
    this.loopback.close();
    await this.#options.datapath.removeOverlay(this.index);
    await this.flooding.close();
    await this.#options.sockets.release(name, configuration.settings.socket);
  }

  readonly #putStatic: PutStatic = (mac, target) =>
    this.upcalls.setStatic(mac, target) ? null : this.targets.noRoom().message;
}
