/**
 * Follows everything under a prefix: loads it once at one revision, then watches from the next. A connection that is
 * lost is made again, to the next member of the cluster, and the watch goes on where it ended. Only where etcd cannot
 * tell what happened meanwhile (compacted, another cluster, an older copy of it) everything is loaded again.
 */
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../../errors.js';
import { type Change, Compacted, Connection, type Pair } from './client.js';
import type { WatchResponse } from './rpc.js';
import type { EtcdSettings } from './settings.js';

const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5000;
/** Between questions whether everything was said. Not at once: an etcd that may answer too early needs 100 ms. */
const PROGRESS_MS = 1000;

/** Who is told. */
export interface Audience {
  /** Everything there is: what is not among it is gone. Whatever `pages` throws must come out, and change nothing. */
  load(pages: AsyncIterable<readonly Pair[]>): Promise<void>;
  /** What happened since, in its order; revisions are complete. */
  change(changes: readonly Change[]): void;
  /** No member of the cluster can be followed; `reason` names each and its error. Again when it changes. */
  lost(reason: string): void;
  /** Nothing is missing up to a moment ago. */
  caughtUp(): void;
  /** For the log. */
  note(text: string): void;
}

export class Follower {
  readonly #settings: EtcdSettings;
  readonly #audience: Audience;
  #connection: Connection | null = null;
  /** The cluster's id, and the first revision that was not seen; null: nothing was. */
  #position: { readonly clusterId: number; next: number } | null = null;
  /** The revision that the cluster had when this connection was made. */
  #wanted = 0;
  /** Index of the endpoint that is, or was last, used. */
  #at = 0;
  /** Attempts that failed since the last time that nothing was missing. */
  #failures = 0;
  /** The last error of each endpoint since then. */
  readonly #errors = new Map<string, string>();
  #pause = new AbortController();
  #stopped = false;
  /** The connection was closed by `reload`, which is no failure. */
  #reloading = false;

  constructor(settings: EtcdSettings, audience: Audience) {
    this.#settings = settings;
    this.#audience = audience;
  }

  /** Resolves when everything is loaded. Rejects when no endpoint answers as it should, naming each. */
  async start(): Promise<void> {
    for (const { text } of this.#settings.endpoints) {
      try {
        await this.#enter();
        void this.#run();
        return;
      } catch (thrown) {
        if (this.#stopped) return;
        this.#errors.set(text, messageOf(thrown));
        this.#leave();
        this.#at++;
      }
    }
    throw new Error(this.#errorText());
  }

  stop(): void {
    this.#stopped = true;
    this.#connection?.close();
    this.#pause.abort();
  }

  /** Connects anew and loads everything again. */
  reload(): void {
    this.#position = null;
    this.#reloading = true;
    this.#connection?.close();
    this.#pause.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (this.#connection === null) await this.#enter();
        await this.#watch();
      } catch (thrown) {
        if (!this.#stopped && !this.#reloading) this.#failed(thrown);
      }
      this.#leave();
      if (!this.#stopped && !this.#reloading) await this.#wait();
      this.#reloading = false;
    }
  }

  /** Connects, and loads if it must. */
  async #enter(): Promise<void> {
    const { endpoints } = this.#settings;
    const connection = new Connection(endpoints[this.#at % endpoints.length]!, this.#settings);
    this.#connection = connection; // before anything is waited for: `stop` and `reload` close it
    await connection.login();
    const header = await connection.header();
    this.#wanted = header.revision;
    const position = this.#position;
    // A revision lower than what we saw: etcd was set up anew, or put back to a copy.
    const isSame = position?.clusterId === header.cluster_id && header.revision >= position.next - 1;
    if (!isSame) await this.#load(connection);
  }

  async #load(connection: Connection): Promise<void> {
    this.#position = null; // should this fail, what was seen before counts no more, however far the cluster gets
    const header = await connection.loadAll((pages) => this.#audience.load(pages));
    this.#position = { clusterId: header.cluster_id, next: header.revision + 1 };
    this.#wanted = header.revision;
  }

  /** Ends by throwing. */
  async #watch(): Promise<void> {
    const [connection, position] = [this.#connection, this.#position];
    if (connection === null || position === null) return;
    const stream = connection.watch(position.next);
    let asking: NodeJS.Timeout | null = null;
    let changes: Change[] = [];
    try {
      for await (const response of stream) {
        changes = changes.concat(stream.changesOf(response));
        if (response.fragment) continue;
        if (changes.length > 0) this.#audience.change(changes);
        position.next = Math.max(position.next, nextOf(response, changes));
        changes = [];
        if (position.next > this.#wanted || isProgress(response, this.#wanted)) {
          if (asking !== null) clearInterval(asking);
          this.#caughtUp();
        } else if (response.created) {
          asking = setInterval(() => stream.requestProgress(), PROGRESS_MS).unref();
        }
      }
    } finally {
      if (asking !== null) clearInterval(asking);
    }
  }

  #caughtUp(): void {
    this.#failures = 0;
    this.#errors.clear();
    this.#audience.caughtUp();
  }

  #failed(thrown: unknown): void {
    const { endpoints } = this.#settings;
    const { text } = endpoints[this.#at % endpoints.length]!;
    const error = messageOf(thrown);
    if (this.#errors.get(text) !== error) this.#audience.note(`${text}: ${error}`);
    if (thrown instanceof Compacted) {
      this.#position = null;
      return;
    }
    this.#errors.set(text, error);
    this.#failures++;
    this.#at++;
    if (this.#failures >= endpoints.length) this.#audience.lost(this.#errorText());
  }

  #leave(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  /** The other members are asked at once; then longer and longer, and not by all hosts at the same time. */
  async #wait(): Promise<void> {
    const rounds = Math.max(0, this.#failures - this.#settings.endpoints.length);
    const waitMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** rounds) * (0.5 + Math.random() / 2);
    this.#pause = new AbortController();
    await setTimeout(waitMs, undefined, { signal: this.#pause.signal }).catch(() => {});
  }

  #errorText(): string {
    return Array.from(this.#errors, ([endpoint, error]) => `${endpoint}: ${error}`).join('; ');
  }
}

/**
 * The first revision that is to be seen after a response. Its header tells only where nothing happened, and then only
 * in what etcd sends by itself every ten minutes: with events it is ahead of them, and so it is, before etcd 3.4.25 and
 * 3.5.8, in the answer to a progress request (etcd issue 15220).
 */
function nextOf({ header, created, watch_id }: WatchResponse, changes: readonly Change[]): number {
  const last = changes.at(-1);
  if (last !== undefined) return last.revision + 1;
  return created || watch_id < 0 ? 0 : header.revision + 1;
}

function isProgress({ header, watch_id }: WatchResponse, wanted: number): boolean {
  return watch_id < 0 && header.revision >= wanted;
}
