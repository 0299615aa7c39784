/**
 * What has been said of the MACs of one overlay, by whom and when: the decisions behind its FDB entries. The only
 * writer of those entries, but for the ones of local VNICs, which the datapath keeps itself.
 */
import type { Endpoint } from '../../address.js';
import type { FdbEntry, FdbTarget, OverlayIndex, VnicIndex } from '../../datapath/types.js';
import { endpointsFull, fdbFull, type VxlaneError } from '../../errors.js';
import type { Target } from '../../search/api.js';
import { type Decision, isNews, isRefusal, isSame, isTold, type Refusal, type Where } from './decision.js';
import { Expiry } from './expiry.js';

export interface FdbPutOptions {
  /** Never evicted, never replaced but by another static entry. */
  readonly isStatic?: boolean;
  /** Frames from the MAC keep it; one that comes from elsewhere is told of. */
  readonly isLearned?: boolean;
}

/** The part of the datapath that is written here. */
export interface Fdb {
  fdbPut(overlay: OverlayIndex, mac: string, target: FdbTarget, options?: FdbPutOptions): boolean;
  fdbRemove(overlay: OverlayIndex, mac: string): boolean;
  fdbGet(overlay: OverlayIndex, mac: string): FdbEntry | null;
  fdbHas(overlay: OverlayIndex, mac: string): boolean;
  /** The entries with the `limit` lowest MACs above `after`, in that order. */
  fdbPage(overlay: OverlayIndex, after: string | null, limit: number): FdbEntry[];
  /** Entries there are, of all overlays. */
  readonly fdbCount: number;
  /** Whether the endpoint table takes another one. */
  readonly hasEndpointRoom: boolean;
}

/** Entries live at least this long: a worker that is slow to wake finds what the frames it holds were waiting for. */
export const LEAST_LIFE_MS = 50;

/** Decisions that are looked at, whether they still have an entry, for each that is added beyond the FDB's size. */
const SWEEP_STEPS = 4;

export interface TargetsOptions {
  readonly fdb: Fdb;
  readonly overlay: OverlayIndex;
  /** Most FDB entries there can be, of all overlays. */
  readonly fdbSize: number;
  /** True for an endpoint that is this overlay's own socket. */
  readonly isOwn: (endpoint: Endpoint) => boolean;
  /** The VNIC behind which MACs of the own endpoint live. */
  readonly anyMacVnic: () => VnicIndex | null;
  readonly nowMs: number;
}

export class Targets {
  readonly #options: TargetsOptions;
  readonly #decisions = new Map<string, Decision>();
  /** MACs of those at the own endpoint, and without a target: looked for as such, among a million others. */
  readonly #own = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #expiry: Expiry;
  #changes = 0;
  #sweeper: Iterator<string, undefined> = this.#decisions.keys();
  /** Called when a MAC that was learned is so no longer: somebody has said where it is, or it was forgotten. */
  onUnlearned: (mac: string) => void = () => {};
  /** Called when something is to be forgotten in its time. */
  onTimed: () => void = () => {};
  /** Called when one more MAC is decided to be behind an underlay address: told, or learned to be. */
  onUsed: (ip: string, isLearned: boolean) => void = () => {};
  /** Called when one MAC fewer is. */
  onLeft: (ip: string, isLearned: boolean) => void = () => {};

  constructor(options: TargetsOptions) {
    this.#options = options;
    this.#expiry = new Expiry(options.nowMs);
  }

  /** Of what the plugin says, so far. */
  get changes(): number {
    return this.#changes;
  }

  decision(mac: string): Decision | undefined {
    return this.#decisions.get(mac);
  }

  entry(mac: string): FdbEntry | null {
    return this.#options.fdb.fdbGet(this.#options.overlay, mac);
  }

  hasEntry(mac: string): boolean {
    return this.#options.fdb.fdbHas(this.#options.overlay, mac);
  }

