/**
 * The `evpn` plugin: where MACs are is what the fabric's own BGP says (RFC 7432, RFC 8365), by way of a GoBGP that runs
 * beside vxlane, and what is here is told to it. docs/evpn.md is its manual.
 */
import { macFromNumber, macToNumber } from '../../../address.js';
import type {
  Answer,
  DynamicInstance,
  DynamicPlugin,
  Ending,
  Endpoint,
  Entry,
  Flood,
  Local,
  Owner,
  PluginContext,
  Query,
} from '../../api.js';
import { EtcdTable as Table, type EtcdEntry as TableEntry } from '../etcd/table.js';
import { ipv4Key, ipv6Key, type MacKey } from '../files/keys.js';
import { ownerOf } from '../files/table.js';
import { Told } from '../files/told.js';
import { VtepList } from '../files/vtep-list.js';
import { Advertiser, type Send } from './advertiser.js';
import { entryOf } from './entry.js';
import { EvpnHealth } from './health.js';
import type { Audience, EvpnLine } from './line.js';
import { Mobility } from './mobility.js';
import { DEFAULT_RULES, Moves } from './moves.js';
import { Rib } from './rib.js';
import { advertisedOf, type Keyed } from './route.js';
import { type EvpnSettings, PROPERTIES, settingsOf } from './settings.js';

type Values = Parameters<DynamicPlugin['create']>[1];

const TICK_MS = 500;
/** A GoBGP that was lost has everything again when its sessions are up and nothing has happened for so long … */
const QUIET_MS = 3000;
/** … or after so long at the latest. */
const STALE_MAX_MS = 120_000;
/** In which a host tells of what is here, when an instance has come to serve. */
const TOLD_WITHIN_MS = 10_000;
const WITHDRAWN_WITHIN_MS = 1500;
/** Most destinations of a flood list, and most MACs that are learned behind a VNIC. */
const FLOOD_MAX = 512;
const HERE_MAX = 16_384;

export const evpn: DynamicPlugin = {
  name: 'evpn',
  mode: 'dynamic',
  properties: PROPERTIES,
  encapsulations: ['vxlan'], // what its routes say
  create: (context, values) =>
    values['evpn/arp_suppress'] === 'false' ? new EvpnInstance(context, values) : new Suppressing(context, values),
};

class EvpnInstance implements DynamicInstance {
  protected readonly table = new Table();
  protected readonly advertiser = new Advertiser();
  readonly #context: PluginContext;
  readonly #values: Values;
  readonly #told: Told;
  readonly #vteps: VtepList;
  protected readonly rib = new Rib();
  #settings: EvpnSettings | null = null;
  #moves = new Moves(DEFAULT_RULES);
  #mobility = new Mobility('', this.#moves);
  #line: EvpnLine | null = null;
  #ticks: NodeJS.Timeout | undefined;
  readonly #health: EvpnHealth;
  #isLoaded = false;
  /** When routes last changed, and were last loaded; milliseconds of the monotonic clock. */
  #changedAtMs = 0;
  #loadedAtMs = 0;
  /** When what nobody has wanted again of this host is withdrawn; null: it has been. */
  #sweepAtMs: number | null = null;
  #flooded = '';

  constructor(context: PluginContext, values: Values) {
    this.#context = context;
    this.#values = values;
    this.#told = new Told(context);
    this.#vteps = new VtepList(context);
    this.#health = new EvpnHealth(context, () => this.#troubleText());
  }

