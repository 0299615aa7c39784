/**
 * The threads that plugin instances run in, and which of them share one. Instances of the plugins that come with vxlane
 * do, because an idle thread takes as much memory as fifty of them. An instance of any other plugin has its own thread.
 *
 * When a shared thread ends, its instances are started again in two others, and of those that which ends again is split
 * again: so the one that is the cause is alone after six times at most, and the others are long at work. Where the
 * thread tells whose doing it was, that one is set apart at once.
 */
import type { BegunPluginThread } from './begin.js';
import type { OpenChannel } from './channel.js';
import type { PluginLocation } from './messages.js';
import { PluginThread, type Sharers } from './thread.js';

/** Instances of one shared thread. */
export const INSTANCES_MAX = 64;
/** A thread that uses this share of its memory gets no more instances. */
const FULL_SHARE = 0.5;
/** Those that shared a thread that ended stay apart from others for so long. */
export const APART_MS = 10 * 60_000;

/** Owners that share threads with each other alone, as one of them may be why a thread ended. */
interface Quarantine {
  readonly pool: string;
  readonly untilMs: number;
}

interface Membership {
  /** What all in it have in common: the plugin, and the memory they may use. */
  readonly pool: string;
  readonly quarantine: Quarantine | null;
}

export interface ThreadsOptions {
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** Most instances of a thread. */
  readonly mostAt?: (location: PluginLocation) => number;
  /** Becomes the first thread of plugins that may use as much memory as it has; none by default. */
  readonly begun?: BegunPluginThread | null;
}

export class PluginThreads {
  readonly #now: () => number;
  readonly #mostAt: (location: PluginLocation) => number;
  readonly #begun: BegunPluginThread | null;
  readonly #threads = new Map<PluginThread, Membership>();
  readonly #quarantines = new WeakMap<object, Quarantine>();

  constructor({ now, mostAt = mostOf, begun = null }: ThreadsOptions) {
    this.#now = now;
    this.#mostAt = mostAt;
    this.#begun = begun;
  }

  /** Threads that run. */
  get size(): number {
    return this.#threads.size;
  }

  /** The way to a new instance. `memoryMiB` bounds heap and buffers of its thread, `owner` is whose instance it is. */
  open(location: PluginLocation, memoryMiB: number, owner: object): OpenChannel {
    return (listener) => this.#threadFor(location, memoryMiB, owner).open(owner, listener);
  }

  #threadFor(location: PluginLocation, memoryMiB: number, owner: object): PluginThread {
    const pool = `${memoryMiB} ${location.kind === 'built-in' ? location.name : location.url}`;
    const quarantine = this.#quarantineOf(owner, pool);
    const most = this.#mostAt(location);
    for (const [thread, membership] of this.#threads) {
      const isMeant = membership.pool === pool && this.#lasting(membership.quarantine) === quarantine;
      if (isMeant && thread.size < most && thread.memoryShare < FULL_SHARE) return thread;
    }
    const onOver = (sharers: Sharers | null) => {
      this.#threads.delete(thread);
      if (sharers !== null) this.#part(pool, sharers);
    };
    const begun = memoryMiB === this.#begun?.memoryMiB ? this.#begun : null;
    const thread = new PluginThread(location, memoryMiB, onOver, begun);
    this.#threads.set(thread, { pool, quarantine });
    return thread;
  }

  #quarantineOf(owner: object, pool: string): Quarantine | null {
    const quarantine = this.#lasting(this.#quarantines.get(owner) ?? null);
    return quarantine?.pool === pool ? quarantine : null;
  }

  #lasting(quarantine: Quarantine | null): Quarantine | null {
    return quarantine !== null && this.#now() < quarantine.untilMs ? quarantine : null;
  }

  #part(pool: string, { owners, culprit }: Sharers): void {
    const all = [...owners];
    const half = Math.ceil(all.length / 2);
    const isFirst = (owner: object, at: number) => (culprit === null ? at < half : owner === culprit);
    const untilMs = this.#now() + APART_MS;
    const [first, second]: [Quarantine, Quarantine] = [
      { pool, untilMs },
      { pool, untilMs },
    ];
    for (const [at, owner] of all.entries()) this.#quarantines.set(owner, isFirst(owner, at) ? first : second);
  }
}

function mostOf(location: PluginLocation): number {
  return location.kind === 'built-in' ? INSTANCES_MAX : 1;
}
