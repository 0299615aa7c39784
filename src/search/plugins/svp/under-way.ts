/** The queries that a connection has put on the wire, by the ids that their answers will carry. */
import { Op } from './frame.js';
import type { Query } from './query.js';

/** Late ones included, which nobody waits for any more. */
export const UNDER_WAY_MAX = 4096;

export interface Sent {
  readonly query: Query;
  readonly atMs: number;
}

export class UnderWay {
  /** Oldest first. A query that is settled stays: its answer may still come. */
  readonly #sent = new Map<number, Sent>();
  #nextId: number;

  constructor(firstId: number) {
    this.#nextId = firstId;
  }

  get size(): number {
    return this.#sent.size;
  }

  get isFull(): boolean {
    return this.size >= UNDER_WAY_MAX;
  }

  get oldest(): Sent | undefined {
    const [oldest] = this.#sent.values();
    return oldest;
  }

  /** Answers the id, 0..2^32-1, that no other query under way has. */
  add(query: Query, atMs: number): number {
    let id = this.#nextId;
    while (this.#sent.has(id)) id = (id + 1) % 2 ** 32;
    this.#nextId = (id + 1) % 2 ** 32;
    this.#sent.set(id, { query, atMs });
    return id;
  }

  get(id: number): Query | undefined {
    return this.#sent.get(id)?.query;
  }

  delete(id: number): void {
    this.#sent.delete(id);
  }

  /** Those of {@link live}, which no longer are. */
  orphan(): Query[] {
    const orphans = this.live();
    for (const query of orphans) query.underWay--;
    return orphans;
  }

  clear(): void {
    this.#sent.clear();
  }

  /** Queries that somebody waits for, oldest first. */
  live(): Query[] {
    const queries = [...this.#sent.values()].map(({ query }) => query);
    return queries.filter((query) => !query.isSettled && query.question.op !== Op.ping);
  }
}
