/**
 * Where MACs are, from what arrives (RFC 7348 section 4.1): the datapath tells which source MAC came from which VTEP,
 * or from behind the VNIC here that carries any, and this decides whether to believe it. What the operator, a VNIC or
 * the plugin says of a MAC is not touched by what comes from the underlay. But a MAC that the plugin has elsewhere and
 * that sends from behind a VNIC here has moved here, whether or not the overlay learns: it stays until the plugin says
 * more of it, it is silent for long, or it is heard from the underlay again.
 *
 * Bounded: entries by `max`, of which those that nobody here sends to make room for others; moves of one MAC by
 * flap-guard.ts, log lines by one of a kind a second. Only receiving keeps an entry; each costs one timer that is set
 * anew at most once in the ageing time.
 */
import { isMulticastMac } from '../../address.js';
import type { Learning, LocalLearning, PluginLog } from '../../search/api.js';
import type { Health } from '../health/health.js';
import type { Where } from './decision.js';
import { Expiry } from './expiry.js';
import { DEFAULT_MOVES, FlapGuard, type Mover } from './flap-guard.js';
import { isSamePlace, placeText } from './place.js';
import type { Targets } from './targets.js';

const LOG_EVERY_MS = 1000;
/** Health says that the table is full until so long after the last MAC that was refused. */
const FULL_FOR_MS = 10_000;
/** MACs that a line names. */
const NAMED_MAX = 3;
/** MACs that are looked at to make room for one, and how long each may be without an answer. */
const ROOM_STEPS = 16;
const ANSWERED_WITHIN_MS = 1000;
const ZERO_MAC = '00:00:00:00:00:00';
/** Where nothing else is learned, a MAC that moved here may be silent for so long. */
const AGEING_MS = 300_000;

/** `change`: where the MAC was, and is. */
export type TellMac = (
  kind: 'mac_learned' | 'mac_moved' | 'mac_duplicate' | 'mac_frozen',
  mac: string,
  change: { readonly old?: string; readonly new?: string },
) => void;

export interface LearnerOptions {
  readonly targets: Targets;
  /** When a frame from the MAC last came from where its entry says, milliseconds of the clock; null: never. */
  readonly heardAtMs: (mac: string) => number | null;
  /** An address of this host: what comes from there was sent here. */
  readonly isOwn: (ip: string) => boolean;
  /** Called for a MAC that was known elsewhere, and is behind a VNIC here now. */
  readonly onCameHere: (mac: string) => void;
  /** Called for a MAC that is learned to be behind a VNIC here, and when it is so no longer. */
  readonly onHere: (mac: string, isHere: boolean) => void;
  readonly tell: TellMac;
  /** Called when {@link Learner.isAtRest} may have ended. */
  readonly onStir: () => void;
  readonly health: Health;
  readonly log: PluginLog;
  readonly nowMs: number;
}

function noNews() {
  return { refused: 0, moves: 0, lastMove: {}, duplicates: [] as string[], frozen: [] as string[] };
}

