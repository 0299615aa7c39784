/** A terminal that is lent: its whole screen, its keys, and everything as it was in the end, whatever happens. */
import { emitKeypressEvents, type Key } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Size } from './screen.js';

// xterm's control sequences: alternate screen, cursor, wrapping at the right edge.
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l';
const CLEAR = '\u001b[0m\u001b[2J';
const lineAt = (row: number) => `\u001b[${row + 1};1H`;

/** Of terminals that do not say. */
const USUAL: Size = { columns: 80, rows: 24 };

export interface Listener {
  /** A character, or a name: `up`, `pagedown`, `return`, `shift-tab`, `ctrl-c`. */
  onKey(key: string): void;
  /** What is on the screen is not there any more, or does not fit. */
  onLost(): void;
  /** Nobody is there any more, or somebody wants this to end. */
  onEnd(): void;
}

export class BorrowedTerminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #listener: Listener;
  #shown: readonly string[] = [];
  #isHeld = false;

  /** Takes the terminal until {@link giveBack}, or until the process exits for whatever reason. */
  constructor(input: ReadStream, output: WriteStream, listener: Listener) {
    this.#input = input;
    this.#output = output;
    this.#listener = listener;
    emitKeypressEvents(input);
    input.on('keypress', this.#key);
    for (const event of ['end', 'error'] as const) input.on(event, listener.onEnd);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, listener.onEnd);
    output.on('resize', this.#lost);
    process.on('SIGCONT', this.#resume);
    process.on('exit', this.#leave);
    this.#enter();
  }

  get size(): Size {
    const { columns, rows } = this.#output;
    return { columns: columns || USUAL.columns, rows: rows || USUAL.rows };
  }

  /** Only lines that changed are sent: the terminal may be at the other end of a slow link. */
  draw(lines: readonly string[]): void {
    if (!this.#isHeld) return;
    const changed = lines.map((line, row) => (line === this.#shown[row] ? '' : lineAt(row) + line));
    this.#output.write(changed.join(''));
    this.#shown = lines;
  }

  giveBack(): void {
    const { onEnd } = this.#listener;
    this.#input.off('keypress', this.#key);
    for (const event of ['end', 'error'] as const) this.#input.off(event, onEnd);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onEnd);
    this.#output.off('resize', this.#lost);
    process.off('SIGCONT', this.#resume);
    process.off('exit', this.#leave);
    this.#leave();
    this.#input.pause();
  }

  #enter(): void {
    this.#isHeld = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(ENTER);
    this.#lost();
  }

  readonly #leave = () => {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#input.setRawMode(false);
    this.#output.write(LEAVE);
  };

  readonly #lost = () => {
    this.#shown = [];
    this.#output.write(CLEAR);
    this.#listener.onLost();
  };

  readonly #key = (text: string | undefined, key: Key) => {
    const name = nameOf(text, key);
    if (name !== 'ctrl-z') return this.#listener.onKey(name);
    this.#leave();
    // As a terminal that is not raw does it: to all of this job.
    process.kill(0, 'SIGTSTP');
  };

  readonly #resume = () => {
    this.#leave();
    this.#enter();
  };
}

function nameOf(text: string | undefined, { name, ctrl, shift, sequence }: Key): string {
  if (ctrl === true) return `ctrl-${name}`;
  if (shift === true && name === 'tab') return 'shift-tab';
  const typed = text ?? sequence ?? '';
  return /^[ -~]$/.test(typed) ? typed : (name ?? '');
}
