/**
 * One entry of a `files` table: its fields to keys, and everything that is wrong with them by its path. What concerns
 * several entries (a MAC or an address given twice) is for the caller.
 */
import type { Answer } from '../../api.js';
import { type Family, Problem, readAddress, readMac, readPort, readUnderlayIp } from './fields.js';
import type { FieldValue, Places } from './json.js';
import type { MacKey } from './keys.js';
import { Report, show } from './report.js';

export type Fields = ReadonlyMap<string, FieldValue>;

/** What is wrong with a good address for reasons of its taker, or null. */
type Take<Key> = (address: Key) => Problem | null;

const KNOWN_FIELDS = ['ip', 'port', 'arp', 'ndp', 'dhcp-proxy'];

/** The answers read so far, one frozen object for each VTEP: many MACs share few hosts. */
export class Answers {
  readonly list: Answer[] = [];
  /** Indexes of `list`, by port and by `ip` as written. */
  readonly #indexes = new Map<number, Map<string, number>>();

  indexOf(ip: string, port: number): number | undefined {
    return this.#indexes.get(port)?.get(ip);
  }

  /** `written` is another spelling of `ip`, which is canonical. Answers the index. */
  add(written: string, ip: string, port: number): number {
    const index = this.list.push(Object.freeze({ target: Object.freeze({ ip, port }) })) - 1;
    if (!this.#indexes.has(port)) this.#indexes.set(port, new Map());
    this.#indexes.get(port)?.set(written, index);
    return index;
  }
}

/** `key` is everywhere the key of the entry as written. What is wrong goes to `problems`, and null is the answer. */
export class EntryReader {
  readonly problems = new Report();
  readonly warnings = new Report();
  readonly answers: Answers;
  readonly #port: number;
  readonly #places: Places | null;

  /** `port`: of entries that say none. `places`: problems begin with where in the text they are. */
  constructor(answers: Answers, port: number, places: Places | null = null) {
    this.answers = answers;
    this.#port = port;
    this.#places = places;
  }

  mac(key: string): MacKey | null {
    return this.checked(key, '', readMac(key));
  }

  /** Index of its answer. */
  target(key: string, fields: Fields): number | null {
    const text = fields.get('ip');
    const port = this.checked(key, '.port', readPort(fields.get('port'), this.#port));
    const known = port === null ? undefined : this.answers.indexOf(text as string, port);
    if (known !== undefined) return known;
    const ip = this.checked(key, '.ip', readUnderlayIp(text));
    return ip === null || port === null ? null : this.answers.add(text as string, ip, port);
  }

  /** The DHCP server of this client; null also when none is given. */
  server(key: string, fields: Fields): MacKey | null {
    const value = fields.get('dhcp-proxy');
    return value === undefined ? null : this.checked(key, '.dhcp-proxy', readMac(value));
  }

  /** Hands over the good addresses of one family, one after the other; what `take` answers is wrong with them. */
  addresses<Key>(family: Family<Key>, key: string, fields: Fields, take: Take<Key>): void {
    const value = fields.get(family.field);
    if (value === undefined) return;
    if (!Array.isArray(value)) this.#address(family, key, value as FieldValue, -1, take);
    else for (let i = 0; i < value.length; i++) this.#address(family, key, value[i] as FieldValue, i, take);
  }

  #address<Key>(family: Family<Key>, key: string, item: FieldValue, index: number, take: Take<Key>): void {
    const address = readAddress(family, item);
    const problem = address instanceof Problem ? address : take(address);
    if (problem !== null) this.checked(key, `.${family.field}${index < 0 ? '' : `[${index}]`}`, problem);
  }

  unknownFields(key: string, fields: Fields): void {
    for (const field of fields.keys()) {
      if (KNOWN_FIELDS.includes(field)) continue;
      this.warnings.add(`${pathOf(key)}.${pathOf(field)}: unknown key, ignored; known are ${KNOWN_FIELDS.join(', ')}`);
    }
  }

  notAnEntry(key: string, type: string): void {
    this.#problem(this.#places?.here, `${pathOf(key)}: expected an object, not ${type}`);
  }

  repeatedField(key: string, field: string): void {
    this.#problem(this.#places?.here, `${pathOf(key)}.${pathOf(field)}: given twice`);
  }

  #problem(place: string | undefined, text: string): void {
    this.problems.add(place === undefined ? text : `${place}: ${text}`);
  }

  checked<T>(key: string, field: string, value: T | Problem): T | null {
    if (!(value instanceof Problem)) return value;
    this.#problem(this.#places?.of(field), `${pathOf(key)}${field}: ${value.text}`);
    return null;
  }
}

/** A key as a part of a path: as written when that is harmless, else as JSON. */
function pathOf(key: string): string {
  return /^[\w:-]{1,40}$/.test(key) ? key : show(key);
}