  /** Entries, those of VNICs included: the `limit` lowest MACs above `after`, in that order. */
  page(after: string | null, limit: number): FdbEntry[] {
    return this.#options.fdb.fdbPage(this.#options.overlay, after, limit);
  }

  /** A static entry. False: there is no room, see noRoom. */
  putStatic(mac: string, target: Target, nowMs: number): boolean {
    return this.#write(mac, { target, isStatic: true, isLearned: false, atMs: nowMs });
  }

  /**
   * The plugin's word; never replaces a static entry. False: that, or there is no room, see noRoom. It outweighs what
   * was learned, but that it knows nothing does not.
   */
  put(mac: string, target: Target | Refusal, nowMs: number, ttlMs?: number): boolean {
    const entry = this.entry(mac);
    if (entry?.isStatic === true) return false;
    if (isRefusal(target) && entry !== null && this.isLearned(mac)) return true;
    if (!this.#write(mac, { target, isStatic: false, isLearned: false, atMs: nowMs })) return false;
    if (ttlMs !== undefined) {
      this.#expiry.set(mac, nowMs + Math.max(ttlMs, LEAST_LIFE_MS));
      this.onTimed();
    }
    return true;
  }

  /** What the plugin said before a restart: where nobody has said anything since. */
  putStale(mac: string, target: Target, nowMs: number): void {
    if (this.entry(mac) !== null) return;
    this.#write(mac, { target, isStatic: false, isLearned: false, isStale: true, atMs: nowMs });
  }

  /**
   * MACs of which the plugin said where they are, and that have an entry: each as it stands when it is come to. null
   * for each that is passed over: whoever walks among a million of those can let other work have its turn.
   */
  *told(): Generator<string | null, void> {
    for (const [mac, decision] of this.#decisions) yield isTold(decision) && this.hasEntry(mac) ? mac : null;
  }

  /** Where the plugin says or what was heard says that a MAC is; null: nobody does, or it is not to be moved. */
  whereIs(mac: string): Where | null {
    const decision = this.#decisions.get(mac);
    if (decision === undefined || decision.isStatic) return null;
    if (typeof decision.target === 'object') return this.#options.isOwn(decision.target) ? 'here' : decision.target;
    return decision.target === 'here' ? 'here' : null;
  }

  /**
   * What was heard: stands only where neither the operator, a VNIC nor the plugin has said anything (`kept`). But what
   * is behind a VNIC here is here, wherever the plugin has it.
   */
  learn(mac: string, where: Where, nowMs: number): 'learned' | 'kept' | 'no_room' {
    const isHere = where === 'here' && this.whereIs(mac) !== null;
    if (!isHere && !this.#isOpen(mac)) return 'kept';
    return this.#write(mac, { target: where, isStatic: false, isLearned: true, atMs: nowMs }) ? 'learned' : 'no_room';
  }

  isLearned(mac: string): boolean {
    return this.#decisions.get(mac)?.isLearned === true;
  }

  #isOpen(mac: string): boolean {
    const entry = this.entry(mac);
    if (entry === null) return true;
    const decision = this.#decisions.get(mac);
    return !entry.isStatic && decision !== undefined && (decision.isLearned || isRefusal(decision.target));
  }

  /** Forgets a MAC. False when nothing was known. */
  remove(mac: string): boolean {
    this.forget(mac);
    return this.#options.fdb.fdbRemove(this.#options.overlay, mac);
  }

  /** The entry of a MAC is somebody else's now (a VNIC's): it stays, what was said before does not. */
  forget(mac: string): void {
    const wasLearned = this.isLearned(mac);
    this.#decide(mac, null);
    this.#expiry.delete(mac);
    if (wasLearned) this.onUnlearned(mac);
  }

  /** MACs whose question had no target. */
  refused(): string[] {
    return [...this.#refused];
  }

  /** Another entry would not have to push one out. */
  get hasRoom(): boolean {
    const { fdb, fdbSize } = this.#options;
    return fdb.fdbCount < fdbSize && fdb.hasEndpointRoom;
  }

  /** Why a put was refused for want of room. */
  noRoom(): VxlaneError {
    const { fdb, fdbSize } = this.#options;
    return fdb.hasEndpointRoom ? fdbFull(fdbSize) : endpointsFull();
  }

  /** Time alone changes nothing. */
  get isAtRest(): boolean {
    return this.#expiry.size === 0;
  }

  /** Forgets what has outlived its time. */
  tick(nowMs: number): void {
    for (const mac of this.#expiry.due(nowMs)) this.remove(mac);
  }

  /** The any-mac VNIC came or went: entries of the own endpoint lead somewhere else now. */
  redirectOwn(): void {
    for (const mac of this.#own) if (this.hasEntry(mac)) this.#store(mac, this.#decisions.get(mac)!);
  }

  /** What is there already is not written again. */
  #write(mac: string, decision: Decision): boolean {
    const before = this.#decisions.get(mac);
    const isThere = before !== undefined && isSame(before, decision) && this.hasEntry(mac);
    if (!isThere && !this.#store(mac, decision)) return false;
    const wasLearned = before?.isLearned === true;
    this.#expiry.delete(mac);
    this.#decide(mac, decision);
    if (wasLearned && !decision.isLearned) this.onUnlearned(mac);
    this.#sweep();
    return true;
  }

  /** `target`: null when nothing is said of the MAC any more. */
  #classify(mac: string, target: Decision['target'] | null): void {
    if (target === 'here' || (typeof target === 'object' && target && this.#options.isOwn(target))) this.#own.add(mac);
    else this.#own.delete(mac);
    if (target !== null && isRefusal(target)) this.#refused.add(mac);
    else this.#refused.delete(mac);
  }

  /** The underlay address behind which the MAC is decided to be: null when that is nowhere, or here. */
  #remoteIp(mac: string): string | null {
    const target = this.#decisions.get(mac)?.target;
    return typeof target === 'object' && !this.#own.has(mac) ? target.ip : null;
  }

  #decide(mac: string, decision: Decision | null): void {
    const former = this.#decisions.get(mac);
    const before = this.#remoteIp(mac);
    if (isNews(former, decision)) this.#changes++;
    if (decision === null) this.#decisions.delete(mac);
    else this.#decisions.set(mac, decision);
    this.#classify(mac, decision?.target ?? null);
    const after = this.#remoteIp(mac);
    const [wasLearned, isLearned] = [former?.isLearned === true, decision?.isLearned === true];
    if (before === after && wasLearned === isLearned) return;
    if (after !== null) this.onUsed(after, isLearned);
    if (before !== null) this.onLeft(before, wasLearned);
  }

  #store(mac: string, { target, isStatic, isLearned }: Decision): boolean {
    const { fdb, overlay } = this.#options;
    return fdb.fdbPut(overlay, mac, this.resolve(target), isLearned ? { isLearned } : { isStatic });
  }

  /** What the FDB says of a MAC with that target. */
  resolve(target: Decision['target']): FdbTarget {
    if (target === 'drop') return { kind: 'drop', reason: 'drop_entry' };
    if (isRefusal(target)) return { kind: 'drop', reason: target };
    if (target !== 'here' && !this.#options.isOwn(target)) return { kind: 'remote', endpoint: target };
    const vnic = this.#options.anyMacVnic();
    return vnic === null ? { kind: 'drop', reason: 'no_local_port' } : { kind: 'local', vnic };
  }

  /** The FDB evicts on its own; what it no longer has is forgotten here, a few at a time, round and round. */
  #sweep(): void {
    if (this.#decisions.size <= this.#options.fdbSize) return;
    for (let step = 0; step < SWEEP_STEPS; step++) {
      const { done, value: mac } = this.#sweeper.next();
      if (done) this.#sweeper = this.#decisions.keys();
      else if (!this.hasEntry(mac)) this.forget(mac);
    }
  }
}
