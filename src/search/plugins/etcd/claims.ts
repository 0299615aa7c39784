/** Who owns an overlay address when any number of MACs may claim it. Pure. */
import { macFromNumber } from '../../../address.js';
import type { Owner } from '../../api.js';
import type { Family } from '../files/fields.js';
import type { MacKey } from '../files/keys.js';

/** Owners of addresses that nobody has now which are remembered, to see that an address moved. */
const FORMER_MAX = 65_536;

/** The revision of a MAC's entry: the later of two claims wins. */
type RevisionOf = (mac: MacKey) => number;

export class Claims<Key> {
  readonly #family: Family<Key>;
  readonly #revisionOf: RevisionOf;
  readonly #claims = new Map<Key, MacKey | readonly MacKey[]>();
  /** Of addresses without a claim: who had them last, oldest first. */
  readonly #former = new Map<Key, MacKey>();
  /** Addresses that the changes since `settle` touched, with their owners before. */
  readonly #touched = new Map<Key, MacKey | undefined>();

  constructor(family: Family<Key>, revisionOf: RevisionOf) {
    this.#family = family;
    this.#revisionOf = revisionOf;
  }

  /** Addresses that have an owner. */
  get size(): number {
    return this.#claims.size;
  }

  /** The later claim's MAC; of two with one revision the lower one, so that every host says the same. */
  ownerOf(address: Key): MacKey | undefined {
    const claims = this.#claims.get(address);
    if (typeof claims !== 'object') return claims;
    return [...claims].sort((a, b) => this.#revisionOf(b) - this.#revisionOf(a) || a - b)[0];
  }

  /**
   * An address that stays is touched too: its claim has another revision now. Call it before the entries change; owners
   * are right again when all are changed.
   */
  replace(mac: MacKey, before: readonly Key[], after: readonly Key[]): void {
    for (const address of before) this.#touch(address);
    for (const address of after) this.#touch(address);
    for (const address of before) this.#remove(address, mac);
    for (const address of after) this.#add(address, mac);
  }

  /** What became of the touched addresses: what moved, and a line for each conflict. */
  settle(): { moved: (Owner & { readonly ip: string })[]; conflicts: string[] } {
    const moved: (Owner & { readonly ip: string })[] = [];
    const conflicts: string[] = [];
    for (const [address, ownerBefore] of this.#touched) {
      const owner = this.ownerOf(address);
      const before = ownerBefore ?? this.#former.get(address);
      this.#former.delete(address);
      if (owner === undefined) this.#remember(address, before);
      else if (before !== undefined && before !== owner) {
        moved.push({ ip: this.#family.format(address), mac: macFromNumber(owner) });
      }
      const claims = this.#claims.get(address);
      if (typeof claims === 'object') conflicts.push(this.#conflictText(address, claims, owner as MacKey));
    }
    this.#touched.clear();
    return { moved, conflicts };
  }

  #touch(address: Key): void {
    if (!this.#touched.has(address)) this.#touched.set(address, this.ownerOf(address));
  }

  #add(address: Key, mac: MacKey): void {
    const claims = this.#claims.get(address);
    this.#claims.set(address, claims === undefined ? mac : [claims, mac].flat());
  }

  #remove(address: Key, mac: MacKey): void {
    const rest = [this.#claims.get(address) ?? []].flat().filter((each) => each !== mac);
    if (rest.length === 0) this.#claims.delete(address);
    else this.#claims.set(address, rest.length === 1 ? (rest[0] as MacKey) : rest);
  }

  #remember(address: Key, owner: MacKey | undefined): void {
    if (owner === undefined) return;
    this.#former.set(address, owner);
    if (this.#former.size <= FORMER_MAX) return;
    const [oldest] = this.#former.keys();
    this.#former.delete(oldest as Key);
  }

  #conflictText(address: Key, claims: readonly MacKey[], owner: MacKey): string {
    const named = claims.map((mac) => `${macFromNumber(mac)} (revision ${this.#revisionOf(mac)})`).sort();
    return `${this.#family.format(address)} is claimed by ${named.join(' and ')}: ${macFromNumber(owner)} has it`;
  }
}
