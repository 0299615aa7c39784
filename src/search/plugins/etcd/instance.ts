/** What etcd says: everything is loaded at start and followed from there; only what differs is pushed. */
import { macFromNumber, macToNumber } from '../../../address.js';
import { messageOf } from '../../../errors.js';
import type {
  Answer,
  DynamicInstance,
  DynamicPlugin,
  Ending,
  Entry,
  Owner,
  PluginContext,
  Query,
  Target,
} from '../../api.js';
import type { FilesChanges } from '../files/diff.js';
import { ipv4Key, ipv6Key, type MacKey } from '../files/keys.js';
import { ownerOf } from '../files/table.js';
import { changeSizes, Told } from '../files/told.js';
import { VtepList } from '../files/vtep-list.js';
import { tunnelPortOf } from '../underlay.js';
import type { Change } from './client.js';
import type { Audience, Follower } from './follow.js';
import { Reader } from './reader.js';
import { settingsOf } from './settings.js';
import { type EtcdEntry, EtcdTable } from './table.js';
import type { Pair, Writer } from './writer.js';

export type Values = Parameters<DynamicPlugin['create']>[1];

export class EtcdInstance implements DynamicInstance {
  protected readonly context: PluginContext;
  protected readonly values: Values;
  protected readonly told: Told;
  readonly #vteps: VtepList;
  protected readonly table = new EtcdTable();
  readonly #reader: Reader;
  #follower: Follower | null = null;
  #isLoaded = false;
  /** Why etcd cannot be followed; null: it can. */
  #lost: string | null = null;
  /** The reason the host was last given. */
  #reason: string | null = null;
  /** Of what this host writes; null: nothing is wrong. */
  #trouble: string | null = null;

  constructor(context: PluginContext, values: Values) {
    this.context = context;
    this.values = values;
    this.told = new Told(context);
    this.#vteps = new VtepList(context);
    this.#reader = new Reader(String(values['etcd/prefix'] ?? ''), tunnelPortOf(context), context.log);
  }

  /** Rejects when the properties do not go together, or when no endpoint can be followed. */
  async start(): Promise<void> {
    const settings = settingsOf(localNames(this.values), (name) => `etcd/${name}`);
    const { Follower } = await import('./follow.js'); // what it loads is for those who use etcd
    if (this.context.signal.aborted) return;
    const follower = new Follower(settings, this.#audience());
    this.#follower = follower;
    const abort = () => follower.stop();
    this.context.signal.addEventListener('abort', abort, { once: true });
    try {
      await follower.start();
    } catch (thrown) {
      throw new Error(`etcd/endpoints ${messageOf(thrown)}`);
    } finally {
      this.context.signal.removeEventListener('abort', abort); // from now on `stop` has something to say first
    }
  }

  stop(_ending?: Ending, _next?: Values): void | Promise<void> {
    this.#follower?.stop();
  }

  /** Connects anew and loads everything again. */
  reload(): void {
    this.#follower?.reload();
  }

  /** Whether the host has a MAC itself and knows better: it is told nothing of where that is. */
  protected isHere(_mac: string, _target: Target): boolean {
    return false;
  }

  /** The key of a MAC says this now; undefined: it is gone. `revision` said so; Infinity: everything was loaded. */
  protected keySays(_mac: string, _target: Target | undefined, _revision: number): void {}

  /** etcd may be written to until `left`. */
  protected entered(_writer: Writer): void {}

  protected left(): void {}

  protected tellTrouble(text: string | null): void {
    this.#trouble = text;
    this.#tellHealth();
  }

  lookup(query: Query): Answer | null {
    const mac = macToNumber(query.mac);
    const entry = this.table.get(mac);
    if (entry !== undefined && this.isHere(query.mac, entry.answer.target)) return null;
    if (entry === undefined) this.told.missed(mac);
    else this.told.found(mac);
    return entry?.answer ?? null;
  }

  arp(ip: string): Owner | null {
    const key = ipv4Key(ip);
    return ownerOf(key === null ? undefined : this.table.arp.ownerOf(key));
  }

  ndp(ip: string): Owner | null {
    const key = ipv6Key(ip);
    return ownerOf(key === null ? undefined : this.table.ndp.ownerOf(key));
  }

  dhcp(mac: string): string | null {
    const server = this.table.get(macToNumber(mac))?.server ?? null;
    return server === null ? null : macFromNumber(server);
  }

  *entries(): Iterable<Entry> {
    for (const [mac, { answer }] of this.table.entries) {
      if (this.isHere(macFromNumber(mac), answer.target)) continue;
      this.told.found(mac);
      yield Object.freeze({ mac: macFromNumber(mac), target: answer.target });
    }
  }

  #audience(): Audience {
    return {
      load: (pages) => this.#load(pages),
      change: (changes) => this.#change(changes),
      lost: (reason) => this.#tellLost(`etcd/endpoints ${reason}; what was known stays in use`),
      caughtUp: () => this.#tellLost(null),
      note: (text) => this.context.log.warn(text),
      entered: (writer) => this.entered(writer),
      left: () => this.left(),
    };
  }

  async #load(pages: AsyncIterable<readonly Pair[]>): Promise<void> {
    const loading = this.#reader.all();
    for await (const pairs of pages) loading.add(pairs);
    const changes = this.#apply(loading.finish(this.table.entries.keys()), () => Number.POSITIVE_INFINITY);
    const counts = this.#isLoaded ? changeSizes(changes) : {};
    this.context.log.info(this.#isLoaded ? 'table loaded again' : 'table loaded', {
      ...counts,
      ...this.table.sizes(),
    });
    this.#isLoaded = true;
  }

  #change(events: readonly Change[]): void {
    const revisions = new Map(events.map(({ key, revision }) => [key, revision]));
    this.#apply(this.#reader.changes(events), (mac) => revisions.get(mac) as number);
  }

  #apply(changes: ReadonlyMap<MacKey, EtcdEntry | null>, revisionOf: (mac: string) => number): FilesChanges {
    const result = this.table.apply(changes);
    this.#reader.warn(result.conflicts);
    this.#vteps.tell(this.table.vteps());
    for (const key of changes.keys()) {
      const mac = macFromNumber(key);
      this.keySays(mac, this.table.get(key)?.answer.target, revisionOf(mac));
    }
    this.told.push(result);
    this.#tellHealth();
    return result;
  }

  #tellLost(reason: string | null): void {
    this.#lost = reason;
    this.#tellHealth();
  }

  #tellHealth(): void {
    const reason = this.#lost ?? this.#reader.summary() ?? this.#trouble;
    if (reason === this.#reason) return;
    this.#reason = reason;
    if (reason === null) this.context.restore();
    else this.context.degrade(reason);
  }
}

/** `etcd/ca` to `ca`. */
function localNames(values: Values): Parameters<typeof settingsOf>[0] {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.slice('etcd/'.length), value]));
}
