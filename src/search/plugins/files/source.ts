/**
 * A table file as the instances of one thread read it: watched once and read once for all of them that name it and
 * mean one port where it says none. They then have one table.
 */
import { diffTables, type FilesChanges } from './diff.js';
import type { ParseResult } from './parse.js';
import { readTable } from './read-apart.js';
import { Report } from './report.js';
import type { FilesTable } from './table.js';
import { FileWatcher, REAL_ENVIRONMENT } from './watch.js';

export interface TableReader {
  /** The file was read again. `changes`: since it was last right; null when it is wrong now. */
  readAgain(result: ParseResult, changes: FilesChanges | null): void;
}

export class TableSource {
  readonly #path: string;
  readonly #port: number;
  readonly #onEmpty: () => void;
  readonly #watcher: FileWatcher;
  readonly #readers = new Set<TableReader>();
  readonly #ended = new AbortController();
  #last: ParseResult | null = null;
  /** The last one that was right. */
  #table: FilesTable | null = null;
  /** Looks at the file come one after the other. */
  #turn: Promise<void> = Promise.resolve();
  /** The one that has not begun, for whoever wants one: null, there is none. */
  #queued: Promise<void> | null = null;
  #isReadWanted = false;

  /** `port`: of entries that say none. `onEmpty`: the last reader has left. */
  constructor(path: string, port: number, onEmpty: () => void) {
    this.#path = path;
    this.#port = port;
    this.#onEmpty = onEmpty;
    this.#watcher = new FileWatcher(path, () => this.reload(), REAL_ENVIRONMENT);
  }

  /** Answers what the file says now, read again where that is not known. From then on the reader hears of changes. */
  async join(reader: TableReader): Promise<ParseResult> {
    const isFirst = this.#readers.size === 0;
    this.#readers.add(reader);
    await this.#look();
    if (isFirst && !this.#ended.signal.aborted) this.#watcher.start();
    return this.#last as ParseResult;
  }

  leave(reader: TableReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#watcher.stop();
    this.#ended.abort();
    this.#onEmpty();
  }

  /** Reads the file again, whatever its times say. Never rejects. */
  reload(): Promise<void> {
    this.#isReadWanted = true;
    return this.#look();
  }

  #look(): Promise<void> {
    if (this.#queued === null) {
      this.#turn = this.#turn.then(() => {
        const isReadWanted = this.#isReadWanted;
        this.#queued = null;
        this.#isReadWanted = false;
        return this.#lookNow(isReadWanted);
      });
      this.#queued = this.#turn;
    }
    return this.#queued;
  }

  async #lookNow(isReadWanted: boolean): Promise<void> {
    if (this.#ended.signal.aborted) return;
    const state = await REAL_ENVIRONMENT.fingerprint(this.#path);
    if (!isReadWanted && this.#isRight && this.#watcher.isKnown(state)) return;
    const result = await readTable(this.#path, this.#port, this.#ended.signal).catch(failed);
    this.#watcher.known(state);
    if (this.#ended.signal.aborted) return;
    const before = this.#table;
    this.#last = result;
    this.#table = result.table ?? before;
    if (before === null) return; // nobody has a table yet
    const changes = result.table === null ? null : diffTables(before, result.table);
    for (const reader of this.#readers) reader.readAgain(result, changes);
  }

  get #isRight(): boolean {
    return this.#last !== null && this.#last.table !== null;
  }
}

function failed(thrown: unknown): ParseResult {
  const problems = new Report();
  problems.add(`failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  return { table: null, problems };
}

const sources = new Map<string, TableSource>();

/** The source of this thread for a path, whose entries have this port where they say none. */
export function tableSource(path: string, port: number): TableSource {
  const key = `${port} ${path}`;
  const known = sources.get(key);
  if (known !== undefined) return known;
  const source = new TableSource(path, port, () => sources.delete(key));
  sources.set(key, source);
  return source;
}
