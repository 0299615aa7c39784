/**
 * All servers of one name: a connection to each address, questions spread over them in turn. A question that finds no
 * connection waits for one until its deadline, and one whose connection breaks or is silent is asked once more: every
 * question of the protocol may be asked twice. Not more often and, where a server died, not at once: the question may
 * be what it died of.
 */
import { Connection, type ConnectionOwner, FAILURES_MAX } from './connection.js';
import type { SvpEnvironment } from './environment.js';
import type { SvpHealth } from './health.js';
import type { Question } from './messages.js';
import { NameWatch } from './name-watch.js';
import { Query } from './query.js';
import { UNDER_WAY_MAX } from './under-way.js';

/** Below the host's deadline (3 s), so that the operator reads why, and not only that time passed. */
export const DEADLINE_MS = 2500;
/** Questions without answer, waiting ones included. */
export const QUESTIONS_MAX = 4096;
/** How often a question is asked at most. */
export const ASKED_MAX = 2;
/** Before a question is asked again whose connection broke. */
export const ASK_AGAIN_MS = 500;
/** The end of all connections is waited for so long; the host would not wait longer than 2 s. */
export const STOP_MS = 1000;
/** Servers that a line for the operator names. */
const NAMED_MAX = 3;

export interface PoolOptions {
  /** Of the servers: a name or an address. */
  readonly host: string;
  readonly port: number;
  readonly environment: SvpEnvironment;
  readonly health: SvpHealth;
  log(message: string, fields: object): void;
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #names: NameWatch;
  /** By address. */
  readonly #connections = new Map<string, Connection>();
  readonly #questions = new Set<Query>();
  /** Those of them that no connection has, oldest first. */
  readonly #waiting = new Set<Query>();
  /** Those that are to be asked again in a moment: what takes that back. */
  readonly #retries = new Map<Query, () => void>();
  /** Connections that are coming to their end. */
  readonly #ending = new Set<Promise<void>>();
  #turn = 0;
  #isUp = false;
  #wasUp = false;
  #isStopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#names = new NameWatch(options, (addresses) => this.#follow(addresses));
  }

  start(): void {
    this.#names.start();
  }

  /** Questions that are open then are rejected. Resolves when every connection is closed, or will not be. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#names.stop();
    for (const connection of this.#connections.values()) connection.close();
    for (const query of this.#questions) query.reject('the plugin was stopped');
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.environment.after(STOP_MS, resolve);
    });
    await Promise.race([Promise.all(this.#ending), late]);
    cancel();
  }

  /** Asks one of the servers. Rejects with words for the operator when none answers in time. */
  ask<T>(question: Question<T>): Promise<T> {
    if (this.#isStopped) return Promise.reject(new Error('the plugin was stopped'));
    if (this.#questions.size >= QUESTIONS_MAX) {
      return Promise.reject(new Error(`${QUESTIONS_MAX} questions are waiting for an answer already`));
    }
    const query = new Query(question, () => {
      cancel();
      this.#questions.delete(query);
      this.#waiting.delete(query);
      this.#retries.get(query)?.();
      this.#retries.delete(query);
    });
    const cancel = this.#options.environment.after(DEADLINE_MS, () => query.reject(this.#whyLate(query)));
    this.#questions.add(query);
    this.#dispatch(query);
    return query.answer as Promise<T>;
  }

  #dispatch(query: Query): void {
    const connection = this.#pick();
    if (connection === null) this.#waiting.add(query);
    else {
      this.#waiting.delete(query);
      connection.send(query);
    }
  }

  /** The next in turn, silent ones last; null: there is none. */
  #pick(): Connection | null {
    const active = [...this.#connections.values()].filter((each) => each.isActive);
    const lively = active.filter((each) => !each.isStalled);
    const choice = lively.length > 0 ? lively : active;
    return choice[this.#turn++ % choice.length] ?? null;
  }

  /** One connection an address: new ones are opened, those of addresses that are gone end after their last answer. */
  #follow(addresses: readonly string[]): void {
    for (const [ip, connection] of this.#connections) if (!addresses.includes(ip)) connection.leave();
    for (const ip of addresses) {
      const known = this.#connections.get(ip);
      if (known !== undefined && !known.isClosed) known.stay();
      else this.#open(ip);
    }
    this.#changed();
  }

  #open(ip: string): void {
    const { environment, port, log } = this.#options;
    const owner: ConnectionOwner = {
      environment,
      log,
      changed: () => this.#changed(),
      orphaned: (queries) => this.#orphaned(queries),
      delayed: (queries) => this.#delayed(queries),
      ending: (end) => this.#endsWith(end),
    };
    const connection = new Connection(ip, port, owner);
    this.#connections.set(ip, connection);
    connection.open();
  }

  #changed(): void {
    if (this.#isStopped) return;
    for (const [ip, connection] of this.#connections) if (connection.isClosed) this.#connections.delete(ip);
    for (const query of this.#waiting) {
      if (!this.#pickable) break;
      this.#dispatch(query);
    }
    this.#judge();
  }

  get #pickable(): boolean {
    return [...this.#connections.values()].some((each) => each.isActive);
  }

  #endsWith(end: Promise<void>): void {
    this.#ending.add(end);
    void end.then(() => this.#ending.delete(end));
  }

  #orphaned(queries: readonly Query[]): void {
    if (this.#isStopped) return;
    for (const query of queries) {
      if (query.isSettled || query.underWay > 0) continue;
      if (query.asked >= ASKED_MAX) query.reject(`${query.asked} connections broke on it`);
      else
        this.#retries.set(
          query,
          this.#options.environment.after(ASK_AGAIN_MS, () => this.#askAgain(query)),
        );
    }
  }

  #askAgain(query: Query): void {
    this.#retries.delete(query);
    this.#dispatch(query);
  }

  #delayed(queries: readonly Query[]): void {
    for (const query of queries) {
      const other = this.#pick();
      if (other !== null && !other.isStalled && query.asked < ASKED_MAX) other.send(query);
    }
  }

  /**
   * Degraded: no server is up, and each has failed too often in a row. Until one has been up for the first time, one
   * failure is too often: whoever has just created the overlay ought to see what is wrong with it.
   */
  #judge(): void {
    const all = [...this.#connections.values()];
    const isUp = all.some((each) => each.isProven);
    if (isUp && !this.#isUp) this.#options.health.set('answers', null); // what failed may well succeed now
    this.#isUp = isUp;
    this.#wasUp ||= isUp;
    const most = this.#wasUp ? FAILURES_MAX : 0;
    const isDown = all.length > 0 && !isUp && all.every((each) => each.failures > most);
    this.#options.health.set('servers', isDown ? this.#unreachable(all) : null);
  }

  #unreachable(all: readonly Connection[]): string {
    const named = all.slice(0, NAMED_MAX).map((each) => `${each.name}: ${each.lastError}`);
    const more = all.length > NAMED_MAX ? ` (and ${all.length - NAMED_MAX} more)` : '';
    return `svp/host ${this.#options.host}: cannot reach any server: ${named.join('; ')}${more}`;
  }

  #whyLate(query: Query): string {
    const seconds = DEADLINE_MS / 1000;
    if (query.asked > 0) return `no svp server answered within ${seconds} s`;
    const all = [...this.#connections.values()];
    if (all.length === 0) return `svp/host ${this.#options.host}: no address is known: ${this.#names.lastError}`;
    if (all.some((each) => each.isFull)) return `too many questions: the servers owe ${UNDER_WAY_MAX} answers each`;
    return this.#unreachable(all);
  }
}
