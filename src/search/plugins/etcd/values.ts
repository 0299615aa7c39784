/** Keys and values of etcd to entries: the rules are those of an entry of a `files` file. Pure. */
import { macFromNumber } from '../../../address.js';
import type { Answer, Endpoint } from '../../api.js';
import { Answers, EntryReader, type Fields } from '../files/entry.js';
import { type Family, IPV4, IPV6, Problem, readMac, UNSAID } from '../files/fields.js';
import { type EntrySink, walkEntry } from '../files/json.js';
import { type Ipv4Key, type Ipv6Key, ipv4Text, ipv6Text, type MacKey } from '../files/keys.js';
import { Report, show } from '../files/report.js';
import { type EtcdEntry, NONE } from './table.js';

const CANONICAL = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** VTEPs that are remembered; more than an overlay has hosts. */
const ANSWERS_MAX = 65_536;

/**
 * The MAC of a key without its prefix; a Problem when it is none. Only the canonical spelling will do, so that a MAC is
 * one key: then etcd's own transactions and permissions hold for it.
 */
export function macOfKey(key: string): MacKey | Problem {
  const mac = readMac(key);
  if (mac instanceof Problem || CANONICAL.test(key)) return mac;
  return new Problem(`expected the MAC as ${macFromNumber(mac)}, not ${show(key)}`);
}

/** A value that was read: an entry, or what is wrong with it. Problems and warnings begin with the key. */
export interface Reading {
  readonly entry: EtcdEntry | null;
  readonly problems: Report;
  readonly warnings: Report;
}

export class ValueReader {
  readonly #port: number;
  /** Used again for as long as it has nothing to complain of: there are many values, and few bad ones. */
  #builder: EntryBuilder;

  /** `port`: of values that say none. */
  constructor(port: number) {
    this.#port = port;
    this.#builder = new EntryBuilder(new Answers(), port);
  }

  /** `key` is a canonical MAC. */
  read(key: string, value: Uint8Array, revision: number): Reading {
    const reading = this.#read(key, value, revision);
    const { answers } = this.#builder;
    if (answers.list.length >= ANSWERS_MAX) this.#builder = new EntryBuilder(new Answers(), this.#port);
    else if (reading.entry === null || reading.warnings.count > 0)
      this.#builder = new EntryBuilder(answers, this.#port);
    return reading;
  }

  #read(key: string, value: Uint8Array, revision: number): Reading {
    const builder = this.#builder.begin(revision);
    const text = decode(value);
    if (text === null) builder.problems.add(`${key}: is not UTF-8 text`);
    else {
      const { syntax } = builder;
      walkEntry(key, text, builder, syntax);
      // Syntax errors hide the other problems: behind them fields are guesses.
      if (syntax.count > 0) return { entry: null, problems: prefixed(`${key}: `, syntax), warnings: builder.warnings };
    }
    const { built, problems, warnings } = builder;
    return { entry: problems.count > 0 ? null : built, problems, warnings };
  }
}

class EntryBuilder extends EntryReader implements EntrySink {
  readonly syntax = new Report();
  built: EtcdEntry | null = null;
  #revision = 0;

  begin(revision: number): this {
    this.#revision = revision;
    this.built = null;
    return this;
  }

  entry(key: string, fields: Fields): void {
    const target = this.target(key, fields);
    const server = this.server(key, fields);
    const arp = this.#list<Ipv4Key>(IPV4, key, fields);
    const ndp = this.#list<Ipv6Key>(IPV6, key, fields);
    this.unknownFields(key, fields);
    if (target === null) return;
    this.built = { answer: this.answers.list[target] as Answer, arp, ndp, server, revision: this.#revision };
  }

  #list<Key>(family: Family<Key>, key: string, fields: Fields): readonly Key[] {
    if (!fields.has(family.field)) return NONE;
    const addresses = new Set<Key>();
    this.addresses(family, key, fields, (address) => {
      if (addresses.has(address)) return new Problem(`${family.format(address)} is listed twice`);
      addresses.add(address);
      return null;
    });
    return [...addresses];
  }
}

/** The canonical value of an entry, with those of its addresses that `owns` leaves it. */
export function valueText(entry: EtcdEntry, owns: (ip: Ipv4Key | Ipv6Key) => boolean = () => true): string {
  const { target } = entry.answer;
  const { ip, port } = target as Endpoint;
  const arp = entry.arp.filter(owns).map(ipv4Text).sort();
  const ndp = entry.ndp.filter(owns).map(ipv6Text).sort();
  const server = entry.server === null ? undefined : macFromNumber(entry.server);
  const said = { ip, port: port === UNSAID ? undefined : port };
  return JSON.stringify({ ...said, arp: oneOrList(arp), ndp: oneOrList(ndp), 'dhcp-proxy': server });
}

function oneOrList(texts: readonly string[]): string | readonly string[] | undefined {
  return texts.length > 1 ? texts : texts[0];
}

function prefixed(prefix: string, report: Report): Report {
  const result = new Report();
  for (const line of report.lines) result.add(prefix + line);
  return result;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
