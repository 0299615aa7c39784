/**
 * What is in etcd to changes of the table, and the books of what is wrong in it: a bad value leaves the entry as it was
 * and is remembered until it is mended or gone; a key that is no MAC is ignored.
 */
import { macFromNumber } from '../../../address.js';
import type { PluginLog } from '../../api.js';
import { Problem } from '../files/fields.js';
import type { MacKey } from '../files/keys.js';
import { Report } from '../files/report.js';
import type { Change } from './client.js';
import type { EtcdEntry } from './table.js';
import { macOfKey, ValueReader } from './values.js';
import type { Pair } from './writer.js';

type Changes = Map<MacKey, EtcdEntry | null>;
/** What is wrong with the value of a key: the first problem and how many more. */
type Bad = Map<string, string>;

export class Reader {
  readonly #prefix: string;
  readonly #log: Pick<PluginLog, 'warn'>;
  readonly #values: ValueReader;
  #bad: Bad = new Map();

  /** `port`: of values that say none. */
  constructor(prefix: string, port: number, log: Pick<PluginLog, 'warn'>) {
    this.#values = new ValueReader(port);
    this.#prefix = prefix;
    this.#log = log;
  }

  /** Reads everything there is, page by page; nothing counts until `finish`. */
  all(): { add(pairs: readonly Pair[]): void; finish(known: Iterable<MacKey>): Changes } {
    const changes: Changes = new Map();
    const bad: Bad = new Map();
    const warnings = new Report();
    return {
      add: (pairs) => {
        for (const pair of pairs) this.#read(pair, changes, bad, warnings);
      },
      finish: (known) => {
        for (const mac of known) {
          if (!changes.has(mac) && !bad.has(macFromNumber(mac))) changes.set(mac, null);
        }
        this.#bad = bad;
        this.#say(warnings);
        return changes;
      },
    };
  }

  /** The last good change of each MAC. */
  changes(events: readonly Change[]): Changes {
    const changes: Changes = new Map();
    const warnings = new Report();
    for (const event of events) this.#read(event, changes, this.#bad, warnings);
    this.#say(warnings);
    return changes;
  }

  warn(lines: readonly string[]): void {
    const warnings = new Report();
    for (const line of lines) warnings.add(line);
    this.#say(warnings);
  }

  /** What is wrong, by key without the prefix. */
  get bad(): ReadonlyMap<string, string> {
    return this.#bad;
  }

  /** Why the overlay is not as etcd says, in one line; null: it is. */
  summary(): string | null {
    const [first] = this.#bad.values();
    if (first === undefined) return null;
    const more = this.#bad.size - 1;
    return `${first}${more > 0 ? ` (and ${more} more keys)` : ''}; what these keys said before stays in use`;
  }

  #read({ key, value, revision }: Change, changes: Changes, bad: Bad, warnings: Report): void {
    const mac = macOfKey(key);
    if (mac instanceof Problem) {
      if (value !== null) warnings.add(`${this.#prefix}${key}: ignored: ${mac.text}`);
      return;
    }
    if (value === null) {
      changes.set(mac, null);
      bad.delete(key);
      return;
    }
    const reading = this.#values.read(key, value, revision);
    for (const line of reading.warnings.lines) warnings.add(this.#prefix + line);
    if (reading.entry === null) {
      const problem = this.#prefix + reading.problems.summary();
      if (this.#bad.get(key) !== problem) warnings.add(problem);
      bad.set(key, problem);
    } else {
      changes.set(mac, reading.entry);
      bad.delete(key);
    }
  }

  #say(warnings: Report): void {
    for (const line of warnings.lines) this.#log.warn(line);
    const unsaid = warnings.count - warnings.lines.length;
    if (unsaid > 0) this.#log.warn(`and ${unsaid} more warnings`);
  }
}
