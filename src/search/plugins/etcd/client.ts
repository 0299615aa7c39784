/**
 * A connection to one member of an etcd cluster: ask, write, watch. It never connects again by itself, so that whoever
 * uses it knows at which revision it went. Import it only where etcd is used: it loads protobuf.js.
 */
import { type Call, GrpcConnection, GrpcError, type Metadata, Status, TooLong } from '../../grpc/connection.js';
import type { Method } from '../../grpc/messages.js';
import { readTlsFiles } from '../../grpc/tls.js';
import {
  AUTHENTICATE,
  type Header,
  LEASE_GRANT,
  LEASE_KEEP_ALIVE,
  LEASE_REVOKE,
  RANGE,
  type RangeRequest,
  type RawKeyValue,
  type RequestOp,
  TXN,
  UNDER_LEASE,
  WATCH,
  type WatchResponse,
  WRITTEN_IN,
} from './rpc.js';
import type { EtcdEndpoint, EtcdSettings } from './settings.js';
import type { Pair, Put, Writer } from './writer.js';

/** For the first answer of a member; the host waits for `start` much longer. */
const CONNECT_MS = 3000;
/** For every further one. */
const CALL_MS = 10_000;
/** Fewer keys are asked for when a page is larger. A watch's responses have some 1.5 MiB. */
const MESSAGE_BYTES_MAX = 64 * 2 ** 20;
const PAGE_KEYS = 5000;
/** Loads in a row that compaction may overtake. */
const LOADS_MAX = 5;

/** What is asked for is older than what etcd keeps. */
export class Compacted extends Error {}

/** A value of null: the key is gone. */
export interface Change {
  readonly key: string;
  readonly value: Buffer | null;
  readonly revision: number;
}

export class Connection implements Writer {
  readonly #settings: EtcdSettings;
  readonly #prefix: Buffer;
  readonly #end: Buffer;
  readonly #grpc: GrpcConnection;
  #metadata: Metadata = {};

  /** Connects, and says nothing yet: `login` must have been waited for before anything else. */
  constructor(endpoint: EtcdEndpoint, settings: EtcdSettings) {
    this.#settings = settings;
    this.#prefix = Buffer.from(settings.prefix);
    this.#end = endOf(this.#prefix);
    this.#grpc = new GrpcConnection(endpoint.text, endpoint.isTls ? readTlsFiles(settings.tls) : {}, MESSAGE_BYTES_MAX);
  }

