/**
 * What is on this host, kept in step with etcd: a key for each MAC, under a lease, so that the keys of a host that dies
 * go. Whoever writes last that a MAC is his has it: a key that another host has taken is let be until the MAC is heard
 * here again, and one that is gone is written anew.
 */
import { randomInt } from 'node:crypto';
import { messageOf } from '../../../errors.js';
import type { Local } from '../../api.js';

/** MACs whose keys are written in one transaction; etcd takes 128 operations (--max-txn-ops). */
const MACS_AT_ONCE = 100;
/** After what etcd refuses. */
const RETRY_MS = 5000;
/** Of a lease that is kept alive so often in its time. */
const KEEP_ALIVES = 3;
/** A lease's id is chosen here: what etcd would choose does not fit a double. */
const LEASE_ID_MAX = 2 ** 47;

/** One connection's part of it. Each rejects with why not. */
export interface Writer {
  /** `ttl` in seconds. */
  grant(id: number, ttl: number): Promise<void>;
  /** False: there is no such lease any more. */
  keepAlive(id: number): Promise<boolean>;
  revoke(id: number): Promise<void>;
  putAll(pairs: readonly { readonly key: string; readonly value: string }[], lease: number): Promise<void>;
  /** Removes the key if it is under that lease still. */
  removeOwn(key: string, lease: number): Promise<void>;
}

export interface RegisterOptions {
  /** Seconds. */
  readonly lease: number;
  /** What its key is to say. */
  readonly valueOf: (local: Local) => string;
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
  #lease: number | null = null;
  #writer: Writer | null = null;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #refusal: string | null = null;
  #isStopped = false;

  constructor(options: RegisterOptions) {
    this.#options = options;
  }

  /** Of MACs that are here. */
  has(mac: string): boolean {
    return this.#wanted.has(mac);
  }

  /** The MAC here that has an address; undefined: none. */
  ownerOf(ip: string): string | undefined {
    return this.#owners.get(ip);
  }

  /** It is here, or heard here again. */
  want(local: Local): void {
    this.#disown(local.mac);
    for (const ip of local.ips) this.#owners.set(ip, local.mac);
    this.#wanted.set(local.mac, local);
    this.#yielded.delete(local.mac);
    this.#touch(local.mac);
    this.#tell();
  }

  unwant(mac: string): void {
    this.#disown(mac);
    this.#wanted.delete(mac);
    this.#yielded.delete(mac);
    this.#touch(mac);
    this.#tell();
  }

  #disown(mac: string): void {
    for (const ip of this.#wanted.get(mac)?.ips ?? []) if (this.#owners.get(ip) === mac) this.#owners.delete(ip);
  }

  /** Its key says so now; `elsewhere`: at another host; null: it is gone, or says that it is here. */
  heard(mac: string, elsewhere: string | null, isGone: boolean): void {
    if (!this.#wanted.has(mac) || this.#dirty.has(mac)) return; // what is on its way is later
    if (elsewhere !== null) this.#yielded.set(mac, elsewhere);
    else this.#yielded.delete(mac);
    if (isGone) this.#touch(mac);
    this.#tell();
  }

  connected(writer: Writer): void {
    this.#writer = writer;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#keepAlive(), (this.#options.lease * 1000) / KEEP_ALIVES);
    this.#run();
    this.#keepAlive(); // it may have been away for longer than the lease
  }

  disconnected(): void {
    this.#writer = null;
    clearInterval(this.#timer);
  }

  /** Nothing more is written; `takesBack`: and all that was is removed. */
  async stop(takesBack: boolean): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    if (!takesBack) return;
    await this.#running;
    if (this.#lease !== null) await this.#writer?.revoke(this.#lease);
  }

  #touch(mac: string): void {
    this.#dirty.add(mac);
    this.#run();
  }

  #run(): void {
    if (this.#running !== null || this.#writer === null || this.#isStopped || this.#dirty.size === 0) return;
    this.#running = this.#writeAll(this.#writer)
      .then(() => this.#refused(null))
      .catch((thrown: unknown) => this.#failed(thrown))
      .finally(() => {
        this.#running = null;
        if (this.#refusal === null) this.#run();
      });
  }

  /** As long as there is anything; a connection that is lost is followed by another, which goes on. */
  async #writeAll(writer: Writer): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    while (this.#dirty.size > 0 && !this.#isStopped && writer === this.#writer) {
      const lease = this.#lease ?? (await this.#granted(writer));
      const macs = [...this.#dirty].slice(0, MACS_AT_ONCE);
      const locals = macs.flatMap((mac) => (this.#yielded.has(mac) ? [] : (this.#wanted.get(mac) ?? [])));
      const pairs = locals.map((local) => ({ key: local.mac, value: this.#options.valueOf(local) }));
      if (pairs.length > 0) await writer.putAll(pairs, lease);
      for (const mac of macs) if (!this.#wanted.has(mac)) await writer.removeOwn(mac, lease);
      // What has changed meanwhile is written again.
      for (const mac of macs) {
        const local = this.#wanted.get(mac);
        if (local === undefined || locals.includes(local) || this.#yielded.has(mac)) this.#dirty.delete(mac);
      }
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

  #failed(thrown: unknown): void {
    if (this.#writer === null || this.#isStopped) return;
    this.#lease = /lease not found/.test(messageOf(thrown)) ? null : this.#lease;
    this.#refused(messageOf(thrown));
    setTimeout(() => this.#run(), RETRY_MS).unref();
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
