/**
 * What is on this host, kept in step with etcd: a key for each MAC, under a lease, so that the keys of a host that dies
 * go. Whoever writes last that a MAC is his has it: one that comes, or is heard, takes its key from whoever has it. All
 * others are written only where there is no key, or it says that they are here, and so is what is written again after
 * a lease has ended: a key that another host has is let be until the MAC is heard here again.
 */
import { randomInt } from 'node:crypto';
import { messageOf } from '../../../errors.js';
import type { Local } from '../../api.js';
import type { Pair, Put, Writer } from './writer.js';

/** MACs whose keys are written in one transaction; etcd takes 128 operations (--max-txn-ops). */
const MACS_AT_ONCE = 100;
/** After what etcd refuses. */
const RETRY_MS = 5000;
/** Of a lease that is kept alive so often in its time. */
const KEEP_ALIVES = 3;
/** A lease's id is chosen here: what etcd would choose does not fit a double. */
const LEASE_ID_MAX = 2 ** 47;

/** What a key says of its MAC. */
export interface Found {
  /** At which other host; null: at none. */
  readonly elsewhere: string | null;
  readonly ips: readonly string[];
}

/** What is said of a key. */
export interface KeyEvent {
  /** At which other host its MAC is; null: the key is gone, or says that it is here. */
  readonly elsewhere: string | null;
  readonly isGone: boolean;
  /** Infinity: it is not known, and later than all before. */
  readonly revision: number;
}

export interface RegisterOptions {
  /** Seconds. */
  readonly lease: number;
  /** What its key is to say. */
  readonly valueOf: (local: Local) => string;
  readonly found: (pair: Pair) => Found;
  /** The MAC is left to another host, without that its key had changed. */
  readonly yielded: (mac: string) => void;
  /** Something is wrong, or with null no more. */
  readonly trouble: (text: string | null) => void;
}

export class Register {
  readonly #options: RegisterOptions;
  readonly #wanted = new Map<string, Local>();
  readonly #owners = new Map<string, string>();
  /** MACs that are here and that others have, each with where. */
  readonly #yielded = new Map<string, string>();
  readonly #dirty = new Set<string>();
  /** Those of them that have come or were heard: their keys are taken. */
  readonly #taking = new Set<string>();
  /** Those that are resumed, and not told of before: etcd may know more of their addresses than this host. */
  readonly #unknown = new Set<string>();
  /** MACs whose keys are being written, and what was said of them meanwhile. */
  readonly #inFlight = new Map<string, KeyEvent | null>();
  /** The revisions that wrote our keys on this connection. */
  readonly #written = new Map<string, number>();
  #lease: number | null = null;
  #writer: Writer | null = null;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** What was refused is tried again then, and nothing before. */
  #retry: NodeJS.Timeout | null = null;
  #refusal: string | null = null;
  #isStopped = false;

  constructor(options: RegisterOptions) {
    this.#options = options;
  }

  /** Of MACs that are here. */
  has(mac: string): boolean {
    return this.#wanted.has(mac);
  }

  /** Of a MAC that is here: another host has its key. */
  isYielded(mac: string): boolean {
    return this.#yielded.has(mac);
  }

  /** The MAC here that has an address; undefined: none. */
  ownerOf(ip: string): string | undefined {
    return this.#owners.get(ip);
  }

  /** It is here, or heard here again; of one that is resumed somebody else may have the key. */
  want(local: Local): void {
    const { mac } = local;
    if (local.resumed !== true) {
      this.#yielded.delete(mac);
      this.#taking.add(mac);
    }
    if (local.resumed === true && !this.#wanted.has(mac)) this.#unknown.add(mac);
    else this.#unknown.delete(mac);
    this.#set(local);
    this.#touch(mac);
    this.#tell();
  }

  #set(local: Local): void {
    this.#disown(local.mac);
    for (const ip of local.ips) this.#owners.set(ip, local.mac);
    this.#wanted.set(local.mac, local);
  }

