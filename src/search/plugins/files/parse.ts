/** Text of a `files` file to a table, or to everything that is wrong with it. Pure. The rules are in docs/files.md. */
import { macFromNumber } from '../../../address.js';
import { type Family, IPV4, IPV6, Problem, readAddress, readMac, readPort, readUnderlayIp } from './fields.js';
import type { FlatMap } from './flat-map.js';
import { type EntrySink, type FieldValue, walkEntries } from './json.js';
import type { MacKey } from './keys.js';
import { Report, show } from './report.js';
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

const KNOWN_KEYS = ['ip', 'port', 'arp', 'ndp', 'dhcp-proxy'];

/** Validates the whole text. Syntax errors hide the other problems: behind them fields are guesses. */
export function parseFiles(text: string, limits: ParseLimits = LIMITS): ParseResult {
  const syntax = new Report();
  if (text.trim() === '') {
    syntax.add('the file is empty; expected a JSON object of MAC addresses, at least {}');
    return { table: null, problems: syntax };
  }
  const builder = new Builder(limits);
  walkEntries(text, builder, syntax);
  if (syntax.count > 0) return { table: null, problems: syntax };
  builder.finish();
  if (builder.problems.count > 0) return { table: null, problems: builder.problems };
  return { table: builder.table, warnings: builder.warnings };
}

/** `arp` or `ndp` of the entry `key`. With `mac` null the addresses are checked, but nobody's. */
interface GivenAddresses {
  readonly key: string;
  readonly mac: MacKey | null;
  readonly value: FieldValue | undefined;
}

/** Takes one entry after the other; the table counts only when there were no problems. */
class Builder implements EntrySink {
  readonly problems = new Report();
  readonly warnings = new Report();
  readonly table = newTable();
  readonly #limits: ParseLimits;
  /** Indexes of good answers, by port and by `ip` as written. */
  readonly #answers = new Map<number, Map<string, number>>();
  #entries = 0;
  #tooManyAddresses = false;

  constructor(limits: ParseLimits) {
    this.#limits = limits;
  }

  entry(key: string, fields: ReadonlyMap<string, FieldValue>): void {
    if (++this.#entries > this.#limits.entries) return;
    let mac = this.#checked(key, '', readMac(key));
    const target = this.#target(key, fields);
    if (mac !== null && this.table.targets.add(mac, target ?? 0) !== undefined) {
      mac = this.#checked<MacKey>(key, '', new Problem(`a second entry for ${macFromNumber(mac)}`));
    }
    const server = this.#server(key, fields.get('dhcp-proxy'));
    if (mac !== null && server !== null) this.table.dhcp.add(mac, server);
    this.#addresses(IPV4, this.table.arp, { key, mac, value: fields.get('arp') });
    this.#addresses(IPV6, this.table.ndp, { key, mac, value: fields.get('ndp') });
    this.#unknownKeys(key, fields);
  }

  notAnEntry(key: string, type: string): void {
    this.problems.add(`${pathOf(key)}: expected an object, not ${type}`);
  }

  repeatedField(key: string, field: string): void {
    this.problems.add(`${pathOf(key)}.${pathOf(field)}: given twice`);
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

  /** Index of the answer. */
  #target(key: string, fields: ReadonlyMap<string, FieldValue>): number | null {
    const text = fields.get('ip');
    const port = this.#checked(key, '.port', readPort(fields.get('port')));
    const known = port === null ? undefined : this.#answers.get(port)?.get(text as string);
    if (known !== undefined) return known;
    const ip = this.#checked(key, '.ip', readUnderlayIp(text));
    if (ip === null || port === null) return null;
    const index = this.table.answers.push(Object.freeze({ target: Object.freeze({ ip, port }) })) - 1;
    if (!this.#answers.has(port)) this.#answers.set(port, new Map());
    this.#answers.get(port)?.set(text as string, index);
    return index;
  }

  #server(key: string, value: FieldValue | undefined): MacKey | null {
    return value === undefined ? null : this.#checked(key, '.dhcp-proxy', readMac(value));
  }

  #addresses<Key>(family: Family<Key>, owners: FlatMap<Key>, given: GivenAddresses): void {
    const { value } = given;
    if (value === undefined) return;
    if (!Array.isArray(value)) this.#address(family, owners, given, value as FieldValue, -1);
    else value.forEach((item: FieldValue, index) => void this.#address(family, owners, given, item, index));
  }

  #address<Key>(
    family: Family<Key>,
    owners: FlatMap<Key>,
    { key, mac }: GivenAddresses,
    item: FieldValue,
    index: number,
  ): void {
    let address = readAddress(family, item);
    if (!(address instanceof Problem) && mac !== null) {
      if (owners.size >= this.#limits.addresses) this.#tooManyAddresses = true;
      const owner = this.#tooManyAddresses ? undefined : owners.add(address, mac);
      if (owner === undefined) return;
      const whose = owner === mac ? 'is listed twice' : `already belongs to ${macFromNumber(owner)}`;
      address = new Problem(`${family.format(address)} ${whose}`);
    }
    this.#checked(key, `.${family.field}${index < 0 ? '' : `[${index}]`}`, address);
  }

  #unknownKeys(key: string, fields: ReadonlyMap<string, FieldValue>): void {
    for (const field of fields.keys()) {
      if (KNOWN_KEYS.includes(field)) continue;
      this.warnings.add(`${pathOf(key)}.${pathOf(field)}: unknown key, ignored; known are ${KNOWN_KEYS.join(', ')}`);
    }
  }

  #checked<T>(key: string, field: string, value: T | Problem): T | null {
    if (!(value instanceof Problem)) return value;
    this.problems.add(`${pathOf(key)}${field}: ${value.text}`);
    return null;
  }
}

/** A key as a part of a path: as written when that is harmless, else as JSON. */
function pathOf(key: string): string {
  return /^[\w:-]{1,40}$/.test(key) ? key : show(key);
}
