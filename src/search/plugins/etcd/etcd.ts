/**
 * The `etcd` plugin: one key a MAC under a prefix of an etcd cluster, its value the entry that a `files` file would
 * have. Everything is loaded at start and followed from there; only what differs is pushed. docs/etcd.md is its manual.
 */
import { macFromNumber, macToNumber } from '../../../address.js';
import type { Answer, DynamicInstance, DynamicPlugin, Entry, Owner, PluginContext, Query } from '../../api.js';
import type { FilesChanges } from '../files/diff.js';
import { ipv4Key, ipv6Key, type MacKey } from '../files/keys.js';
import { ownerOf } from '../files/table.js';
import { changeSizes, Told } from '../files/told.js';
import { VtepList } from '../files/vtep-list.js';
import type { Change, Pair } from './client.js';
import type { Audience, Follower } from './follow.js';
import { Reader } from './reader.js';
import { PROPERTIES, settingsOf } from './settings.js';
import { type EtcdEntry, EtcdTable } from './table.js';

type Values = Parameters<DynamicPlugin['create']>[1];

export const etcd: DynamicPlugin = {
  name: 'etcd',
  mode: 'dynamic',
  properties: PROPERTIES,
  create: (context, values) => new EtcdInstance(context, values),
};

class EtcdInstance implements DynamicInstance {
  readonly #context: PluginContext;
  readonly #values: Values;
  readonly #told: Told;
  readonly #vteps: VtepList;
  readonly #table = new EtcdTable();
  readonly #reader: Reader;
  #follower: Follower | null = null;
  #isLoaded = false;
  /** Why etcd cannot be followed; null: it can. */
  #lost: string | null = null;
  /** The reason the host was last given. */
  #reason: string | null = null;

  constructor(context: PluginContext, values: Values) {
    this.#context = context;
    this.#values = values;
    this.#told = new Told(context);
    this.#vteps = new VtepList(context);
    this.#reader = new Reader(String(values['etcd/prefix'] ?? ''), context.log);
  }

  /** Rejects when the properties do not go together, or when no endpoint can be followed. */
  async start(): Promise<void> {
    const settings = settingsOf(localNames(this.#values), (name) => `etcd/${name}`);
    const { Follower } = await import('./follow.js'); // what it loads is for those who use etcd
    if (this.#context.signal.aborted) return;
    this.#context.signal.addEventListener('abort', () => this.stop(), { once: true });
    this.#follower = new Follower(settings, this.#audience());
    await this.#follower.start().catch((thrown: Error) => {
      throw new Error(`etcd/endpoints ${thrown.message}`);
    });
  }

  stop(): void {
    this.#follower?.stop();
  }

  /** Connects anew and loads everything again. */
  reload(): void {
    this.#follower?.reload();
  }

  lookup(query: Query): Answer | null {
    const mac = macToNumber(query.mac);
    const entry = this.#table.get(mac);
    if (entry === undefined) this.#told.missed(mac);
    else this.#told.found(mac);
    return entry?.answer ?? null;
  }

  arp(ip: string): Owner | null {
    const key = ipv4Key(ip);
    return ownerOf(key === null ? undefined : this.#table.arp.ownerOf(key));
  }

  ndp(ip: string): Owner | null {
    const key = ipv6Key(ip);
    return ownerOf(key === null ? undefined : this.#table.ndp.ownerOf(key));
  }

  dhcp(mac: string): string | null {
    const server = this.#table.get(macToNumber(mac))?.server ?? null;
    return server === null ? null : macFromNumber(server);
  }

  *entries(): Iterable<Entry> {
    for (const [mac, { answer }] of this.#table.entries) {
      this.#told.found(mac);
      yield Object.freeze({ mac: macFromNumber(mac), target: answer.target });
    }
  }

  #audience(): Audience {
    return {
      load: (pages) => this.#load(pages),
      change: (changes) => this.#change(changes),
      lost: (reason) => this.#tellLost(`etcd/endpoints ${reason}; what was known stays in use`),
      caughtUp: () => this.#tellLost(null),
      note: (text) => this.#context.log.warn(text),
    };
  }

  async #load(pages: AsyncIterable<readonly Pair[]>): Promise<void> {
    const loading = this.#reader.all();
    for await (const pairs of pages) loading.add(pairs);
    const changes = this.#apply(loading.finish(this.#table.entries.keys()));
    const counts = this.#isLoaded ? changeSizes(changes) : {};
    this.#context.log.info(this.#isLoaded ? 'table loaded again' : 'table loaded', {
      ...counts,
      ...this.#table.sizes(),
    });
    this.#isLoaded = true;
  }

  #change(events: readonly Change[]): void {
    this.#apply(this.#reader.changes(events));
  }

  #apply(changes: ReadonlyMap<MacKey, EtcdEntry | null>): FilesChanges {
    const result = this.#table.apply(changes);
    this.#reader.warn(result.conflicts);
    this.#vteps.tell(this.#table.vteps());
    this.#told.push(result);
    this.#tellHealth();
    return result;
  }

  #tellLost(reason: string | null): void {
    this.#lost = reason;
    this.#tellHealth();
  }

  #tellHealth(): void {
    const reason = this.#lost ?? this.#reader.summary();
    if (reason === this.#reason) return;
    this.#reason = reason;
    if (reason === null) this.#context.restore();
    else this.#context.degrade(reason);
  }
}

/** `etcd/ca` to `ca`. */
function localNames(values: Values): Parameters<typeof settingsOf>[0] {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.slice('etcd/'.length), value]));
}
