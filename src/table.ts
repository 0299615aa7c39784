/**
 * Tables as `dladm` prints them: a header line, columns two spaces apart, no borders. Columns are data.
 *
 * Padding is done here, in one pass: an overlay may have a million targets.
 */

export type Tint = 'good' | 'bad' | 'faint' | 'plain';

export interface Column<Row> {
  /** Upper case; also the name of the field for `-o`. */
  readonly title: string;
  /** '' when there is nothing to say; prints as `--`. */
  value(row: Row): string;
  /** For `--parsable`, where `value` is rounded for people. */
  raw?(row: Row): string;
  /** Numbers stand right. */
  readonly isNumber?: true;
  tint?(row: Row): Tint;
  /** Printed only when `-o` asks for it. */
  readonly isExtra?: true;
}

export type Paint = (tint: Tint, text: string) => string;

const EMPTY = '--';
const GAP = '  ';

/** A table of texts. Columns from `texts` on are numbers. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[], texts: number): string {
  const columns = head.map((title, index): Column<readonly string[]> => {
    const column = { title, value: (row: readonly string[]) => row[index] ?? '' };
    return index < texts ? column : { ...column, isNumber: true };
  });
  return formatTable(columns, rows, (_, text) => text);
}

export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint): string {
  return tableInParts(columns, paint)(rows);
}

/** A table whose rows come in parts: the header is before the first, and columns grow with what has come so far. */
export function tableInParts<Row>(columns: readonly Column<Row>[], paint: Paint): (rows: readonly Row[]) => string {
  const widths = columns.map(({ title }) => title.length);
  let header = true;
  return (rows) => {
    const text = formatRows(columns, rows, paint, widths, header);
    header = false;
    return text;
  };
}

function formatRows<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint,
  widths: number[],
  header: boolean,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row)) || EMPTY));
  for (const line of cells) {
    for (const [index, text] of line.entries()) widths[index] = Math.max(widths[index] as number, text.length);
  }
  const line = (texts: readonly string[], tintOf: (index: number) => Tint): string => {
    const padded = texts.map((text, index) => {
      const isLast = index === texts.length - 1;
      const width = widths[index] as number;
      const number = columns[index]?.isNumber === true;
      const blanks = number || !isLast ? ' '.repeat(width - text.length) : '';
      const painted = paint(tintOf(index), text);
      return number ? blanks + painted : painted + blanks;
    });
    return `${padded.join(GAP)}\n`;
  };
  const titles = columns.map(({ title }) => title);
  const lines = cells.map((texts, index) => {
    const row = rows[index] as Row;
    return line(texts, (column) => columns[column]?.tint?.(row) ?? 'plain');
  });
  return (header ? line(titles, () => 'plain') : '') + lines.join('');
}

/** Fields with colons between and no header. As in dladm, nothing is escaped when there is but one field. */
export function formatParsable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const escaped = (text: string) => (columns.length > 1 ? text.replace(/[\\:]/g, '\\$&') : text);
  const field = (column: Column<Row>, row: Row) => escaped(printable((column.raw ?? column.value)(row)));
  return rows.map((row) => `${columns.map((column) => field(column, row)).join(':')}\n`).join('');
}

/** A value is one line and moves no cursor, whatever its author put into it. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
