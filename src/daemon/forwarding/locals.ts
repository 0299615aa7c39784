/**
 * Which MACs are on this host, and which addresses each has: VNICs with those that they were given, MACs that were
 * learned behind a VNIC that carries any, and for both the addresses that they asked others from. The plugin hears of
 * every difference, and of everything when another instance of it comes to serve.
 *
 * An address belongs to whoever used it last; it stays with its MAC until that goes or another one uses it.
 */
import type { Local } from '../../search/api.js';

/** Addresses of one MAC that are heard; the oldest makes room. */
const HEARD_MAX = 16;

interface Kept {
  /** A VNIC has the MAC; else it was learned behind one. */
  isVnic: boolean;
  given: readonly string[];
  readonly heard: Set<string>;
}

/** null: the MAC is here no more. */
export type TellLocal = (mac: string, local: Local | null) => void;

export class Locals {
  readonly #tell: TellLocal;
  readonly #kept = new Map<string, Kept>();
  /** VNICs' MACs that the plugin has elsewhere: it is told of them again when they speak. */
  readonly #contested = new Set<string>();
  /** Who was heard to use an address. */
  readonly #users = new Map<string, string>();

  constructor(tell: TellLocal) {
    this.#tell = tell;
  }

  /** A VNIC has the MAC, or has other addresses: canonical, each `ADDRESS/LENGTH`. */
  hasVnic(mac: string, addresses: readonly string[]): void {
    const given = addresses.map((address) => address.replace(/\/.*$/, ''));
    const kept = this.#kept.get(mac);
    if (kept?.isVnic === true && kept.given.join() === given.join()) return;
    this.#kept.set(mac, { isVnic: true, given, heard: kept?.heard ?? new Set() });
    this.#say(mac);
  }

  vnicLeft(mac: string): void {
    if (this.#kept.get(mac)?.isVnic === true) this.#forget(mac);
  }

  /** It was learned to be behind a VNIC here. */
  learned(mac: string): void {
    if (this.#kept.has(mac)) return;
    this.#kept.set(mac, { isVnic: false, given: [], heard: new Set() });
    this.#say(mac);
  }

  unlearned(mac: string): void {
    if (this.#kept.get(mac)?.isVnic === false) this.#forget(mac);
  }

  /** A MAC uses an address as its own; of one that is not here nothing is kept. */
  heard(mac: string, ip: string): void {
    const kept = this.#kept.get(mac);
    if (kept === undefined) return;
    if (kept.heard.has(ip) || kept.given.includes(ip)) {
      if (this.#contested.has(mac)) this.#say(mac);
      return;
    }
    this.#leave(ip);
    kept.heard.add(ip);
    this.#users.set(ip, mac);
    const [oldest] = kept.heard;
    if (kept.heard.size > HEARD_MAX) this.#drop(kept, oldest as string);
    this.#say(mac);
  }

  /** The plugin has a MAC elsewhere that a VNIC has. */
  contested(mac: string): void {
    if (this.#kept.get(mac)?.isVnic === true) this.#contested.add(mac);
  }

  *[Symbol.iterator](): Generator<Local, void> {
    for (const [mac, { given, heard }] of this.#kept) yield { mac, ips: [...new Set([...given, ...heard])] };
  }

  #leave(ip: string): void {
    const before = this.#users.get(ip);
    const kept = before === undefined ? undefined : this.#kept.get(before);
    if (before === undefined || kept === undefined) return;
    this.#drop(kept, ip);
    this.#say(before);
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

  #say(mac: string): void {
    const { given, heard } = this.#kept.get(mac) as Kept;
    this.#contested.delete(mac); // until the plugin says it again
    this.#tell(mac, { mac, ips: [...new Set([...given, ...heard])] });
  }
}
