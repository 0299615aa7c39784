/**
 * What an instance says before it takes over its overlay. Until then another instance may still answer, so its words
 * are kept: the latest on each MAC and address. From then on they go straight to where they are meant for.
 */
import type { Answer, Target } from '../search/api.js';
import type { PluginHealth, PluginSink } from '../search/host/types.js';

/** Addresses that may have moved meanwhile. */
const MOVES_MAX = 65_536;

export class FirstWords implements PluginSink, PluginHealth {
  /** By MAC; null: it has no target. Of a MAC that is not there, nothing has been said. */
  readonly answers = new Map<string, Answer | null>();
  /** IP address to its new owner. */
  readonly moves = new Map<string, string>();
  readonly troubles = new Map<'plugin' | 'push', string>();
  readonly #most: number;
  /** MACs of which it has spoken unasked: what it answered about the same time may be older. */
  readonly #pushed = new Set<string>();

  /** `most`: answers that are kept; a MAC beyond is asked for when it is needed. */
  constructor(most: number) {
    this.#most = most;
  }

  get isFull(): boolean {
    return this.answers.size >= this.#most;
  }

  /** It was asked. */
  answered(mac: string, answer: Answer | null): void {
    if (!this.#pushed.has(mac)) this.#keep(mac, answer);
  }

  put(mac: string, target: Target, ttl: number | undefined): void {
    this.#keep(mac, ttl === undefined ? { target } : { target, ttl });
    this.#pushed.add(mac);
  }

  withdraw(mac: string): void {
    this.answers.delete(mac);
    this.#pushed.add(mac);
  }

  #keep(mac: string, answer: Answer | null): void {
    if (!this.isFull || this.answers.has(mac)) this.answers.set(mac, answer);
  }

  moved(ip: string, mac: string): void {
    if (this.moves.size < MOVES_MAX) this.moves.set(ip, mac);
  }

  degrade(part: 'plugin' | 'push', reason: string): void {
    this.troubles.set(part, reason);
  }

  restore(part: 'plugin' | 'push'): void {
    this.troubles.delete(part);
  }
}

/** Where an instance speaks to: its first words, then whatever listens. */
export class Relay implements PluginSink, PluginHealth {
  readonly words: FirstWords;
  #sink: PluginSink;
  #health: PluginHealth;

  constructor(words: FirstWords) {
    this.words = words;
    this.#sink = words;
    this.#health = words;
  }

  /** The first words are over. */
  connect(sink: PluginSink, health: PluginHealth): void {
    this.#sink = sink;
    this.#health = health;
    for (const [part, reason] of this.words.troubles) health.degrade(part, reason);
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

  degrade(part: 'plugin' | 'push', reason: string): void {
    this.#health.degrade(part, reason);
  }

  restore(part: 'plugin' | 'push'): void {
    this.#health.restore(part);
  }
}
