/**
 * A command is data: its name, one sentence, what it takes and what it does. `yargs.ts` turns the data into a parser.
 */
import type { Client } from '../control/client.js';
import type { Tint } from '../table.js';

/** What a value is, so that a shell can complete it: names that the daemon has, or words that are always the same. */
export type Completes = 'overlay' | 'vnic' | 'object' | 'plugin' | 'property' | 'netns' | 'file' | readonly string[];

interface OptionBase {
  /** Other spellings: one letter is `-x`, more are `--xyz`. The first letter is shown in messages. */
  readonly aliases?: readonly string[];
  /** One line for --help. */
  readonly help: string;
}

interface ValueOption extends OptionBase {
  /** In words, for messages: `vnetid`, `search plugin`. */
  readonly what: string;
  /** What stands for the value in help and messages: `VNID`. */
  readonly value: string;
  readonly completes?: Completes;
  readonly required?: boolean;
}

export type Flag = OptionBase & { readonly type: 'flag' };
export type Text = ValueOption & { readonly type: 'text'; readonly default?: string };
/** May be given any number of times. */
export type List = ValueOption & { readonly type: 'list' };
/** `--watch`, `--watch 2` and `--watch=2`: the value may be left out, and is then ''. */
export type Maybe = ValueOption & {
  readonly type: 'maybe';
  /** Only a word like this, behind a space, is the value; behind `=` everything is. */
  readonly word: RegExp;
};
export type Integer = ValueOption & {
  readonly type: 'integer';
  /** Inclusive. */
  readonly range: readonly [min: number, max: number];
  readonly default?: number;
};
export type Choice = ValueOption & {
  readonly type: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
};
export type Option = Flag | Text | List | Maybe | Integer | Choice;
/** By long name. */
export type Options = Readonly<Record<string, Option>>;

export interface Positional {
  /** What stands for it in help: `NAME`. */
  readonly label: string;
  /** In words, for messages: `overlay name`. */
  readonly what: string;
  readonly completes?: Completes;
  /** Takes all the rest, also none; only the last may. */
  readonly rest?: true;
  /** May be left out; only the last may. */
  readonly optional?: true;
}
export type Positionals = Readonly<Record<string, Positional>>;

type Presence<O, T> = O extends { required: true } | { default: unknown } ? T : T | undefined;

type ValueOf<O extends Option> = O extends Flag
  ? boolean
  : O extends List
    ? string[]
    : O extends Integer
      ? Presence<O, number>
      : Presence<O, string>;

/** What a handler gets: every option and positional by its name, checked. */
export type Args<O extends Options, P extends Positionals> = {
  readonly [K in keyof O]: ValueOf<O[K]>;
} & {
  readonly [K in keyof P]: P[K] extends { rest: true }
    ? string[]
    : P[K] extends { optional: true }
      ? string | undefined
      : string;
};

/** What the exit status tells a script. */
export const EXIT_STATUS = {
  0: 'well',
  1: 'refused',
  2: 'usage',
  3: 'the answer is bad',
  4: 'no daemon',
} as const;

/** Exit status: the question was answered, and the answer is bad, so that a script need not read it. */
export const BAD_ANSWER = 3;

/** What a command works with. */
export interface Context {
  /** To stdout, as it is. */
  print(text: string): void;
  /** One problem, one line on stderr; with --json an object as the control API has it. */
  complain(message: string, code?: string): void;
  /** Colours a text when the terminal wants colours. */
  paint(tint: Tint, text: string): string;
  /** stdout is a terminal. */
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the control socket. */
  readonly socket: string;
  readonly client: Client;
  /** All there are, in the order of --help. */
  readonly commands: Readonly<Record<string, () => Promise<Command>>>;
}

interface CommandOf<O extends Options, P extends Positionals> {
  /** One word, or two: `etcd import`. */
  readonly name: string;
  /** One sentence for --help. */
  readonly sentence: string;
  readonly options: O;
  readonly positionals: P;
  readonly example: string;
  /**
   * Answers the exit status: 0 well, 1 refused, {@link BAD_ANSWER}. A VxlaneError is printed as one line and gives its
   * own. docs/cli.md has the table.
   */
  run(args: Args<O, P>, context: Context): Promise<number>;
}

/** A command whose argument types are forgotten: {@link defineCommand} checked them. */
export type Command = CommandOf<Options, Positionals>;

/** Infers the types of a handler's arguments from the tables beside it. */
export function defineCommand<const O extends Options, const P extends Positionals>(command: CommandOf<O, P>): Command {
  return command as unknown as Command;
}

/** For every command that talks to a daemon. */
export const SOCKET: Option = {
  type: 'text',
  what: 'socket',
  value: 'PATH',
  completes: 'file',
  help: 'control socket of the daemon (or VXLANE_SOCKET; default /run/vxlane/vxlane.sock)',
};

/** Of every command. */
export const COMMON_OPTIONS: Options = {
  socket: SOCKET,
  help: { type: 'flag', aliases: ['h'], help: 'show help' },
  version: { type: 'flag', help: 'show the version' },
};

/** For every command that prints. */
export const JSON_FLAG = { type: 'flag', help: 'print JSON' } as const satisfies Option;

/** Repeatable and comma-separated; see properties.ts. */
export const PROPERTIES = {
  type: 'list',
  aliases: ['p'],
  what: 'property',
  value: 'NAME=VALUE',
  completes: 'property',
  help: 'set a property; repeatable, or several with commas between',
} as const satisfies Option;

/** `-v/--vnetid`: every spelling of an option, for messages. */
export function spellings(name: string, option: Option): string {
  return [...(option.aliases ?? []), name].map(dashed).join('/');
}

/** `-v` or `--vnetid`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** What there is to say of an option's value beside its help: bounds, choices, default. */
export function notesOf(option: Option): string[] {
  if (option.type === 'flag') return [];
  const notes: string[] = [];
  if (option.type === 'integer') notes.push(`${option.range[0]}..${option.range[1]}`);
  if (option.type === 'choice') notes.push(option.choices.join('|'));
  if ('default' in option && option.default !== undefined) notes.push(`default ${option.default}`);
  if (option.required === true) notes.push('required');
  return notes;
}

/** What stands behind the command's name: `[options] NAME`. */
export function usageOf({ positionals }: Command): string {
  const labels = Object.values(positionals).map(({ label, rest, optional }) => {
    if (rest === true) return `[${label}...]`;
    return optional === true ? `[${label}]` : label;
  });
  return ['[options]', ...labels].join(' ');
}
