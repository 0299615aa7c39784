/**
 * Prometheus' text format, version 0.0.4, made a few lines at a time, so that whoever writes a page of it can let
 * others have their turn in between (decision 27).
 */

/** Labels as they stand in braces, the value, and what follows the family's name in a line of a histogram. */
export type Sample = readonly [labels: string, value: number, suffix?: string];

/** Everything that has one name. */
export interface Family<Seen> {
  /** In base units, and `_total` at the end of counters. */
  readonly name: string;
  /** One sentence without a full stop. */
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Names, in their order. */
  readonly labels: readonly string[];
  /** Another line for the document: what a label may be. */
  readonly note?: string;
  readonly samples: (seen: Seen) => Iterable<Sample>;
}

/** All that the format wants escaped. */
const SPECIAL = /["\\\n]/g;

function escaped(text: string): string {
  return text.search(SPECIAL) < 0 ? text : text.replaceAll(SPECIAL, (at) => (at === '\n' ? '\\n' : `\\${at}`));
}

export function labelsOf(values: Readonly<Record<string, string | number>>): string {
  let text = '';
  for (const name in values) {
    const value = values[name]!;
    text += `${text === '' ? '' : ','}${name}="${typeof value === 'number' ? value : escaped(value)}"`;
  }
  return text;
}

/** `buckets`: how many are no greater than each bound. */
export interface Histogram {
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  readonly sum: number;
  readonly count: number;
}

export function* histogramSamples(labels: string, { buckets, sum, count }: Histogram): Generator<Sample> {
  for (const [bound, below] of buckets) yield [`${labels},le="${bound}"`, below, '_bucket'];
  yield [`${labels},le="+Inf"`, count, '_bucket'];
  yield [labels, sum, '_sum'];
  yield [labels, count, '_count'];
}

/** Lines between which somebody else may have his turn. */
const LINES_AT_ONCE = 64;

/** The lines of all families, some at a time; a family without samples now is left out. */
export function* exposition<Seen>(families: readonly Family<Seen>[], seen: Seen): Generator<string> {
  for (const { name, help, type, samples } of families) {
    let text = `# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n`;
    let lines = 0;
    for (const [labels, value, suffix = ''] of samples(seen)) {
      text += labels === '' ? `${name}${suffix} ${value}\n` : `${name}${suffix}{${labels}} ${value}\n`;
      if (++lines % LINES_AT_ONCE !== 0) continue;
      yield text;
      text = '';
    }
    if (lines % LINES_AT_ONCE !== 0) yield text;
  }
}
