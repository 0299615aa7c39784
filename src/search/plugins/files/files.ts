/**
 * The `files` plugin: a JSON file says where each MAC is, who owns which address, and who serves DHCP. The format and
 * its rules are in docs/files.md. The file is watched; a valid change is swapped in whole, and only what differs is
 * pushed.
 */

import { macFromNumber, macToNumber } from '../../../address.js';
import type { Answer, DynamicInstance, DynamicPlugin, Owner, PluginContext, Query } from '../../api.js';
import { diffTables } from './diff.js';
import { ipv4Key, ipv6Key } from './keys.js';
import { readTable } from './read-apart.js';
import { Report } from './report.js';
import { answerOf, EMPTY_TABLE, type FilesTable, ownerOf, tableSizes } from './table.js';
import { changeSizes, Told } from './told.js';
import { FileWatcher, REAL_ENVIRONMENT, type WatchEnvironment } from './watch.js';

const CONFIG = 'files/config';

export const files: DynamicPlugin = {
  name: 'files',
  mode: 'dynamic',
  properties: [
    {
      name: CONFIG,
      type: 'string',
      path: true,
      required: true,
      help: 'path of the JSON file that says where each MAC is',
    },
  ],
  create: (context, values) => new FilesInstance(context, String(values[CONFIG])),
};

export class FilesInstance implements DynamicInstance {
  readonly #context: PluginContext;
  readonly #path: string;
  readonly #environment: WatchEnvironment;
  readonly #watcher: FileWatcher;
  #table: FilesTable = EMPTY_TABLE;
  readonly #told: Told;
  #isDegraded = false;
  #stopped = false;
  /** Loads run one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(context: PluginContext, path: string, environment: WatchEnvironment = REAL_ENVIRONMENT) {
    this.#context = context;
    this.#told = new Told(context);
    this.#path = path;
    this.#environment = environment;
    this.#watcher = new FileWatcher(path, () => this.reload(), environment);
  }

  /** Rejects with everything that is wrong with the file. */
  async start(): Promise<void> {
    const problems = await this.#load();
    if (problems !== null) throw new Error(`${CONFIG} ${this.#path}: ${problems}`);
    this.#context.log.info('table loaded', tableSizes(this.#table));
    this.#context.signal.addEventListener('abort', () => this.stop(), { once: true });
    if (!this.#stopped) this.#watcher.start();
  }

  stop(): void {
    this.#stopped = true;
    this.#watcher.stop();
  }

  /** Reads the file again, whatever its times say. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#reload());
    return this.#turn;
  }

  lookup(query: Query): Answer | null {
    const mac = macToNumber(query.mac);
    const answer = answerOf(this.#table, mac);
    if (answer !== null) this.#told.found(mac);
    else this.#told.missed(mac);
    return answer;
  }

  arp(ip: string): Owner | null {
    const key = ipv4Key(ip);
    return ownerOf(key === null ? undefined : this.#table.arp.get(key));
  }

  ndp(ip: string): Owner | null {
    const key = ipv6Key(ip);
    return ownerOf(key === null ? undefined : this.#table.ndp.get(key));
  }

  dhcp(mac: string): string | null {
    const server = this.#table.dhcp.get(macToNumber(mac));
    return server === undefined ? null : macFromNumber(server);
  }

  /** Never rejects: whatever goes wrong is the reason of a degraded overlay. */
  async #reload(): Promise<void> {
    if (this.#stopped) return;
    const problems = await this.#load().catch((thrown: unknown) => {
      const report = new Report();
      report.add(`failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      return report;
    });
    if (this.#stopped) return;
    if (problems !== null) {
      this.#context.log.warn('table refused', { problems: problems.lines, count: problems.count });
      const reason = `${CONFIG} ${this.#path}: ${problems.summary()}; the table read before stays in use`;
      this.#context.degrade(reason);
    } else if (this.#isDegraded) this.#context.restore();
    this.#isDegraded = problems !== null;
  }

  /** Swaps the table in and pushes what differs; or answers what is wrong and leaves everything as it was. */
  async #load(): Promise<Report | null> {
    const state = await this.#environment.fingerprint(this.#path);
    const result = await readTable(this.#path, this.#context.signal);
    this.#watcher.known(state);
    if (this.#stopped) return null;
    if (result.table === null) return result.problems;
    for (const warning of result.warnings.lines) this.#context.log.warn(`${this.#path}: ${warning}`);
    const unsaid = result.warnings.count - result.warnings.lines.length;
    if (unsaid > 0) this.#context.log.warn(`${this.#path}: and ${unsaid} more warnings`);
    const before = this.#table;
    this.#table = result.table;
    if (before !== EMPTY_TABLE) this.#push(before, result.table);
    return null;
  }

  #push(before: FilesTable, after: FilesTable): void {
    const changes = diffTables(before, after);
    this.#told.push(changes);
    this.#context.log.info('table read again', { ...changeSizes(changes), ...tableSizes(after) });
  }
}
