/**
 * Follows everything under a prefix: loads it once at one revision, then watches from the next. A connection that is
 * lost is made again, to the next member of the cluster, and the watch goes on where it ended. Only where etcd cannot
 * tell what happened meanwhile (compacted, another cluster, an older copy of it) everything is loaded again.
 */
import { type Line, type LineAudience, Persistence } from '../../grpc/persistence.js';
import { type Change, Compacted, Connection } from './client.js';
import type { WatchResponse } from './rpc.js';
import type { EtcdSettings } from './settings.js';
import type { Pair, Writer } from './writer.js';

/** Between questions whether everything was said. Not at once: an etcd that may answer too early needs 100 ms. */
const PROGRESS_MS = 1000;

/** Who is told. */
export interface Audience extends LineAudience {
  /** Everything there is: what is not among it is gone. Whatever `pages` throws must come out, and change nothing. */
  load(pages: AsyncIterable<readonly Pair[]>): Promise<void>;
  /** Everything is loaded, and may be written to until `left`. */
  entered?(writer: Writer): void;
  left?(): void;
  /** What happened since, in its order; revisions are complete. */
  change(changes: readonly Change[]): void;
}

export class Follower implements Line {
  readonly #settings: EtcdSettings;
  readonly #audience: Audience;
  readonly #persistence: Persistence;
  #connection: Connection | null = null;
  /** The cluster's id, and the first revision that was not seen; null: nothing was. */
  #position: { readonly clusterId: number; next: number } | null = null;
  /** The revision that the cluster had when this connection was made. */
  #wanted = 0;

  constructor(settings: EtcdSettings, audience: Audience) {
    this.#settings = settings;
    this.#audience = audience;
    const endpoints = settings.endpoints.map(({ text }) => text);
    this.#persistence = new Persistence(endpoints, this, audience);
  }

  /** Resolves when everything is loaded. Rejects when no endpoint answers as it should, naming each. */
  start(): Promise<void> {
    return this.#persistence.start();
  }

  stop(): void {
    this.#persistence.stop();
  }

  /** Connects anew and loads everything again. */
  reload(): void {
    this.#position = null;
    this.#persistence.renew();
  }

  /** Connects, and loads if it must. */
  async enter(endpoint: number): Promise<void> {
    const connection = new Connection(this.#settings.endpoints[endpoint]!, this.#settings);
    this.#connection = connection; // before anything is waited for: it may be left
    await connection.login();
    const header = await connection.header();
    this.#wanted = header.revision;
    const position = this.#position;
    // A revision lower than what we saw: etcd was set up anew, or put back to a copy.
    const isSame = position?.clusterId === header.cluster_id && header.revision >= position.next - 1;
    if (!isSame) await this.#load(connection);
    if (this.#connection === connection) this.#audience.entered?.(connection);
  }

  leave(): void {
    this.#audience.left?.();
    this.#connection?.close();
    this.#connection = null;
  }

  /** What is asked for is gone: it is loaded anew. */
  isBlameless(thrown: unknown): boolean {
    if (!(thrown instanceof Compacted)) return false;
    this.#position = null;
    return true;
  }

  async #load(connection: Connection): Promise<void> {
    this.#position = null; // should this fail, what was seen before counts no more, however far the cluster gets
    const header = await connection.loadAll((pages) => this.#audience.load(pages));
    this.#position = { clusterId: header.cluster_id, next: header.revision + 1 };
    this.#wanted = header.revision;
  }

  async follow(caughtUp: () => void): Promise<void> {
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
          caughtUp();
        } else if (response.created) {
          asking = setInterval(() => stream.requestProgress(), PROGRESS_MS).unref();
        }
      }
    } finally {
      if (asking !== null) clearInterval(asking);
    }
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
