/** Text of a `files` file to a table, or to everything that is wrong with it. Pure. The rules are in docs/files.md. */
import { macFromNumber } from '../../../address.js';
import { Answers, EntryReader, type Fields } from './entry.js';
import { type Family, IPV4, IPV6, Problem } from './fields.js';
import type { FlatMap } from './flat-map.js';
import { type EntrySink, Places, walkEntries } from './json.js';
import type { MacKey } from './keys.js';
import { Report } from './report.js';
import { type FilesTable, newTable, unlistedServers } from './table.js';

export type ParseResult =
  | { readonly table: FilesTable; readonly warnings: Report }
  | { readonly table: null; readonly problems: Report };

export interface ParseLimits {
  readonly entries: number;
  /** Of each family. */
  readonly addresses: number;
}

/** Far below the 2^24 entries that a JavaScript Map can hold. */
export const LIMITS: ParseLimits = { entries: 4_000_000, addresses: 8_000_000 };

/**
 * Validates the whole text. Syntax errors hide the other problems: behind them fields are guesses. `port`: of entries
 * that say none.
 */
export function parseFiles(text: string, port: number, limits: ParseLimits = LIMITS): ParseResult {
  const syntax = new Report();
  if (text.trim() === '') {
    syntax.add('the file is empty; expected a JSON object of MAC addresses, at least {}');
    return { table: null, problems: syntax };
  }
  const { table, problems, warnings } = build(text, port, limits, syntax, null);
  if (syntax.count > 0) return { table: null, problems: syntax };
  if (problems.count === 0) return { table, warnings };
  // Only a file that is refused pays for knowing where its entries stand.
  return { table: null, problems: build(text, port, limits, syntax, new Places()).problems };
}

function build(text: string, port: number, limits: ParseLimits, syntax: Report, places: Places | null): Builder {
  const builder = new Builder(port, limits, places);
  walkEntries(text, builder, syntax, places);
  builder.finish();
  return builder;
}

/** Takes one entry after the other; the table counts only when there were no problems. */
class Builder extends EntryReader implements EntrySink {
  readonly table = newTable();
  readonly #limits: ParseLimits;
  #entries = 0;
  #tooManyAddresses = false;

  constructor(port: number, limits: ParseLimits, places: Places | null) {
    super(new Answers(), port, places);
    this.#limits = limits;
    this.table.answers = this.answers.list;
  }

  entry(key: string, fields: Fields): void {
    if (++this.#entries > this.#limits.entries) return;
    let mac = this.mac(key);
    const target = this.target(key, fields);
    if (mac !== null && this.table.targets.add(mac, target ?? 0) !== undefined) {
      mac = this.checked<MacKey>(key, '', new Problem(`a second entry for ${macFromNumber(mac)}`));
    }
    const server = this.server(key, fields);
    if (mac !== null && server !== null) this.table.dhcp.add(mac, server);
    this.addresses(IPV4, key, fields, (address) => this.#claim(IPV4, this.table.arp, address, mac));
    this.addresses(IPV6, key, fields, (address) => this.#claim(IPV6, this.table.ndp, address, mac));
    this.unknownFields(key, fields);
  }

  /** What only the whole file can tell. */
  finish(): void {
    const { entries, addresses } = this.#limits;
    if (this.#entries > entries) this.problems.add(`${this.#entries} entries; at most ${entries} are allowed`);
    if (this.#tooManyAddresses) this.problems.add(`too many arp or ndp addresses; at most ${addresses} are allowed`);
    for (const { mac, clients } of unlistedServers(this.table)) {
      this.warnings.add(`dhcp-proxy ${mac}, named by ${clients} of the entries, has no entry itself`);
    }
  }

  /** Without a MAC the address is nobody's: the entry is refused already. */
  #claim<Key>(family: Family<Key>, owners: FlatMap<Key>, address: Key, mac: MacKey | null): Problem | null {
    if (mac === null) return null;
    if (owners.size >= this.#limits.addresses) this.#tooManyAddresses = true;
    const owner = this.#tooManyAddresses ? undefined : owners.add(address, mac);
    if (owner === undefined) return null;
    const whose = owner === mac ? 'is listed twice' : `already belongs to ${macFromNumber(owner)}`;
    return new Problem(`${family.format(address)} ${whose}`);
  }
}
