/**
 * Reads a large file in a thread of its own, which hands over the finished table: meanwhile the plugin's thread answers
 * from the old one.
 */
import { stat } from 'node:fs/promises';
import { resourceLimits, Worker } from 'node:worker_threads';
import { EightUnitMap, NumberMap, type PackedMap } from './flat-map.js';
import type { ParseResult } from './parse.js';
import { readFiles } from './read.js';
import { Report } from './report.js';
import type { FilesTable, newTable } from './table.js';

/** A smaller file is read in a few hundredths of a second, and sooner than a thread starts. */
export const APART_BYTES = 1 << 20;

interface PackedReport {
  readonly lines: readonly string[];
  readonly count: number;
}

interface PackedTable {
  readonly targets: PackedMap;
  readonly answers: FilesTable['answers'];
  readonly arp: PackedMap;
  readonly ndp: PackedMap;
  readonly dhcp: PackedMap;
}

/** What the thread posts: a table with warnings, or none with problems. */
export interface PackedResult {
  readonly table: PackedTable | null;
  readonly report: PackedReport;
}

/** What the thread is to read, as readFiles has it. */
export type Reading = readonly [path: string, port: number];

/** As readFiles; rejects when the thread fails, and when `signal` is aborted. */
export async function readTable(path: string, port: number, signal: AbortSignal): Promise<ParseResult> {
  const size = await stat(path).then(
    (info) => info.size,
    () => 0, // readFiles says why
  );
  return size < APART_BYTES ? readFiles(path, port) : readInThread([path, port], signal);
}

async function readInThread(workerData: Reading, signal: AbortSignal): Promise<ParseResult> {
  const worker = new Worker(new URL('./read-thread.js', import.meta.url), { workerData, resourceLimits });
  const end = () => void worker.terminate();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await new Promise<ParseResult>((resolve, reject) => {
      worker.once('message', (packed: PackedResult) => resolve(unpacked(packed)));
      worker.once('error', (error: NodeJS.ErrnoException) => reject(inWords(error)));
      worker.once('exit', () => reject(new Error('reading was broken off')));
    });
  } finally {
    signal.removeEventListener('abort', end);
    await worker.terminate();
  }
}

function inWords(error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  const { maxOldGenerationSizeMb } = resourceLimits;
  return new Error(`reading it needs more than ${maxOldGenerationSizeMb} MiB of memory (lookup/memory)`);
}

/** The result as plain data, and the buffers in it, which need not be copied. */
export function packed(result: ParseResult): { readonly data: PackedResult; readonly buffers: ArrayBuffer[] } {
  if (result.table === null) return { data: { table: null, report: packedReport(result.problems) }, buffers: [] };
  const { targets, answers, arp, ndp, dhcp } = result.table as ReturnType<typeof newTable>;
  const maps = { targets: targets.pack(), arp: arp.pack(), ndp: ndp.pack(), dhcp: dhcp.pack() };
  const buffers = Object.values(maps).map(({ slots }) => slots.buffer);
  return { data: { table: { answers, ...maps }, report: packedReport(result.warnings) }, buffers };
}

function packedReport({ lines, count }: Report): PackedReport {
  return { lines, count };
}

function unpacked({ table, report }: PackedResult): ParseResult {
  if (table === null) return { table: null, problems: Report.of(report) };
  return {
    table: {
      targets: new NumberMap().unpack(table.targets),
      answers: table.answers.map(({ target }) => Object.freeze({ target: Object.freeze(target) })),
      arp: new NumberMap().unpack(table.arp),
      ndp: new EightUnitMap().unpack(table.ndp),
      dhcp: new NumberMap().unpack(table.dhcp),
    },
    warnings: Report.of(report),
  };
}