export class Learner {
  readonly #options: LearnerOptions;
  readonly #learned = new Set<string>();
  /** Those of them that are behind a VNIC here. */
  readonly #here = new Set<string>();
  /** Where the search for room goes on. */
  #sweeper: Iterator<string, undefined> = this.#learned.keys();
  readonly #expiry: Expiry;
  readonly #flapGuard: FlapGuard;
  #learning: Learning | null = null;
  /** Without that: what is behind a VNIC here is learned all the same. */
  #locally: LocalLearning | null = null;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  /** Said in the next line of the log. */
  #news = noNews();
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LearnerOptions) {
    this.#options = options;
    this.#expiry = new Expiry(options.nowMs);
    this.#flapGuard = new FlapGuard(options.nowMs);
    options.targets.onUnlearned = (mac) => this.#forget(mac);
  }

  /** How many MACs are learned now. */
  get size(): number {
    return this.#learned.size;
  }

  /**
   * From now on by these rules; null: nothing is learned any more, and what was is forgotten. Of more MACs than may be,
   * those that were silent for the longest are. `locally`: without `learning`, MACs behind VNICs here are learned.
   */
  configure(learning: Learning | null, locally: LocalLearning | null = null): void {
    const before = this.#learning;
    const isAsBefore = before === null && learning === null && this.#locally?.ageing === locally?.ageing;
    this.#learning = learning;
    this.#locally = locally;
    this.#flapGuard.configure(learning?.moves ?? DEFAULT_MOVES);
    if (isAsBefore) return;
    if (learning === null || before?.port !== learning.port) this.#forgetAll();
    else {
      if (before.ageing !== learning.ageing) this.#rearmAll(learning.ageing);
      if (before.max > learning.max) this.#shrink(learning.max);
    }
  }

  /**
   * A frame from `mac` came from the VTEP `ip`, or with null from behind a VNIC here, and the FDB says something else,
   * or nothing.
   */
  heard(mac: string, ip: string | null, nowMs: number): void {
    const { targets, isOwn, onStir } = this.#options;
    onStir();
    if (isMulticastMac(mac) || mac === ZERO_MAC || (ip !== null && isOwn(ip))) return;
    if (ip === null) this.#learn(mac, 'here', nowMs);
    else if (this.#learning !== null) this.#learn(mac, { ip, port: this.#learning.port }, nowMs);
    else if (this.#learned.has(mac)) targets.remove(mac); // it has left again, and the plugin is to say where to
  }

  #learn(mac: string, heardAt: Where, nowMs: number): void {
    const { targets, onCameHere } = this.#options;
    const before = targets.whereIs(mac);
    if (this.#learned.has(mac)) {
      if (before !== null && isSamePlace(before, heardAt) && targets.hasEntry(mac)) return; // two workers told of it
    } else if (this.#learning === null) {
      if (before === 'here') return;
      if (this.#locally !== null ? this.#isFull(this.#locally, nowMs) : before === null) return;
    } else if (this.#isFull(this.#learning, nowMs)) return;
    const where = this.#afterMove(mac, before, heardAt, nowMs);
    if (where === null) return;
    switch (targets.learn(mac, where, nowMs)) {
      case 'learned':
        if (before === null) this.#options.tell('mac_learned', mac, { new: placeText(where) });
        else if (!isSamePlace(before, where)) this.#moved(mac, before, where);
        this.#learned.add(mac);
        this.#setHere(mac, where === 'here');
        this.#expiry.set(mac, nowMs + this.#ageing);
        this.#restoreRoom();
        if (where === 'here' && before !== null && before !== 'here') onCameHere(mac);
        return;
      case 'no_room':
        this.#noRoom();
        return;
    }
  }

  /** Where a MAC is to be that may be known elsewhere; null: where it is. What the plugin said of it is no move. */
  #afterMove(mac: string, before: Where | null, heardAt: Where, nowMs: number): Where | null {
    if (before === null || !this.#learned.has(mac) || isSamePlace(before, heardAt)) return heardAt;
    const wasDuplicate = this.#flapGuard.duplicates.has(mac);
    const verdict = this.#flapGuard.judge(mac, before, nowMs);
    if (!wasDuplicate && this.#flapGuard.duplicates.has(mac)) this.#foundDuplicate(mac, verdict === 'home');
    if (verdict === 'stay') return null;
    return verdict === 'home' ? this.#flapGuard.movers.get(mac)!.home : heardAt;
  }

  /** The MACs that are learned elsewhere, each with the address of its VTEP. */
  *elsewhere(): Generator<[mac: string, ip: string]> {
    for (const mac of this.#learned) {
      const where = this.#options.targets.whereIs(mac);
      if (where !== null && where !== 'here') yield [mac, where.ip];
    }
  }

  /** MACs that have moved of late, in the order of their first move. */
  get movers(): ReadonlyMap<string, Mover> {
    return this.#flapGuard.movers;
  }

  /** A frozen MAC may move again. False when it is not frozen. */
  thaw(mac: string): boolean {
    if (typeof this.#flapGuard.movers.get(mac)?.frozenUntilMs !== 'number') return false;
    this.#flapGuard.forget(mac);
    return true;
  }

  /** Forgets the MACs that were heard from an address that is not to be believed any more. */
  forgetAt(isWrong: (ip: string) => boolean): void {
    const { targets } = this.#options;
    for (const mac of [...this.#learned]) {
      const where = targets.whereIs(mac);
      if (where !== null && where !== 'here' && isWrong(where.ip)) targets.remove(mac);
    }
  }

  /** The VNIC that carries any MAC goes: nothing is behind it any more. */
  forgetHere(): void {
    const { targets } = this.#options;
    for (const [mac, { home }] of [...this.movers]) if (home === 'here') this.#flapGuard.forget(mac);
    for (const mac of [...this.#learned]) if (targets.whereIs(mac) === 'here') targets.remove(mac);
  }

  /** Time alone changes nothing, where the overlay is ONLINE. */
  get isAtRest(): boolean {
    return this.#expiry.size === 0 && this.#flapGuard.movers.size === 0 && this.#isAllSaid;
  }

  get #isAllSaid(): boolean {
    const { refused, moves, duplicates, frozen } = this.#news;
    return refused + moves + duplicates.length + frozen.length === 0;
  }

  /** Forgets who has been silent for too long, thaws who was frozen for long enough, and says what there is to say. */
  tick(nowMs: number): void {
    for (const mac of this.#expiry.due(nowMs)) this.#age(mac, nowMs);
    this.#flapGuard.tick(nowMs);
    this.#sayHealth(nowMs);
    if (nowMs - this.#loggedAtMs >= LOG_EVERY_MS) this.#logNews(nowMs);
  }

  #age(mac: string, nowMs: number): void {
    const until = this.#lastHeardMs(mac) + this.#ageing;
    if (until > nowMs) this.#expiry.set(mac, until);
    else this.#options.targets.remove(mac);
  }

  get #ageing(): number {
    return (this.#learning ?? this.#locally)?.ageing ?? AGEING_MS;
  }

  #lastHeardMs(mac: string): number {
    const { targets, heardAtMs } = this.#options;
    return Math.max(heardAtMs(mac) ?? 0, targets.decision(mac)?.atMs ?? 0);
  }

  #isFull({ max }: LocalLearning, nowMs: number): boolean {
    if (this.#learned.size < max) return false;
    this.#refusedAtMs = nowMs;
    if (this.#makeRoom(nowMs)) return false;
    this.#news.refused++;
    return true;
  }

  /** Takes the place of one that only sends: whoever forges addresses fills the table with those. */
  #makeRoom(nowMs: number): boolean {
    const { targets } = this.#options;
    for (let step = 0; step < ROOM_STEPS; step++) {
      const { done, value: mac } = this.#sweeper.next();
      if (done) {
        this.#sweeper = this.#learned.keys();
        continue;
      }
      const isNew = nowMs - (targets.decision(mac)?.atMs ?? 0) < ANSWERED_WITHIN_MS;
      if (isNew || targets.entry(mac)?.usedAtMs !== null) continue;
      targets.remove(mac);
      return true;
    }
    return false;
  }

  #foundDuplicate(mac: string, isFrozen: boolean): void {
    this.#options.tell(isFrozen ? 'mac_frozen' : 'mac_duplicate', mac, {});
    if (isFrozen) this.#news.frozen.push(mac);
    else this.#news.duplicates.push(mac);
  }

  #moved(mac: string, from: Where, to: Where): void {
    this.#options.tell('mac_moved', mac, { old: placeText(from), new: placeText(to) });
    this.#news.moves++;
    this.#news.lastMove = { mac, from: placeText(from), to: placeText(to) };
  }

  #noRoom(): void {
    const { targets, health } = this.#options;
    const { code, message } = targets.noRoom();
    health.degrade(code === 'fdb_full' ? 'fdb' : 'endpoints', message);
  }

  #restoreRoom(): void {
    this.#options.health.restore('fdb');
    this.#options.health.restore('endpoints');
  }

  #sayHealth(nowMs: number): void {
    const { health } = this.#options;
    const reasons: string[] = [];
    const { max } = this.#learning ?? this.#locally ?? {};
    if (max !== undefined && nowMs - this.#refusedAtMs < FULL_FOR_MS) {
      const others = this.#learning === null ? 'the search plugin hears of no more' : 'frames to others are flooded';
      reasons.push(`${max} MACs are learned, the most that may be: ${others}`);
    }
    const { duplicates, isFreezing } = this.#flapGuard;
    if (duplicates.size > 0) {
      const what = isFreezing
        ? 'MACs that move too often are frozen'
        : 'MACs move too often, perhaps they are in two places at once';
      reasons.push(`${what}: ${this.#places(duplicates)}`);
    }
    if (reasons.length === 0) health.restore('learning');
    else health.degrade('learning', reasons.join('; '));
  }

  /** `de:ad:be:ef:00:01 at 10.0.0.1:4789, ... and 5 more`. */
  #places(macs: ReadonlySet<string>): string {
    const named: string[] = [];
    for (const mac of macs) {
      if (named.length === NAMED_MAX) break;
      named.push(`${mac} at ${this.#placeOf(mac)}`);
    }
    const more = macs.size - named.length;
    return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
  }

  #placeOf(mac: string): string {
    const where = this.#options.targets.whereIs(mac);
    return where === null ? 'no place' : placeText(where);
  }

  #logNews(nowMs: number): void {
    const { log } = this.#options;
    if (this.#isAllSaid) return;
    const { refused, moves, lastMove, duplicates, frozen } = this.#news;
    if (refused > 0)
      log.warn('MACs were not learned: as many as may be are', {
        refused,
        max: (this.#learning ?? this.#locally)?.max,
      });
    if (moves > 0) log.info('MACs moved', { moves, ...lastMove });
    if (duplicates.length > 0) log.warn('MACs move too often', { count: duplicates.length, mac: duplicates[0] });
    if (frozen.length > 0) log.warn('MACs move too often and are frozen', { count: frozen.length, mac: frozen[0] });
    this.#news = noNews();
    this.#loggedAtMs = nowMs;
  }

  /** It is known by other means now, or not at all. */
  #forget(mac: string): void {
    this.#learned.delete(mac);
    this.#setHere(mac, false);
    this.#expiry.delete(mac);
    this.#flapGuard.forget(mac);
  }

  #setHere(mac: string, isHere: boolean): void {
    if (this.#here.has(mac) === isHere) return;
    if (isHere) this.#here.add(mac);
    else this.#here.delete(mac);
    this.#options.onHere(mac, isHere);
  }

  #forgetAll(): void {
    for (const mac of [...this.#learned]) this.#options.targets.remove(mac);
  }

  #shrink(max: number): void {
    const heard = [...this.#learned].map((mac) => ({ mac, atMs: this.#lastHeardMs(mac) }));
    const latestFirst = heard.sort((a, b) => b.atMs - a.atMs);
    for (const { mac } of latestFirst.slice(max)) this.#options.targets.remove(mac);
  }

  #rearmAll(ageing: number): void {
    for (const mac of this.#learned) this.#expiry.set(mac, this.#lastHeardMs(mac) + ageing);
  }
}
