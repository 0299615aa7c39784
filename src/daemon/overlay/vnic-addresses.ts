/**
 * The addresses that a VNIC was given, and what of them is ours on its interface: an address that was there before, or
 * that another tool has put there, is left alone. One that somebody removed is missed, and said; the interface has it
 * again when it is looked for anew: on a reload, a restart, when the interface is made anew, moved, or comes up.
 *
 * IPv6 addresses go through duplicate address detection, as RFC 4862 section 5.4 wants of every address: one line in
 * two hosts' files is the likeliest mistake there is, and search plugins that know the owner answer the probe. So such
 * an address is of use a second after it was put, and a duplicate is said.
 */
import { addressRefused, messageOf } from '../../errors.js';
import type { Tap } from '../../system/tap.js';

const RELOAD = 'vxlane reload gives it back';

type AddressedTap = Pick<Tap, 'addresses' | 'addAddress' | 'removeAddress'>;

export class VnicAddresses {
  readonly #vnic: string;
  #wanted: readonly string[];
  /** Those that are ours on the interface, or were to be. */
  readonly #put: Set<string>;
  /** Of those, which may turn out to be somebody else's: it is not known whether they were there before. */
  readonly #untried: Set<string>;
  /** Why the kernel did not take one. */
  readonly #refusals = new Map<string, string>();
  #problems: readonly string[] = [];

  /** `put`: of an earlier life, null: there was none. */
  constructor(vnic: string, wanted: readonly string[], put: readonly string[] | null) {
    this.#vnic = vnic;
    this.#wanted = wanted;
    this.#put = new Set(put ?? wanted);
    this.#untried = new Set(put === null ? wanted : []);
  }

  get isNone(): boolean {
    return this.#wanted.length + this.#put.size === 0;
  }

  /** To be kept: whatever of it is on the interface is ours. */
  get put(): string[] {
    return [...this.#put].sort();
  }

  /** A phrase for each that is not as it should be. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** From now on it is to have these; {@link give} sees to it. */
  want(addresses: readonly string[]): void {
    this.#wanted = addresses;
    for (const address of addresses) {
      if (this.#put.has(address)) continue;
      this.#put.add(address);
      this.#untried.add(address);
    }
  }

  /**
   * Puts on the interface what is missing, and takes away what was put and is wanted no more. `isOurs`: what is there
   * of them was put by us. Throws when the interface cannot be looked at; what the kernel refuses is a problem.
   */
  give(tap: AddressedTap, isOurs: boolean): void {
    const there = new Set(tap.addresses().map(({ address }) => address));
    for (const address of isOurs ? this.#untried : this.#put) if (there.has(address)) this.#put.delete(address);
    this.#untried.clear();
    this.#refusals.clear();
    for (const address of [...this.#put].filter((each) => !this.#wanted.includes(each))) {
      if (!there.has(address) || this.#trying(address, () => tap.removeAddress(address))) this.#put.delete(address);
    }
    for (const address of this.#wanted) {
      if (there.has(address)) continue;
      this.#put.add(address);
      this.#trying(address, () => tap.addAddress(address));
    }
    this.look(tap);
  }

  /** What {@link give} put there goes again, as far as that can be. */
  takeBack(tap: AddressedTap): void {
    for (const address of this.#put) this.#trying(address, () => tap.removeAddress(address));
  }

  /** Sees which are missing. */
  look(tap: AddressedTap): void {
    const there = new Map(tap.addresses().map((each) => [each.address, each]));
    const missing = this.#wanted.flatMap((address) => {
      const found = there.get(address);
      const reason = this.#refusals.get(address) ?? `it was removed (${RELOAD})`;
      if (found === undefined) return [`${address} is not on its interface: ${reason}`];
      return found.isDuplicate ? [`${address} is that of another host on the overlay: the kernel does not use it`] : [];
    });
    const staying = this.put.filter((address) => !this.#wanted.includes(address) && there.has(address));
    this.#problems = [
      ...missing,
      ...staying.map((address) => `${address} stays on its interface: ${this.#refusals.get(address) ?? 'not tried'}`),
    ];
  }

  /** Throws the first that the kernel did not take. */
  check(): void {
    for (const [address, reason] of this.#refusals) throw addressRefused(address, this.#vnic, reason);
  }

  #trying(address: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (thrown) {
      this.#refusals.set(address, messageOf(thrown));
      return false;
    }
  }
}
