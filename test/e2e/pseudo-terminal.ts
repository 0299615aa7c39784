/** A program at a terminal of 80x24: a pseudo-terminal by script(1), and an emulator of what its user sees. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import xterm from '@xterm/headless';
import { until } from '../support/until.js';

/** What the terminal is like; the first and the last line that the shell around the program prints. */
const SETTINGS = 'stty -g | tr : ,';

export class PseudoTerminal {
  /** Everything that was sent to it. */
  raw = '';
  readonly #script: ChildProcessWithoutNullStreams;
  readonly #emulator: xterm.Terminal;
  /** All that was sent is on the screen. */
  #shown = Promise.resolve();

  /** Runs a program; the shell prints `before SETTINGS`, and in the end `after SETTINGS` and `status STATUS`. */
  constructor(argv: readonly string[], env: Readonly<Record<string, string>>, [columns, rows] = [80, 24]) {
    this.#emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    const words = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const shell = [
      'trap : INT', // for the program alone
      `stty rows ${rows} columns ${columns}`,
      'echo "on $(tty)"',
      'echo "shell $$"',
      `echo "before $(${SETTINGS})"`,
      words,
      'status=$?',
      `echo "after $(${SETTINGS})"`,
      'echo "status $status"',
    ];
    this.#script = spawn('script', ['-qefc', shell.join('\n'), '/dev/null'], {
      env: { PATH: process.env.PATH, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh', ...env },
    });
    this.#script.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.raw += text;
      this.#shown = new Promise((resolve) => this.#emulator.write(text, resolve));
    });
  }

  /** The lines that its user sees, without blanks at their ends. */
  async screen(): Promise<string[]> {
    await this.#shown;
    const { active } = this.#emulator.buffer;
    const at = Array.from({ length: this.#emulator.rows }, (_, row) => active.baseY + row);
    return at.map((row) => active.getLine(row)?.translateToString().trimEnd() ?? '');
  }

  /** Waits until one of the lines is like this, and answers what it matched. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    await until(async () => {
      const lines = await this.screen();
      found = lines.map((line) => pattern.exec(line)).find((match) => match !== null) ?? null;
      return found !== null;
    }).catch(async () => {
      throw new Error(`the terminal never showed ${pattern}, but:\n${(await this.screen()).join('\n')}`);
    });
    return found!;
  }

  get isAlternate(): boolean {
    return this.#emulator.buffer.active.type === 'alternate';
  }

  get wraps(): boolean {
    return this.#emulator.modes.wraparoundMode;
  }

  /** Where the cursor is shown. */
  get hasCursor(): boolean {
    return this.raw.lastIndexOf('\u001b[?25h') >= this.raw.lastIndexOf('\u001b[?25l');
  }

  /** Of the terminal, as the shell printed them; null: not yet. */
  settings(when: 'before' | 'after'): string | null {
    return new RegExp(`${when} (\\S+)\\r$`, 'm').exec(this.raw)?.[1] ?? null;
  }

  /** Of the program, when it has ended. */
  get status(): number | null {
    const found = /^status (\d+)\r$/m.exec(this.raw);
    return found === null ? null : Number(found[1]);
  }

  type(text: string): void {
    this.#script.stdin.write(text);
  }

  /** To the program. */
  signal(name: NodeJS.Signals): void {
    const [, pid] = /^shell (\d+)\r$/m.exec(this.raw)!;
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', pid!], { encoding: 'utf8' });
    for (const child of children.trim().split(/\s+/)) process.kill(Number(child), name);
  }

  /** As the user who pulls at a corner of the window. */
  resize(columns: number, rows: number): void {
    const [, device] = /^on (\S+)\r$/m.exec(this.raw)!;
    this.#emulator.resize(columns, rows);
    execFileSync('stty', ['-F', device!, 'rows', String(rows), 'columns', String(columns)]);
  }

  /** Ends whatever still runs at it. */
  close(): void {
    this.#script.stdin.end();
    this.#script.kill('SIGHUP');
    this.#emulator.dispose();
  }
}
