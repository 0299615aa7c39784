/**
 * What an instance pushes before it serves its overlay. Until then another instance may still answer, so its pushes are
 * kept: the latest on each MAC and address. From then on they go straight to where they are meant for.
 */
import type { Answer, Target } from '../../search/api.js';
import type { PluginHealth, PluginSink } from '../../search/host/types.js';

/** Addresses that may have moved meanwhile. */
const MOVES_MAX = 65_536;

export class EarlyPushes implements PluginSink, PluginHealth {
  /** By MAC; null: it has no target. Of a MAC that is not there, nothing has been said. */
  readonly answers = new Map<string, Answer | null>();
  /** IP address to its new owner. */
  #moves = new Map<string, string>();
  /** Its list of VTEPs; null: it has none. */
  vtepList: readonly string[] | null = null;
  /** It floods elsewhere than it has said. */
  hasFloodChanged = false;
  readonly troubles = new Map<'plugin' | 'push', string>();
  readonly #most: number;
  /** MACs that it pushed: what it answered about the same time may be older. */
  readonly #pushed = new Set<string>();

  /** `most`: MACs that are kept; one beyond is asked for when it is needed. */
  constructor(most: number) {
    this.#most = most;
  }

  /** What it answers about another MAC is not kept. */
  get isFull(): boolean {
    return this.answers.size >= this.#most || this.#pushed.size >= this.#most;
  }

  /** It was asked. Once it has pushed too many to remember, no answer can be told from an older one. */
  answered(mac: string, answer: Answer | null): void {
    if (this.#pushed.size < this.#most && !this.#pushed.has(mac)) this.#keep(mac, answer);
  }

  put(mac: string, target: Target, ttl: number | undefined): void {
    this.#keep(mac, ttl === undefined ? { target } : { target, ttl });
    this.#notePush(mac);
  }

  withdraw(mac: string): void {
    this.answers.delete(mac);
    this.#notePush(mac);
  }

  #keep(mac: string, answer: Answer | null): void {
    if (this.answers.size < this.#most || this.answers.has(mac)) this.answers.set(mac, answer);
  }

  #notePush(mac: string): void {
    if (this.#pushed.size < this.#most) this.#pushed.add(mac);
  }

  moved(ip: string, mac: string): void {
    if (this.#moves.size < MOVES_MAX || this.#moves.has(ip)) this.#moves.set(ip, mac);
  }

  vteps(ips: readonly string[]): void {
    this.vtepList = ips;
  }

  floodChanged(): void {
    this.hasFloodChanged = true;
  }

  /** IP address to its new owner; none of them is left here. */
  takeMoves(): Map<string, string> {
    const moves = this.#moves;
    this.#moves = new Map();
    return moves;
  }

  /** They have been repeated, but for `answers`, which the reconciliation still reads, and empties. */
  end(): void {
    this.#moves.clear();
    this.troubles.clear();
    this.#pushed.clear();
  }

  degrade(part: 'plugin' | 'push', reason: string): void {
    this.troubles.set(part, reason);
  }

  restore(part: 'plugin' | 'push'): void {
    this.troubles.delete(part);
  }
}

/** Where an instance pushes to: what keeps its early pushes, then whatever listens. */
export class Relay implements PluginSink, PluginHealth {
  readonly early: EarlyPushes;
  #sink: PluginSink;
  #health: PluginHealth;

  constructor(early: EarlyPushes) {
    this.early = early;
    this.#sink = early;
    this.#health = early;
  }

  /** The instance serves from now on, and the reconciliation that its early pushes are for has begun. */
  connect(sink: PluginSink, health: PluginHealth): void {
    this.#sink = sink;
    this.#health = health;
    for (const [part, reason] of this.early.troubles) health.degrade(part, reason);
    if (this.early.hasFloodChanged) sink.floodChanged();
    this.early.end();
  }

  put(mac: string, target: Target, ttl: number | undefined): void {
    this.#sink.put(mac, target, ttl);
  }

  withdraw(mac: string): void {
    this.#sink.withdraw(mac);
  }

  moved(ip: string, mac: string): void {
    this.#sink.moved(ip, mac);
  }

  vteps(ips: readonly string[]): void {
    this.#sink.vteps(ips);
  }

  floodChanged(): void {
    this.#sink.floodChanged();
  }

  degrade(part: 'plugin' | 'push', reason: string): void {
    this.#health.degrade(part, reason);
  }

  restore(part: 'plugin' | 'push'): void {
    this.#health.restore(part);
  }
}
