/** What is wrong with, or odd about, a file: the first hundred lines are kept, the others counted. */

export const REPORT_LINES_MAX = 100;
const SHOWN_CHARACTERS_MAX = 80;

export class Report {
  readonly lines: string[] = [];
  #count = 0;

  /** A report that was made elsewhere. */
  static of({ lines, count }: { readonly lines: readonly string[]; readonly count: number }): Report {
    const report = new Report();
    report.lines.push(...lines);
    report.#count = count;
    return report;
  }

  /** Lines added, kept or not. */
  get count(): number {
    return this.#count;
  }

  add(line: string): void {
    this.#count++;
    if (this.lines.length < REPORT_LINES_MAX) this.lines.push(line);
  }

  /** All lines that were kept, as one. */
  toString(): string {
    const more = this.#count - this.lines.length;
    return this.lines.join('; ') + (more > 0 ? `; and ${more} more` : '');
  }

  /** The first line and how many more there are. */
  summary(): string {
    const more = this.#count - 1;
    return `${this.lines[0] ?? ''}${more > 0 ? ` (and ${more} more)` : ''}`;
  }
}

/** A value of the file as JSON on one line, shortened. */
export function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}
