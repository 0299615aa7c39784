/**
 * What happened of late, for operators who ask, and for those who listen. Bounded: a ring for what happens seldom, and
 * one for what may come by the thousand a second, so that a host that scans does not push out what an operator looks
 * for.
 */
import type { EventView } from '../../control/events.js';
import { type EventKind, kindOf } from '../../event-kinds.js';

/** Events that each ring keeps. */
export const EVENTS_KEPT = 4096;

/** Characters of a reason: a configuration file may be wrong in thousands of places. */
const REASON_MAX = 1000;

/** What there is to say; null and '' where it is left out. */
export interface Happening {
  readonly object: string;
  readonly overlay?: string;
  readonly old?: string;
  readonly new?: string;
  readonly reason?: string;
}

/** Whoever has events to tell holds this. */
export type Tell = (kind: EventKind, happening: Happening) => void;

class Ring {
  readonly #events: EventView[] = [];
  #next = 0;
  /** The id of the latest that was pushed out. */
  forgotten = 0;

  add(event: EventView): void {
    this.forgotten = this.#events[this.#next]?.id ?? this.forgotten;
    this.#events[this.#next] = event;
    this.#next = (this.#next + 1) % EVENTS_KEPT;
  }

  /** Oldest first. */
  after(id: number): EventView[] {
    const ordered = [...this.#events.slice(this.#next), ...this.#events.slice(0, this.#next)];
    return ordered.filter((event) => event.id > id);
  }
}

export class EventLog {
  readonly #seldom = new Ring();
  readonly #frequent = new Ring();
  readonly #listeners = new Set<(event: EventView) => void>();
  /** Before the first: grows over restarts, since no daemon tells a million events a second. */
  readonly #before: number;
  #last: number;
  /** Since the start. */
  readonly counts = new Map<EventKind, number>();

  /** `startedAt`: milliseconds since 1970. */
  constructor(startedAt = Date.now()) {
    this.#before = startedAt * 1000;
    this.#last = this.#before;
  }

  /** The id of the latest; of none: one before the first. */
  get last(): number {
    return this.#last;
  }

  readonly tell: Tell = (kind, { object, overlay = null, old = null, new: now = null, reason: why = '' }) => {
    const id = ++this.#last;
    const reason = why.length > REASON_MAX ? `${why.slice(0, REASON_MAX)}…` : why;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const event: EventView = { id, time: new Date().toISOString(), kind, object, overlay, old, new: now, reason };
    (kindOf(kind).isFrequent ? this.#frequent : this.#seldom).add(event);
    for (const listener of this.#listeners) listener(event);
  };

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Those that are kept after an id, oldest first; null: all. */
  after(id: number | null): EventView[] {
    const from = id ?? this.#before;
    return [...this.#seldom.after(from), ...this.#frequent.after(from)].sort((a, b) => a.id - b.id);
  }

  /** Whether some after that id are not kept any more, or were another daemon's. */
  hasLost(id: number): boolean {
    return id < Math.max(this.#before, this.#seldom.forgotten, this.#frequent.forgotten) || id > this.#last;
  }

  /** Calls back for every event from now on. Answers how to end that. */
  listen(listener: (event: EventView) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