  /** Connects and logs in, for who need not be able to stop it meanwhile. Rejects as `login`. */
  static async open(endpoint: EtcdEndpoint, settings: EtcdSettings): Promise<Connection> {
    const connection = new Connection(endpoint, settings);
    try {
      await connection.login();
      return connection;
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
  }

  /** Rejects with one line that does not name the endpoint; close it then. */
  async login(): Promise<void> {
    const { user } = this.#settings;
    if (user === null) return;
    try {
      const { token } = await this.#send(AUTHENTICATE, user, CONNECT_MS, {});
      this.#metadata = { token };
    } catch (thrown) {
      // Who logs in where nobody has to is let in, as by etcd's own client.
      if (!/authentication is not enabled/.test(String(thrown))) throw thrown;
      this.#metadata = {};
    }
  }

  /** The cluster and its revision, agreed upon by a majority; rejects where this user may not read the prefix. */
  async header(): Promise<Header> {
    const request = { key: this.#prefix, keys_only: true };
    return (await this.#call(RANGE, request, CONNECT_MS)).header;
  }

  /**
   * Hands everything under the prefix at one revision to `load`, page by page, and answers which revision it was. When
   * compaction overtakes it, `load` is called again; whatever the pages throw must come out of it.
   */
  async loadAll(load: (pages: AsyncIterable<readonly Pair[]>) => Promise<void>): Promise<Header> {
    for (let left = LOADS_MAX; ; left--) {
      const header = await this.header();
      try {
        await load(this.#pages(header.revision));
        return header;
      } catch (thrown) {
        if (!(thrown instanceof Compacted) || left <= 1) throw thrown;
      }
    }
  }

  async *#pages(revision: number): AsyncGenerator<readonly Pair[], void> {
    let key = this.#prefix;
    let limit = PAGE_KEYS;
    while (true) {
      const request: RangeRequest = { key, range_end: this.#end, limit, revision };
      const page = await this.#call(RANGE, request, CALL_MS).catch((thrown: unknown) => {
        if (!(thrown instanceof TooLong) || limit === 1) throw thrown;
        return null;
      });
      if (page === null) {
        limit = Math.ceil(limit / 8);
        continue;
      }
      yield page.kvs.map((kv) => this.#pairOf(kv));
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  /** One transaction: all or nothing, in one revision. A value of null removes the key. */
  async write(changes: readonly { readonly key: string; readonly value: string | null }[]): Promise<void> {
    const success = changes.map(({ key, value }): RequestOp => {
      const full = this.#full(key);
      if (value === null) return { request_delete_range: { key: full } };
      return { request_put: { key: full, value: Buffer.from(value) } };
    });
    await this.#call(TXN, { success }, CALL_MS);
  }

  /** A lease of so many seconds; see {@link Writer}. */
  async grant(id: number, ttl: number): Promise<void> {
    await this.#call(LEASE_GRANT, { ID: id, TTL: ttl }, CALL_MS);
  }

  async keepAlive(id: number): Promise<boolean> {
    return ((await this.#call(LEASE_KEEP_ALIVE, { ID: id }, CALL_MS)).TTL ?? 0) > 0;
  }

  /** The lease ends, and with it all keys under it. */
  async revoke(id: number): Promise<void> {
    await this.#call(LEASE_REVOKE, { ID: id }, CALL_MS);
  }

  /** One transaction, agreed upon by a majority. */
  async read(keys: readonly string[]): Promise<Pair[]> {
    const success = keys.map((key) => ({ request_range: { key: this.#full(key) } }));
    const { responses } = await this.#call(TXN, { success }, CALL_MS);
    return responses.flatMap(({ response_range }) => response_range?.kvs ?? []).map((kv) => this.#pairOf(kv));
  }

  /** One transaction, whose keys are gone when the lease is. */
  async putAll(puts: readonly Put[], lease: number): Promise<number | null> {
    const compare = puts.flatMap(({ key, over }) =>
      over === null ? [] : [{ ...WRITTEN_IN, key: this.#full(key), mod_revision: over }],
    );
    const success = puts.map(({ key, value }) => ({
      request_put: { key: this.#full(key), value: Buffer.from(value), lease },
    }));
    const { succeeded, header } = await this.#call(TXN, { compare, success }, CALL_MS);
    return succeeded ? header.revision : null;
  }

  async removeOwn(key: string, lease: number): Promise<void> {
    const full = this.#full(key);
    const success = [{ request_delete_range: { key: full } }];
    await this.#call(TXN, { compare: [{ ...UNDER_LEASE, key: full, lease }], success }, CALL_MS);
  }

  #full(key: string): Buffer {
    return Buffer.concat([this.#prefix, Buffer.from(key)]);
  }

  /** What happens under the prefix from revision `from` on. */
  watch(from: number): Watch {
    // A member that is cut off from its cluster ends the watch, so that another member can be asked.
    const call = this.#grpc.open(WATCH.path, { ...this.#metadata, hasleader: 'true' });
    const range = { key: this.#prefix, range_end: this.#end, start_revision: from };
    call.send(WATCH.encode({ create_request: { ...range, progress_notify: true, fragment: true } }));
    this.#grpc.startPings();
    return new Watch(call, (key) => this.#keyOf(key));
  }

  /** Ends everything that goes on; what is waited for rejects. */
  close(): void {
    this.#grpc.close();
  }

  #pairOf({ key, value, mod_revision }: RawKeyValue): Pair {
    return { key: this.#keyOf(key), value, revision: mod_revision };
  }

  #keyOf(key: Buffer): string {
    return key.toString('utf8', this.#prefix.length);
  }

  /** Logs in again when the token has expired, or became void because users or roles changed. */
  async #call<Q, A>(method: Method<Q, A>, request: Q, timeoutMs: number): Promise<A> {
    try {
      return await this.#send(method, request, timeoutMs, this.#metadata);
    } catch (thrown) {
      if (this.#settings.user === null || !isTokenVoid(thrown)) throw thrown;
      await this.login();
      return await this.#send(method, request, timeoutMs, this.#metadata);
    }
  }

  async #send<Q, A>(method: Method<Q, A>, request: Q, timeoutMs: number, metadata: Metadata): Promise<A> {
    try {
      return method.decode(await this.#grpc.ask(method.path, method.encode(request), metadata, timeoutMs));
    } catch (thrown) {
      const isOld =
        thrown instanceof GrpcError && thrown.status === Status.outOfRange && /compacted/.test(thrown.message);
      throw isOld ? new Compacted(thrown.message) : thrown;
    }
  }
}

/** One watch. Iterating ends by throwing; `close` of the connection ends it too. */
export class Watch {
  readonly #call: Call;
  readonly #keyOf: (key: Buffer) => string;

  constructor(call: Call, keyOf: (key: Buffer) => string) {
    this.#call = call;
    this.#keyOf = keyOf;
  }

  /** Asks etcd for a sign that it has said everything so far; it answers with a response of watch -1. */
  requestProgress(): void {
    this.#call.send(WATCH.encode({ progress_request: {} }));
  }

  changesOf({ events }: WatchResponse): Change[] {
    return events.map(({ type, kv }) => ({
      key: this.#keyOf(kv.key),
      value: type === 'DELETE' ? null : kv.value,
      revision: kv.mod_revision,
    }));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse, never> {
    for await (const message of this.#call) {
      const response = WATCH.decode(message);
      if (response.compact_revision > 0) throw new Compacted(`compacted up to revision ${response.compact_revision}`);
      if (response.canceled) throw new Error(response.cancel_reason || 'etcd ended the watch');
      yield response;
    }
    throw new Error('etcd ended the watch');
  }
}

function isTokenVoid(thrown: unknown): boolean {
  if (!(thrown instanceof GrpcError)) return false;
  return thrown.status === Status.unauthenticated || /revision of auth store is old/.test(thrown.message);
}

/** The first key behind all that begin with the prefix, as etcd wants it. The prefix ends with "/". */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}
