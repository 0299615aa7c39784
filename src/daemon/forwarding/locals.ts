/**
 * Which MACs are on this host, and which addresses each has: VNICs with those that they were given, MACs that were
 * learned behind a VNIC that carries any, and for both the addresses that they asked others from. The plugin hears of
 * every difference, and of everything when another instance of it comes to serve.
 *
 * An address belongs to whoever used it last; it stays with its MAC until that goes or is silent for long, or another
 * one uses it, here or by the plugin's word elsewhere. What a plugin is told may be told to a whole fabric: a MAC that
 * uses one address after the other is heard now and then.
 */
import type { Local } from '../../search/api.js';
import { TokenBucket } from '../token-bucket.js';

/** Addresses of one MAC that are heard; the oldest makes room. */
const HEARD_MAX = 16;
/** Addresses that a MAC may take in a second, after {@link HEARD_MAX} at once. */
const TAKEN_PER_SECOND = 0.1;
/** Whose addresses are looked at so often: who has sent nothing since keeps none. */
const HEARD_FOR_MS = 3_600_000;

interface Kept {
  /** A VNIC has the MAC; else it was learned behind one. */
  isVnic: boolean;
  given: readonly string[];
  readonly heard: Set<string>;
  readonly takes: TokenBucket;
}

interface Use {
  readonly mac: string;
  readonly atMs: number;
  /** {@link SignOfLife} then. */
  readonly sign: number;
}

/** A number that is another one when a MAC here has sent anything. */
export type SignOfLife = (mac: string) => number;

/** null: the MAC is here no more. */
export type TellLocal = (mac: string, local: Local | null) => void;

export class Locals {
  readonly #tell: TellLocal;
  readonly #kept = new Map<string, Kept>();
  /** VNICs' MACs that the plugin has elsewhere: it is told of them again when they speak. */
  readonly #contested = new Set<string>();
  /** Who was heard to use an address, the longest ago first. */
  readonly #users = new Map<string, Use>();
  readonly #signOf: SignOfLife;
  readonly #now: () => number;

  /** `now`: milliseconds of the monotonic clock. */
  constructor(tell: TellLocal, signOf: SignOfLife, now: () => number) {
    this.#tell = tell;
    this.#signOf = signOf;
    this.#now = now;
  }

  /**
   * A VNIC has the MAC, or has other addresses: canonical, each `ADDRESS/LENGTH`. `wasHere`: it is of an earlier life
   * of the daemon or of the overlay.
   */
  hasVnic(mac: string, addresses: readonly string[], wasHere = false): void {
    const given = addresses.map((address) => address.replace(/\/.*$/, ''));
    const kept = this.#kept.get(mac);
    if (kept?.isVnic === true && kept.given.join() === given.join()) return;
    this.#kept.set(mac, { ...(kept ?? this.#nothingHeard()), isVnic: true, given });
    this.#say(mac, wasHere || kept?.isVnic === true);
  }

  #nothingHeard(): Pick<Kept, 'heard' | 'takes'> {
    return { heard: new Set(), takes: new TokenBucket(HEARD_MAX, TAKEN_PER_SECOND, this.#now()) };
  }

  vnicLeft(mac: string): void {
    if (this.#kept.get(mac)?.isVnic === true) this.#forget(mac);
  }

  /** It was learned to be behind a VNIC here. */
  learned(mac: string): void {
    if (this.#kept.has(mac)) return;
    this.#kept.set(mac, { ...this.#nothingHeard(), isVnic: false, given: [] });
    this.#say(mac);
  }

  unlearned(mac: string): void {
    if (this.#kept.get(mac)?.isVnic === false) this.#forget(mac);
  }

  /** A MAC uses an address as its own; of one that is not here nothing is kept. */
  heard(mac: string, ip: string): void {
    const kept = this.#kept.get(mac);
    if (kept === undefined) return;
    const isKnown = kept.heard.has(ip);
    if (isKnown || kept.given.includes(ip)) {
      if (isKnown) this.#use(ip, mac);
      if (this.#contested.has(mac)) this.#say(mac);
      return;
    }
    if (!kept.takes.take(this.#now())) return;
    this.#leave(ip);
    kept.heard.add(ip);
    this.#use(ip, mac);
    const [oldest] = kept.heard;
    if (kept.heard.size > HEARD_MAX) this.#drop(kept, oldest as string);
    this.#say(mac);
  }

  #use(ip: string, mac: string): void {
    this.#users.delete(ip);
    this.#users.set(ip, { mac, atMs: this.#now(), sign: this.#signOf(mac) });
  }

  /** Forgets addresses of those who are silent for long. To be called from time to time. */
  age(): void {
    const untilMs = this.#now() - HEARD_FOR_MS;
    for (const [ip, { mac, atMs, sign }] of this.#users) {
      if (atMs > untilMs) return;
      if (this.#signOf(mac) === sign) this.#leave(ip);
      else this.#use(ip, mac);
    }
  }

  /** The plugin has an address at this MAC now: whoever else was heard to use it here does not any more. */
  moved(ip: string, mac: string): void {
    const use = this.#users.get(ip);
    if (use !== undefined && use.mac !== mac) this.#leave(ip);
  }

  /** The plugin has a MAC elsewhere that a VNIC has. */
  contested(mac: string): void {
    if (this.#kept.get(mac)?.isVnic === true) this.#contested.add(mac);
  }

  /** For another instance. */
  *[Symbol.iterator](): Generator<Local, void> {
    for (const [mac, { given, heard }] of this.#kept) {
      yield { mac, ips: [...new Set([...given, ...heard])], resumed: true };
    }
  }

  #leave(ip: string): void {
    const before = this.#users.get(ip)?.mac;
    const kept = before === undefined ? undefined : this.#kept.get(before);
    if (before === undefined || kept === undefined) return;
    this.#drop(kept, ip);
    this.#say(before, true);
  }

  #drop(kept: Kept, ip: string): void {
    kept.heard.delete(ip);
    this.#users.delete(ip);
  }

  #forget(mac: string): void {
    for (const ip of this.#kept.get(mac)?.heard ?? []) this.#users.delete(ip);
    this.#kept.delete(mac);
    this.#contested.delete(mac);
    this.#tell(mac, null);
  }

  #say(mac: string, isResumed = false): void {
    const { given, heard } = this.#kept.get(mac) as Kept;
    if (!isResumed) this.#contested.delete(mac); // until the plugin says it again
    this.#tell(mac, { mac, ips: [...new Set([...given, ...heard])], ...(isResumed && { resumed: true }) });
  }
}