  /** Rejects when the properties do not go together, or GoBGP cannot be followed. */
  async start(): Promise<void> {
    const settings = settingsOf(this.#values, this.#context.vni, this.#context.listen);
    this.#settings = settings;
    this.#moves = new Moves(settings.moves);
    this.#mobility = new Mobility(settings.vtep, this.#moves);
    const { EvpnLine } = await import('./line.js'); // what it loads is for those who use it
    if (this.#context.signal.aborted) return;
    this.#line = new EvpnLine(settings, this.#audience());
    await this.#line.start().catch((thrown: Error) => {
      throw new Error(`evpn/gobgp ${thrown.message}`);
    });
    this.#sweepAtMs = performance.now() + Math.max(settings.gracefulMs, TOLD_WITHIN_MS);
    if (!this.#context.signal.aborted) this.#ticks = setInterval(() => this.#tick(performance.now()), TICK_MS);
  }

  /** What was told of this host is taken back, as far as no other instance goes on with it. */
  async stop(ending: Ending = 'to_resume', next?: Values): Promise<void> {
    clearInterval(this.#ticks);
    const late = new Promise<void>((resolve) => setTimeout(resolve, WITHDRAWN_WITHIN_MS).unref());
    await Promise.race([this.#leave(ending, next).catch(() => {}), late]);
    this.#line?.stop();
  }

  async #leave(ending: Ending, next: Values | undefined): Promise<void> {
    if (ending === 'for_good') return this.advertiser.leave('nothing');
    if (next === undefined) return this.#settings?.gracefulMs === 0 ? this.advertiser.leave('nothing') : undefined;
    const { vni, listen } = this.#context;
    return this.advertiser.leave(this.#line?.inheritedBy(settingsOf(next, vni, listen)) ?? 'all');
  }

  /** Connects anew and loads everything again. */
  reload(): void {
    this.#line?.renew();
  }

  lookup(query: Query): Answer | null {
    const mac = macToNumber(query.mac);
    const entry = this.table.get(mac);
    if (entry === undefined) this.#told.missed(mac);
    else this.#told.found(mac);
    return entry?.answer ?? null;
  }

  /** There is no ECMP: one of them counts. */
  candidates(mac: string): Endpoint[] {
    const { port = 0 } = this.#settings ?? {};
    return this.rib.placesOf(mac).map((ip) => ({ ip, port }));
  }

  *entries(): Iterable<Entry> {
    for (const [mac, { answer }] of this.table.entries) {
      this.#told.found(mac);
      yield Object.freeze({ mac: macFromNumber(mac), target: answer.target });
    }
  }

  /** Who has asked for copies. Unknown MACs are asked for: whoever has one has said so. */
  flood(): Flood {
    const { port = 0, ageingMs: ageing = 0 } = this.#settings ?? {};
    const endpoints = this.rib.vteps.slice(0, FLOOD_MAX).map((ip) => ({ ip, port }));
    return { endpoints, unknownOwners: true, here: { ageing, max: HERE_MAX } };
  }

  /** A MAC is here, or speaks here again although another VTEP has it (RFC 7432 section 15). */
  localAdded(local: Local): void {
    const { mac } = local;
    const [heard] = this.rib.best(mac);
    this.#mobility.speaks(mac, heard, this.advertiser.toldOf(mac), performance.now());
    this.advertiser.want(local, this.#mobility.sequenceOf(mac) ?? null).catch(() => {}); // later, if GoBGP is away
    this.#settle(new Set([mac]));
  }

  localRemoved(mac: string): void {
    this.#mobility.leaves(mac);
    this.advertiser.unwant(mac).catch(() => {});
    this.#settle(new Set([mac]));
  }

  #audience(): Audience {
    return {
      load: (all, send) => this.#load(all, send),
      left: () => this.advertiser.disconnected(),
      change: (changes) => this.#change(changes),
      peers: (sessions) => this.#health.heardOf(sessions),
      lost: (reason) => this.#health.lost(`evpn/gobgp ${reason}; what was known stays in use`),
      caughtUp: () => this.#health.lost(null),
      note: (text) => this.#context.log.warn(text),
    };
  }

  #load(all: readonly Keyed[], send: Send): void {
    this.#loadedAtMs = performance.now();
    this.rib.load(all);
    this.#settle(this.rib.takeTouched());
    const { size: macs } = this.table.entries;
    const fields = { routes: this.rib.size, macs, vteps: this.rib.vteps.length, stale: this.rib.staleSize };
    this.#context.log.info(this.#isLoaded ? 'routes loaded again' : 'routes loaded', fields);
    this.#isLoaded = true;
    const own = (isCurrent: boolean) => all.filter((each) => each.isCurrent === isCurrent).flatMap(advertisedOf);
    const outdated = own(false);
    const text = 'GoBGP has routes of this evpn/rd with other properties: told anew, or withdrawn after evpn/graceful';
    if (outdated.length > 0) this.#context.log.info(text, { count: outdated.length });
    this.advertiser.connected(own(true), outdated, send);
  }

  #change(changes: readonly Keyed[]): void {
    this.#changedAtMs = performance.now();
    for (const keyed of changes) {
      this.rib.set(keyed);
      if (!keyed.isCurrent) for (const each of advertisedOf(keyed)) this.advertiser.overwritten(each);
    }
    this.#settle(this.rib.takeTouched());
  }

  /** What is said of these MACs, and of who wants copies, follows from the routes there are now. */
  #settle(macs: ReadonlySet<string>): void {
    const changes = new Map<MacKey, TableEntry | null>();
    const taken: string[] = [];
    for (const mac of macs) {
      const entry = this.#entryOf(mac);
      if (entry === undefined) continue;
      changes.set(macToNumber(mac), entry);
      if (entry !== null && this.#mobility.isHere(mac)) taken.push(mac);
    }
    const result = this.table.apply(changes);
    // The host knows best of what is here: were it told to forget such a MAC, it would, until the next frame of it.
    for (const mac of result.gone) if (this.#mobility.isHere(mac)) this.#told.left(macToNumber(mac));
    this.#told.push(result);
    for (const mac of taken) {
      this.#told.found(macToNumber(mac));
      this.#context.put(mac, this.table.get(macToNumber(mac))!.answer.target);
    }
    const { vteps } = this.rib;
    this.#vteps.tell(new Set([...this.table.vteps(), ...vteps]));
    const flooded = vteps.join();
    if (flooded !== this.#flooded && this.#isLoaded) this.#context.floodChanged?.();
    this.#flooded = flooded;
    this.#health.look();
  }

  /** null: it is nowhere else, or here; undefined: it stays as it is. */
  #entryOf(mac: string): TableEntry | null | undefined {
    const nowMs = performance.now();
    const routes = this.rib.best(mac);
    const before = this.table.get(macToNumber(mac));
    const [first] = routes;
    const isOurs = this.#mobility.isOurs(mac, first, nowMs);
    if (this.#mobility.isHere(mac)) {
      this.advertiser.renumber(mac, this.#mobility.sequenceOf(mac) ?? null).catch(() => {});
    }
    if (first === undefined || isOurs) return before === undefined ? undefined : null;
    const beforeTarget = before?.answer.target;
    const isMove = beforeTarget !== undefined && beforeTarget !== 'drop' && beforeTarget.ip !== first.vtep;
    if (isMove && !this.#moves.mayMove(mac, nowMs)) return undefined;
    return entryOf(routes, this.#settings?.port ?? 0);
  }

  #troubleText(): string | null {
    const { length } = this.rib.vteps;
    const text = this.#mobility.summary() ?? this.#moves.summary();
    if (text !== null) return text;
    return length <= FLOOD_MAX ? null : `${length} VTEPs want copies of what is flooded: only ${FLOOD_MAX} get them`;
  }

  #tick(nowMs: number): void {
    const thawed = this.#moves.tick(nowMs);
    if (thawed.length > 0) this.#settle(new Set(thawed));
    if (this.rib.staleSize > 0 && this.#health.isFollowed && this.#isComplete(nowMs)) {
      this.#context.log.info('routes are forgotten that have not come back', { count: this.rib.sweep() });
      this.#settle(this.rib.takeTouched());
    }
    if (this.#sweepAtMs !== null && this.#health.isFollowed) this.advertiser.retell().catch(() => {});
    if (this.#sweepAtMs !== null && nowMs >= this.#sweepAtMs && this.#health.isFollowed) {
      this.#sweepAtMs = null;
      this.advertiser.sweep().catch(() => {});
    }
    this.#health.look();
  }

  #isComplete(nowMs: number): boolean {
    const sinceMs = nowMs - this.#loadedAtMs;
    if (sinceMs >= STALE_MAX_MS) return true;
    return this.#health.isAllUp && Math.min(sinceMs, nowMs - this.#changedAtMs) >= QUIET_MS;
  }
}

/** Answers for addresses as well (RFC 9161). */
class Suppressing extends EvpnInstance {
  arp(ip: string): Owner | null {
    const key = ipv4Key(ip);
    return this.#ownerOf(ip, key === null ? undefined : this.table.arp.ownerOf(key));
  }

  ndp(ip: string): Owner | null {
    const key = ipv6Key(ip);
    const owner = this.#ownerOf(ip, key === null ? undefined : this.table.ndp.ownerOf(key));
    if (owner === null || !this.rib.best(owner.mac).some((route) => route.ip === ip && route.isRouter)) return owner;
    return { ...owner, router: true };
  }

  /** Of an address here the host sees to it that its owner answers. */
  #ownerOf(ip: string, elsewhere: MacKey | undefined): Owner | null {
    const here = this.advertiser.ownerOf(ip);
    return here === undefined ? ownerOf(elsewhere) : { mac: here };
  }
}
