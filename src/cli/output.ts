/** `-o`, `--parsable` and `--json`: how rows become text. */
import { fieldUnknown, optionsExclusive, parsableWithoutFields } from '../errors.js';
import { type Column, formatParsable, formatTable, tableInParts } from '../table.js';
import { type Context, JSON_FLAG, type Options } from './command.js';

/** The options of a command that prints rows. */
export const OUTPUT = {
  output: {
    type: 'text',
    aliases: ['o'],
    what: 'output fields',
    value: 'FIELDS',
    help: 'columns to print, with commas between, or "all"',
  },
  parsable: {
    type: 'flag',
    aliases: ['p', 'parseable'],
    help: 'for scripts: no header, colons between fields, backslash before colons; needs -o',
  },
  json: JSON_FLAG,
} as const satisfies Options;

interface OutputArgs {
  readonly output: string | undefined;
  readonly parsable: boolean;
  readonly json: boolean;
}

/** Prints rows by their columns. */
export type Printer<Row> = (context: Context, rows: readonly Row[]) => void;

/** Checks the options before anything is asked of the daemon. `json` makes the objects that `--json` prints. */
export function printerOf<Row>(
  columns: readonly Column<Row>[],
  args: OutputArgs,
  json: (rows: readonly Row[]) => unknown,
): Printer<Row> {
  const chosen = chosenColumns(columns, args);
  return (context, rows) => {
    if (args.json) printJson(context, json(rows));
    else if (args.parsable) context.print(formatParsable(chosen, rows));
    else context.print(formatTable(chosen, rows, context.paint));
  };
}

/** Prints rows as they come, page after page: there may be a million. `--json` prints one array of them. */
export type PagePrinter<Row> = (context: Context, pages: AsyncIterable<readonly Row[]>) => Promise<void>;

/** As {@link printerOf}. */
export function pagePrinterOf<Row>(columns: readonly Column<Row>[], args: OutputArgs): PagePrinter<Row> {
  const chosen = chosenColumns(columns, args);
  return async (context, pages) => {
    if (args.json) return printJsonPages(context, pages);
    const table = tableInParts(chosen, context.paint);
    for await (const rows of pages) context.print(args.parsable ? formatParsable(chosen, rows) : table(rows));
  };
}

async function printJsonPages(context: Context, pages: AsyncIterable<readonly unknown[]>): Promise<void> {
  let before = '[\n';
  for await (const rows of pages) {
    if (rows.length === 0) continue;
    const texts = rows.map((row) => JSON.stringify(row, null, 2).replace(/^/gm, '  '));
    context.print(before + texts.join(',\n'));
    before = ',\n';
  }
  context.print(before === '[\n' ? '[]\n' : '\n]\n');
}

function chosenColumns<Row>(columns: readonly Column<Row>[], args: OutputArgs): readonly Column<Row>[] {
  if (args.json && (args.output !== undefined || args.parsable)) {
    throw optionsExclusive(['--json', args.parsable ? '--parsable' : '-o/--output']);
  }
  const isAll = args.output?.toLowerCase() === 'all';
  if (args.parsable && (args.output === undefined || isAll)) throw parsableWithoutFields();
  return args.output === undefined || isAll
    ? columns.filter((column) => isAll || !column.isExtra)
    : pick(columns, args.output);
}

export function printJson(context: Context, value: unknown): void {
  context.print(`${JSON.stringify(value, null, 2)}\n`);
}

function pick<Row>(columns: readonly Column<Row>[], fields: string): Column<Row>[] {
  return fields.split(',').map((field) => {
    const found = columns.find(({ title }) => title === field.trim().toUpperCase());
    if (found === undefined) {
      throw fieldUnknown(
        field,
        columns.map(({ title }) => title),
      );
    }
    return found;
  });
}