  unwant(mac: string): void {
    this.#disown(mac);
    for (const each of [this.#wanted, this.#yielded, this.#taking, this.#unknown, this.#written]) each.delete(mac);
    this.#touch(mac);
    this.#tell();
  }

  #disown(mac: string): void {
    for (const ip of this.#wanted.get(mac)?.ips ?? []) if (this.#owners.get(ip) === mac) this.#owners.delete(ip);
  }

  /** Its key says so now. */
  heard(mac: string, event: KeyEvent): void {
    const { elsewhere, isGone, revision } = event;
    if (this.#inFlight.has(mac)) this.#inFlight.set(mac, event);
    if (!this.#wanted.has(mac) || revision <= (this.#written.get(mac) ?? 0)) return;
    if (this.#dirty.has(mac) && !this.#yielded.has(mac)) return; // what is on its way is later, or looks first
    if (elsewhere !== null) this.#yielded.set(mac, elsewhere);
    else this.#yielded.delete(mac);
    if (isGone) this.#touch(mac);
    this.#tell();
  }

  connected(writer: Writer): void {
    this.#writer = writer;
    this.#written.clear(); // it may be another cluster
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#keepAlive(), (this.#options.lease * 1000) / KEEP_ALIVES);
    this.#run();
    this.#keepAlive(); // it may have been away for longer than the lease
  }

  disconnected(): void {
    this.#writer = null;
    this.#endTimers();
  }

  /** Nothing more is written; `takesBack`: and all that was is removed. */
  async stop(takesBack: boolean): Promise<void> {
    this.#isStopped = true;
    this.#endTimers();
    if (!takesBack) return;
    await this.#running;
    if (this.#lease !== null) await this.#writer?.revoke(this.#lease);
  }

  #endTimers(): void {
    clearInterval(this.#timer);
    this.#endRetry();
  }

  #endRetry(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #touch(mac: string): void {
    this.#dirty.add(mac);
    this.#run();
  }

  #run(): void {
    const writer = this.#writer;
    if (this.#running !== null || this.#retry !== null || this.#dirty.size === 0) return;
    if (writer === null || this.#isStopped) return;
    this.#running = this.#writeAll(writer)
      .then(() => this.#refused(null))
      .catch((thrown: unknown) => this.#failed(thrown, writer))
      .finally(() => {
        this.#running = null;
        this.#run();
      });
  }

  /** As long as there is anything; a connection that is lost is followed by another, which goes on. */
  async #writeAll(writer: Writer): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    while (this.#dirty.size > 0 && !this.#isStopped && writer === this.#writer) {
      const lease = this.#lease ?? (await this.#granted(writer));
      const macs = [...this.#dirty].slice(0, MACS_AT_ONCE);
      const gone = macs.filter((mac) => !this.#wanted.has(mac));
      for (const mac of gone) await writer.removeOwn(mac, lease);
      const keys = await this.#look(writer, macs);
      const locals = macs.flatMap((mac) => (this.#yielded.has(mac) ? [] : (this.#wanted.get(mac) ?? [])));
      const puts = locals.map((local) => {
        const over = this.#taking.has(local.mac) ? null : (keys.get(local.mac) ?? 0);
        return { key: local.mac, value: this.#options.valueOf(local), over };
      });
      if (puts.length > 0 && !(await this.#put(writer, puts, lease))) continue; // a key is another one: look again
      // What has changed meanwhile is written again.
      for (const mac of macs) {
        const local = this.#wanted.get(mac);
        const isDone = local === undefined ? gone.includes(mac) : locals.includes(local) || this.#yielded.has(mac);
        if (!isDone) continue;
        for (const each of [this.#dirty, this.#taking, this.#unknown]) each.delete(mac);
      }
      for (const [mac, event] of this.#inFlight) {
        this.#inFlight.delete(mac);
        if (event !== null) this.heard(mac, event);
      }
    }
  }

  /** Leaves to others what they have, unless it is to be taken; answers which revisions wrote the other keys. */
  async #look(writer: Writer, macs: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const ours = macs.filter((mac) => this.#wanted.has(mac) && !this.#taking.has(mac) && !this.#yielded.has(mac));
    const pairs = ours.length === 0 ? [] : await writer.read(ours);
    for (const pair of pairs) {
      const [mac, local] = [pair.key, this.#wanted.get(pair.key)];
      if (local === undefined || this.#taking.has(mac)) continue;
      const { elsewhere, ips } = this.#options.found(pair);
      if (elsewhere !== null) {
        this.#yielded.set(mac, elsewhere);
        this.#options.yielded(mac);
      } else if (this.#unknown.has(mac) && local.ips.length === 0) {
        // What it was heard to use in an earlier life stays, until others are heard.
        this.#set({ ...local, ips: ips.filter((ip) => !this.#owners.has(ip)) });
      }
    }
    return new Map(pairs.map(({ key, revision }) => [key, revision]));
  }

  /** False: one of the keys was written by somebody else meanwhile, and nothing was written. */
  async #put(writer: Writer, puts: readonly Put[], lease: number): Promise<boolean> {
    for (const { key } of puts) this.#inFlight.set(key, null);
    try {
      const revision = await writer.putAll(puts, lease);
      if (revision !== null) for (const { key } of puts) this.#written.set(key, revision);
      else this.#inFlight.clear();
      return revision !== null;
    } catch (thrown) {
      this.#inFlight.clear();
      throw thrown;
    }
  }

  async #granted(writer: Writer): Promise<number> {
    const id = randomInt(1, LEASE_ID_MAX);
    await writer.grant(id, this.#options.lease);
    this.#lease = id;
    for (const mac of this.#wanted.keys()) this.#dirty.add(mac);
    return id;
  }

  #keepAlive(): void {
    const [writer, lease] = [this.#writer, this.#lease];
    if (writer === null || lease === null) {
      this.#run();
      return;
    }
    const ended = (isAlive: boolean) => {
      if (isAlive || this.#lease !== lease) return;
      this.#lease = null;
      for (const mac of this.#wanted.keys()) this.#dirty.add(mac);
      this.#run();
    };
    writer.keepAlive(lease).then(ended, () => {}); // its connection is lost, which is said elsewhere
  }

  #failed(thrown: unknown, writer: Writer): void {
    if (this.#writer !== writer || this.#isStopped) return; // the next connection goes on
    this.#lease = /lease not found/.test(messageOf(thrown)) ? null : this.#lease;
    this.#refused(messageOf(thrown));
    this.#endRetry();
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#run();
    }, RETRY_MS).unref();
  }

  #refused(reason: string | null): void {
    this.#refusal = reason;
    this.#tell();
  }

  #tell(): void {
    const [first] = this.#yielded;
    const more = this.#yielded.size > 1 ? ` and ${this.#yielded.size - 1} more` : '';
    if (this.#refusal !== null) this.#options.trouble(`etcd/register: nothing can be written: ${this.#refusal}`);
    else if (first === undefined) this.#options.trouble(null);
    else this.#options.trouble(`MACs are here that etcd has elsewhere: ${first[0]} at ${first[1]}${more}`);
  }
}
