/**
 * Where the cursor is in a command line that may be unfinished or wrong: what a shell wants to be completed. The parser
 * in yargs.ts refuses such lines.
 */
import { COMMON_OPTIONS, type Command, type Option, type Options, type Positional } from '../command.js';

export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** What the last word is the beginning of. */
export type Place =
  /** The first word of a command, or the second where `words` is the first. */
  | { readonly kind: 'command'; readonly words: readonly string[]; readonly options: Options }
  /** The value of an option, behind `--name=` or as a word of its own. */
  | { readonly kind: 'value'; readonly option: Option; readonly before: string; readonly typed: string }
  /** Another option, or a positional if there may be one more. */
  | { readonly kind: 'word'; readonly options: Options; readonly positional: Positional | null };

export interface Line {
  readonly place: Place;
  /** The last word, as far as it is typed. */
  readonly typed: string;
  /** Values of options so far, by long name; '' for a flag. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** The other words so far, without the command's name. */
  readonly words: readonly string[];
}

/** `words`: what stands behind `vxlane`, the one under the cursor last. */
export async function lineOf(words: readonly string[], commands: Commands): Promise<Line> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const name = commandIn(before, commands);
  const command = name === null ? null : ((await commands[name]?.()) ?? null);
  const options = { ...command?.options, ...COMMON_OPTIONS };
  const scan = scanned(before, options);
  const own = scan.words.slice(name?.split(' ').length ?? 0);
  return { place: placeOf(typed, scan, own, command, options), typed, given: scan.given, words: own };
}

function placeOf(typed: string, scan: Scan, own: readonly string[], command: Command | null, options: Options): Place {
  if (scan.expects !== null) return { kind: 'value', option: scan.expects, before: '', typed };
  const [, name, value] = /^--([^=]+)=(.*)$/s.exec(typed) ?? [];
  const option = name === undefined || scan.isOver ? undefined : optionNamed(name, options)?.[1];
  if (option !== undefined) return { kind: 'value', option, before: `--${name}=`, typed: value as string };
  const left = scan.isOver ? {} : unused(options, scan.given);
  if (command === null) return { kind: 'command', words: scan.words, options: left };
  return { kind: 'word', options: left, positional: positionalAt(own.length, command) };
}

/** One word, or two. */
function commandIn(words: readonly string[], commands: Commands): string | null {
  const [first = '', second = ''] = scanned(words, COMMON_OPTIONS).words;
  return [`${first} ${second}`, first].find((name) => Object.hasOwn(commands, name)) ?? null;
}

function positionalAt(index: number, { positionals }: Command): Positional | null {
  const all = Object.values(positionals);
  const last = all.at(-1);
  return all[index] ?? (last?.rest === true ? last : null);
}

function unused(options: Options, given: ReadonlyMap<string, unknown>): Options {
  return Object.fromEntries(Object.entries(options).filter(([name, { type }]) => type === 'list' || !given.has(name)));
}

interface Scan {
  readonly given: Map<string, string[]>;
  readonly words: string[];
  /** The option whose value comes next. */
  expects: Option | null;
  /** Behind `--`. */
  isOver: boolean;
}

function scanned(words: readonly string[], options: Options): Scan {
  const scan: Scan = { given: new Map(), words: [], expects: null, isOver: false };
  let expecting: string | null = null;
  const give = (name: string, value: string) => void scan.given.set(name, [...(scan.given.get(name) ?? []), value]);
  for (const word of words) {
    if (expecting !== null) {
      give(expecting, word);
      expecting = null;
    } else if (word === '--' && !scan.isOver) scan.isOver = true;
    else if (scan.isOver || !/^-./.test(word)) scan.words.push(word);
    else {
      const [, spelling = '', value] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const [name, option] = optionNamed(spelling, options) ?? [];
      if (name === undefined) continue;
      // The value of a `maybe` is a word of its own only if it looks like one: what follows is completed as a word.
      if (value === undefined && option?.type !== 'flag' && option?.type !== 'maybe') expecting = name;
      else give(name, value ?? '');
    }
  }
  scan.expects = expecting === null ? null : (options[expecting] as Option);
  return scan;
}

function optionNamed(spelling: string, options: Options): [name: string, option: Option] | undefined {
  return Object.entries(options).find(([name, { aliases = [] }]) => [name, ...aliases].includes(spelling));
}
