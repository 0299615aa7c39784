/**
 * One case file asks one question: it hands its rows to `measure`, which times them with tinybench and reports to the
 * runner (run.ts), or prints when the file was started by hand. A row's function performs `operations` of what is
 * measured, so that neither the clock nor the call into Wasm is part of the answer.
 */
import { Bench } from 'tinybench';
import { printCase } from './report.js';
import type { CaseResult, RowResult } from './results.js';

export interface Row {
  readonly name: string;
  /** Operations of one call of `run`. */
  readonly operations: number;
  run(): void;
  /** Index of the row that does the same without what is asked about; it is subtracted. Default: the first row. */
  readonly baseline?: number;
  /** Index of the row whose time this one's is divided by. */
  readonly ratioTo?: number;
  /** Bytes one operation works on: the answer is then also a rate. */
  readonly bytes?: number;
}

export interface Question {
  readonly question: string;
  /** What one operation is: "lookup", "frame". */
  readonly operation: string;
  /** What was set up, in lines of at most 110 characters: sizes, order, what is in which cache. */
  readonly setting: readonly string[];
  readonly rows: readonly Row[];
  /** Operations a second are what is asked for, not nanoseconds. */
  readonly isRate?: boolean;
  /** Called after the rows have run: throws when they did not do what they say. */
  verify?(): void;
}

const DEFAULT_MS = 300;

/** Times every row for VXLANE_BENCH_MS milliseconds (default 300) after a warm-up of the same length. */
export async function measure(question: Question): Promise<void> {
  const time = Number(process.env.VXLANE_BENCH_MS ?? DEFAULT_MS);
  const bench = new Bench({ time, warmupTime: time, throws: true, timestampProvider: 'hrtimeNow' });
  for (const row of question.rows) bench.add(row.name, () => row.run());
  const tasks = await bench.run();
  question.verify?.();
  const times = question.rows.map((row, index) => {
    const result = tasks[index]!.result;
    if (result.state !== 'completed') throw new Error(`${row.name}: ${result.state}`);
    const { p50, min, samplesCount } = result.latency;
    return { median: perOperation(p50, row), fastest: perOperation(min, row), samples: samplesCount };
  });
  const rows = question.rows.map((row, index): RowResult => {
    const baseline = row.baseline ?? 0;
    const net = baseline === index ? null : times[index]!.median - times[baseline]!.median;
    const ratio = row.ratioTo === undefined ? {} : { ratio: times[index]!.median / times[row.ratioTo]!.median };
    return { name: row.name, ...times[index]!, net, bytes: row.bytes ?? null, ...ratio };
  });
  const { operation, setting, isRate = false } = question;
  const result: CaseResult = { question: question.question, operation, setting, isRate, rows };
  report(result);
}

/** Hands a result to the runner, or prints it when the file was started by hand. */
export function report(result: CaseResult): void {
  if (process.send === undefined) process.stdout.write(`${printCase(result)}\n`);
  else process.send(result);
}

function perOperation(milliseconds: number, row: Row): number {
  return (milliseconds * 1e6) / row.operations;
}
