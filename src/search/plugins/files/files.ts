/**
 * The `files` plugin: a JSON file says where each MAC is, who owns which address, and who serves DHCP. The format and
 * its rules are in docs/files.md. The file is watched; a valid change is swapped in whole, and only what differs is
 * pushed.
 */

import { macFromNumber, macToNumber } from '../../../address.js';
import type { Answer, DynamicInstance, DynamicPlugin, Owner, PluginContext, Query } from '../../api.js';
import { tunnelPortOf } from '../underlay.js';
import type { FilesChanges } from './diff.js';
import { ipv4Key, ipv6Key } from './keys.js';
import type { ParseResult } from './parse.js';
import type { Report } from './report.js';
import { type TableReader, type TableSource, tableSource } from './source.js';
import { answerOf, EMPTY_TABLE, type FilesTable, ownerOf, tableSizes, vtepsOf } from './table.js';
import { changeSizes, Told } from './told.js';
import { VtepList } from './vtep-list.js';

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

export class FilesInstance implements DynamicInstance, TableReader {
  readonly #context: PluginContext;
  readonly #path: string;
  readonly #told: Told;
  readonly #vteps: VtepList;
  #source: TableSource | null = null;
  #table: FilesTable = EMPTY_TABLE;
  #isDegraded = false;
  #stopped = false;

  constructor(context: PluginContext, path: string) {
    this.#context = context;
    this.#told = new Told(context);
    this.#vteps = new VtepList(context);
    this.#path = path;
  }

  /** Rejects with everything that is wrong with the file. */
  async start(): Promise<void> {
    if (this.#stopped) return;
    this.#context.signal.addEventListener('abort', () => this.stop(), { once: true });
    this.#source = tableSource(this.#path, tunnelPortOf(this.#context));
    const result = await this.#source.join(this);
    if (this.#stopped) return;
    if (result.table === null) throw new Error(`${CONFIG} ${this.#path}: ${result.problems}`);
    this.#warn(result.warnings);
    this.#table = result.table;
    this.#vteps.tell(vtepsOf(this.#table));
    this.#context.log.info('table loaded', tableSizes(this.#table));
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#source?.leave(this);
  }

  /** Whatever goes wrong is the reason of a degraded overlay. */
  async reload(): Promise<void> {
    await this.#source?.reload();
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

  /** Swaps the table in and pushes what differs; or says what is wrong and leaves everything as it was. */
  readAgain(result: ParseResult, changes: FilesChanges | null): void {
    if (this.#table === EMPTY_TABLE) return; // start() takes what was read last
    const { log } = this.#context;
    if (result.table === null) {
      const { problems } = result;
      log.warn('table refused', { problems: problems.lines, count: problems.count });
      const reason = `${CONFIG} ${this.#path}: ${problems.summary()}; the table read before stays in use`;
      this.#context.degrade(reason);
    } else {
      this.#warn(result.warnings);
      this.#table = result.table;
      this.#vteps.tell(vtepsOf(this.#table));
      if (changes !== null) this.#push(changes);
      if (this.#isDegraded) this.#context.restore();
    }
    this.#isDegraded = result.table === null;
  }

  #warn(warnings: Report): void {
    for (const warning of warnings.lines) this.#context.log.warn(`${this.#path}: ${warning}`);
    const unsaid = warnings.count - warnings.lines.length;
    if (unsaid > 0) this.#context.log.warn(`${this.#path}: and ${unsaid} more warnings`);
  }

  #push(changes: FilesChanges): void {
    this.#told.push(changes);
    this.#context.log.info('table read again', { ...changeSizes(changes), ...tableSizes(this.#table) });
  }
}
