/** What is known of an overlay: entries by MAC, and who owns which address. Changes key by key. Pure. */
import { macFromNumber } from '../../../address.js';
import type { Answer, Target } from '../../api.js';
import { type FilesChanges, sameTarget } from '../files/diff.js';
import { IPV4, IPV6 } from '../files/fields.js';
import type { Ipv4Key, Ipv6Key, MacKey } from '../files/keys.js';
import { Claims } from './claims.js';

/** A good value. */
export interface EtcdEntry {
  readonly answer: Answer;
  readonly arp: readonly Ipv4Key[];
  readonly ndp: readonly Ipv6Key[];
  /** The DHCP server of this client. */
  readonly server: MacKey | null;
  /** The revision that wrote it. */
  readonly revision: number;
}

/** The addresses of an entry without any; one for all of them. */
export const NONE: readonly never[] = [];

export class EtcdTable {
  readonly #entries = new Map<MacKey, EtcdEntry>();
  /** How many entries each has. */
  readonly #vteps = new Map<string, number>();
  readonly #revisionOf = (mac: MacKey) => this.#entries.get(mac)?.revision ?? 0;
  readonly arp = new Claims<Ipv4Key>(IPV4, this.#revisionOf);
  readonly ndp = new Claims<Ipv6Key>(IPV6, this.#revisionOf);

  get(mac: MacKey): EtcdEntry | undefined {
    return this.#entries.get(mac);
  }

  get entries(): ReadonlyMap<MacKey, EtcdEntry> {
    return this.#entries;
  }

  /** Addresses of all VTEPs, as they are now. */
  vteps(): Set<string> {
    return new Set(this.#vteps.keys());
  }

  #countVtep({ answer: { target } }: EtcdEntry, by: 1 | -1): void {
    if (target === 'drop') return;
    const count = (this.#vteps.get(target.ip) ?? 0) + by;
    if (count === 0) this.#vteps.delete(target.ip);
    else this.#vteps.set(target.ip, count);
  }

  sizes(): { macs: number; ipv4: number; ipv6: number } {
    return { macs: this.#entries.size, ipv4: this.arp.size, ipv6: this.ndp.size };
  }

  /** null: the MAC is gone. Answers what is different now, and a line for each conflict among what was touched. */
  apply(changes: ReadonlyMap<MacKey, EtcdEntry | null>): FilesChanges & { readonly conflicts: readonly string[] } {
    const added: { mac: string; target: Target }[] = [];
    const changed: { mac: string; target: Target }[] = [];
    const gone: string[] = [];
    for (const [mac, after] of changes) {
      const before = this.#entries.get(mac);
      this.arp.replace(mac, before?.arp ?? NONE, after?.arp ?? NONE);
      this.ndp.replace(mac, before?.ndp ?? NONE, after?.ndp ?? NONE);
      if (before === undefined) {
        if (after !== null) added.push({ mac: macFromNumber(mac), target: after.answer.target });
      } else if (after === null) gone.push(macFromNumber(mac));
      else if (!sameTarget(before.answer.target, after.answer.target)) {
        changed.push({ mac: macFromNumber(mac), target: after.answer.target });
      }
    }
    for (const [mac, after] of changes) {
      const before = this.#entries.get(mac);
      if (after !== null) this.#countVtep(after, 1);
      if (before !== undefined) this.#countVtep(before, -1);
      if (after === null) this.#entries.delete(mac);
      else this.#entries.set(mac, after);
    }
    const [arp, ndp] = [this.arp.settle(), this.ndp.settle()];
    return {
      added,
      changed,
      gone,
      moved: [...arp.moved, ...ndp.moved],
      conflicts: [...arp.conflicts, ...ndp.conflicts],
    };
  }
}
