/**
 * Where MACs are, from what arrives (RFC 7348 section 4.1): the datapath tells which source MAC came from which VTEP,
 * and this decides whether to believe it. What the operator, a VNIC or the plugin says of a MAC is never touched.
 *
 * Bounded: entries by `max`, moves of one MAC by flap-guard.ts, log lines by one of a kind a second. Only receiving
 * keeps an entry; each costs one timer that is set anew at most once in the ageing time.
 */
import { type Endpoint, formatEndpoint, isMulticastMac } from '../../address.js';
import type { Learning, PluginLog } from '../../search/api.js';
import type { Health } from '../health/health.js';
import { Expiry } from './expiry.js';
import { FlapGuard, FROZEN_MS } from './flap-guard.js';
import type { Targets } from './targets.js';

const LOG_EVERY_MS = 1000;
/** Health says that the table is full until so long after the last MAC that was refused. */
const FULL_FOR_MS = 10_000;
/** MACs that a line names. */
const NAMED_MAX = 3;
const ZERO_MAC = '00:00:00:00:00:00';

export interface LearnerOptions {
  readonly targets: Targets;
  /** When a frame from the MAC last came from the underlay, milliseconds of the clock; null: never. */
  readonly heardAtMs: (mac: string) => number | null;
  /** An address of this host: what comes from there was sent here. */
  readonly isOwn: (ip: string) => boolean;
  readonly health: Health;
  readonly log: PluginLog;
  readonly nowMs: number;
}

export class Learner {
  readonly #options: LearnerOptions;
  /** Each learned MAC, and the address of its VTEP. */
  readonly #learned = new Map<string, string>();
  readonly #expiry: Expiry;
  readonly #flapGuard: FlapGuard;
  #learning: Learning | null = null;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  /** Said in the next line of the log. */
  #news = { refused: 0, moves: 0, lastMove: {}, frozen: [] as string[] };
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
   * those that were silent for the longest are.
   */
  configure(learning: Learning | null): void {
    const before = this.#learning;
    this.#learning = learning;
    if (learning === null || before?.port !== learning.port) this.#forgetAll();
    else {
      if (before.ageing !== learning.ageing) this.#rearmAll(learning.ageing);
      if (before.max > learning.max) this.#shrink(learning.max);
    }
  }

  /** A frame from `mac` came from the VTEP `ip`, and the FDB says something else, or nothing. */
  heard(mac: string, ip: string, nowMs: number): void {
    const { targets, isOwn } = this.#options;
    const learning = this.#learning;
    if (learning === null || isMulticastMac(mac) || mac === ZERO_MAC || isOwn(ip)) return;
    const before = this.#learned.get(mac);
    if (before === ip && targets.entry(mac) !== null) return; // two workers told of it
    if (before === undefined && this.#isFull(learning, nowMs)) return;
    if (before !== undefined && before !== ip && !this.#mayMove(mac, nowMs)) return;
    const endpoint = { ip, port: learning.port };
    switch (targets.learn(mac, endpoint, nowMs)) {
      case 'learned':
        if (before !== undefined && before !== ip) this.#moved(mac, before, endpoint);
        this.#learned.set(mac, ip);
        this.#expiry.set(mac, nowMs + learning.ageing);
        this.#restoreRoom();
        return;
      case 'no_room':
        this.#noRoom();
        return;
    }
  }

  /** Forgets who has been silent for too long, thaws who was frozen for long enough, and says what there is to say. */
  tick(nowMs: number): void {
    for (const mac of this.#expiry.due(nowMs)) this.#age(mac, nowMs);
    this.#flapGuard.tick(nowMs);
    this.#sayHealth(nowMs);
    if (nowMs - this.#loggedAtMs >= LOG_EVERY_MS) this.#logNews(nowMs);
  }

  #age(mac: string, nowMs: number): void {
    const until = this.#lastHeardMs(mac) + (this.#learning?.ageing ?? 0);
    if (until > nowMs) this.#expiry.set(mac, until);
    else this.#options.targets.remove(mac);
  }

  #lastHeardMs(mac: string): number {
    const { targets, heardAtMs } = this.#options;
    return Math.max(heardAtMs(mac) ?? 0, targets.decision(mac)?.atMs ?? 0);
  }

  #isFull({ max }: Learning, nowMs: number): boolean {
    if (this.#learned.size < max) return false;
    this.#refusedAtMs = nowMs;
    this.#news.refused++;
    return true;
  }

  #mayMove(mac: string, nowMs: number): boolean {
    const wasFrozen = this.#flapGuard.frozen.has(mac);
    if (this.#flapGuard.allow(mac, nowMs)) return true;
    if (!wasFrozen) this.#news.frozen.push(mac);
    return false;
  }

  #moved(mac: string, from: string, to: Endpoint): void {
    this.#news.moves++;
    this.#news.lastMove = { mac, from, to: formatEndpoint(to) };
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
    if (this.#learning !== null && nowMs - this.#refusedAtMs < FULL_FOR_MS) {
      reasons.push(`${this.#learning.max} MACs are learned, the most that may be: frames to others are flooded`);
    }
    const { frozen } = this.#flapGuard;
    if (frozen.size > 0) {
      const seconds = FROZEN_MS / 1000;
      reasons.push(`MACs that move too often stay where they are for ${seconds} s: ${this.#places(frozen)}`);
    }
    if (reasons.length === 0) health.restore('learning');
    else health.degrade('learning', reasons.join('; '));
  }

  /** `de:ad:be:ef:00:01 at 10.0.0.1, ... and 5 more`. */
  #places(macs: ReadonlySet<string>): string {
    const named = [...macs].slice(0, NAMED_MAX).map((mac) => `${mac} at ${this.#learned.get(mac)}`);
    const more = macs.size - named.length;
    return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
  }

  #logNews(nowMs: number): void {
    const { log } = this.#options;
    const { refused, moves, lastMove, frozen } = this.#news;
    if (refused + moves + frozen.length === 0) return;
    if (refused > 0) log.warn('MACs were not learned: as many as may be are', { refused, max: this.#learning?.max });
    if (moves > 0) log.info('MACs moved', { moves, ...lastMove });
    if (frozen.length > 0) log.warn('MACs move too often and are frozen', { count: frozen.length, mac: frozen[0] });
    this.#news = { refused: 0, moves: 0, lastMove: {}, frozen: [] };
    this.#loggedAtMs = nowMs;
  }

  /** It is known by other means now, or not at all. */
  #forget(mac: string): void {
    this.#learned.delete(mac);
    this.#expiry.delete(mac);
    this.#flapGuard.forget(mac);
  }

  #forgetAll(): void {
    for (const mac of [...this.#learned.keys()]) this.#options.targets.remove(mac);
  }

  #shrink(max: number): void {
    const heard = [...this.#learned.keys()].map((mac) => ({ mac, atMs: this.#lastHeardMs(mac) }));
    const latestFirst = heard.sort((a, b) => b.atMs - a.atMs);
    for (const { mac } of latestFirst.slice(max)) this.#options.targets.remove(mac);
  }

  #rearmAll(ageing: number): void {
    for (const mac of this.#learned.keys()) this.#expiry.set(mac, this.#lastHeardMs(mac) + ageing);
  }
}
