/** Who owns an overlay address when any number of MACs may claim it. Pure. */
import { macFromNumber } from '../../../address.js';
import type { Owner } from '../../api.js';
import type { Family } from '../files/fields.js';
import type { MacKey } from '../files/keys.js';
import { Contest, type RevisionOf } from './contest.js';

/** Owners of addresses that nobody has now which are remembered, to see that an address moved. */
const FORMER_MAX = 65_536;
/** MACs that a warning names. */
const NAMED_MAX = 3;

export class Claims<Key> {
  readonly #family: Family<Key>;
  readonly #revisionOf: RevisionOf;
  readonly #claims = new Map<Key, MacKey | Contest>();
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

  /** Who has the address among those who claim it. */
  ownerOf(address: Key): MacKey | undefined {
    const claims = this.#claims.get(address);
    return claims instanceof Contest ? claims.best() : claims;
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
      if (claims instanceof Contest) conflicts.push(this.#conflictText(address, claims));
    }
    this.#touched.clear();
    return { moved, conflicts };
  }

  #touch(address: Key): void {
    if (!this.#touched.has(address)) this.#touched.set(address, this.ownerOf(address));
  }

  #add(address: Key, mac: MacKey): void {
    const claims = this.#claims.get(address);
    if (claims instanceof Contest) claims.add(mac);
    else this.#claims.set(address, claims === undefined ? mac : new Contest(this.#revisionOf, [claims, mac]));
  }

  #remove(address: Key, mac: MacKey): void {
    const claims = this.#claims.get(address);
    if (!(claims instanceof Contest)) {
      this.#claims.delete(address);
      return;
    }
    claims.delete(mac);
    if (claims.macs.size > 1) return;
    const [only] = claims.macs;
    this.#claims.set(address, only as MacKey);
  }

  #remember(address: Key, owner: MacKey | undefined): void {
    if (owner === undefined) return;
    this.#former.set(address, owner);
    if (this.#former.size <= FORMER_MAX) return;
    const [oldest] = this.#former.keys();
    this.#former.delete(oldest as Key);
  }

  /** Names the owner and some others; of many claims all would be a line of megabytes. */
  #conflictText(address: Key, contest: Contest): string {
    const owner = contest.best();
    const named = [owner];
    for (const mac of contest.macs) {
      if (named.length === NAMED_MAX) break;
      if (mac !== owner) named.push(mac);
    }
    const texts = named.map((mac) => `${macFromNumber(mac)} (revision ${this.#revisionOf(mac)})`).sort();
    const more = contest.macs.size - named.length;
    if (more > 0) texts.push(`${more} more`);
    const last = texts.pop();
    const all = `${texts.join(', ')} and ${last}`;
    return `${this.#family.format(address)} is claimed by ${all}: ${macFromNumber(owner)} has it`;
  }
}
