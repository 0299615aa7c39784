/** What is wrong with a configuration file: everything at once, each with its place and its path in the document. */

/** Both 1-based, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Path = readonly string[];

interface Problem {
  readonly at: Position;
  readonly path: Path;
  readonly text: string;
}

/** One that nobody would read to the end needs no end. */
const KEPT_MAX = 100;

export class Problems {
  readonly #kept: Problem[] = [];
  #count = 0;

  /** `text`: what is wrong, and what would be right. */
  add(at: Position, path: Path, text: string): void {
    this.#count += 1;
    if (this.#kept.length < KEPT_MAX) this.#kept.push({ at, path, text });
  }

  /** To add to, and leave these as they are. */
  copy(): Problems {
    const copy = new Problems();
    copy.#kept.push(...this.#kept);
    copy.#count = this.#count;
    return copy;
  }

  get count(): number {
    return this.#count;
  }

  /** `FILE:LINE:COLUMN: path: what is wrong: what would be right`, in the order of the file. */
  lines(file: string): string[] {
    const sorted = this.#kept.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
    const lines = sorted.map(({ at, path, text }) => {
      const place = `${file}:${at.line}:${at.column}`;
      return path.length === 0 ? `${place}: ${text}` : `${place}: ${path.map(printable).join('.')}: ${text}`;
    });
    const unsaid = this.#count - this.#kept.length;
    return unsaid === 0 ? lines : [...lines, `${file}: and ${unsaid} more problems`];
  }
}

/** Any text on one line, however long and whatever is in it. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function printable(key: string): string {
  return /^[\x21-\x7e]{1,80}$/.test(key) ? key : shown(key);
}
