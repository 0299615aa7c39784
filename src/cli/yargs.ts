/**
 * The only file that knows yargs: its parser splits a command line into words and options, and it lays out --help.
 * `values.ts` checks what was typed. Help is loaded when asked for, because its layout library costs 100 ms of start.
 */
import parser from 'yargs-parser';
import { flagWithValue, optionWithoutValue, unknownOptions, VxlaneError } from '../errors.js';
import {
  COMMON_OPTIONS,
  type Command,
  dashed,
  EXIT_STATUS,
  notesOf,
  type Option,
  type Options,
  spellings,
  usageOf,
} from './command.js';
import type { Typed } from './values.js';

const CONFIGURATION = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'greedy-arrays': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'strip-aliased': true,
};

const HELP_WIDTH = 100;

/** The command's name (null: none was given), one or two words long, and all else that was typed, in its order. */
export function splitCommand(
  argv: readonly string[],
  isCommand: (name: string) => boolean,
): { name: string | null; rest: string[] } {
  const { words } = parse(COMMON_OPTIONS, argv, { 'halt-at-non-option': true });
  const length = isCommand(words.slice(0, 2).join(' ')) ? 2 : 1;
  const name = words.length === 0 ? null : words.slice(0, length).join(' ');
  return { name, rest: [...argv.slice(0, argv.length - words.length), ...words.slice(length)] };
}

/** Throws a VxlaneError of exit status 2 for an unknown option, or one with a value too few or too many. */
export function parseOptions(command: Command | null, argv: readonly string[]): Typed {
  return parse({ ...COMMON_OPTIONS, ...command?.options }, argv);
}

function parse(table: Options, argv: readonly string[], more: Record<string, boolean> = {}): Typed {
  const of = (...types: Option['type'][]) => Object.keys(table).filter((name) => types.includes(table[name]!.type));
  const flags = of('flag');
  const valued = of('text', 'list', 'integer', 'choice');
  const { argv: parsed, error } = parser.detailed(withoutEaters(table, argv), {
    boolean: flags,
    string: [...valued, ...of('maybe')],
    // A flag eats nothing, or `-t true` would lose a name.
    narg: Object.fromEntries([...flags.map((name) => [name, 0]), ...valued.map((name) => [name, 1])]),
    alias: Object.fromEntries(Object.entries(table).map(([name, { aliases = [] }]) => [name, [...aliases]])),
    configuration: { ...CONFIGURATION, ...more },
  });
  const { _: words, ...options } = parsed;
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(table, name));
  if (unknown.length > 0) throw unknownOptions(unknown.map(dashed));
  if (error !== null) throw explain(error, table);
  return { words: words.map(String), options };
}

/** An option whose value was left out does not eat the word behind it: `--watch overlay0` is `--watch= overlay0`. */
function withoutEaters(table: Options, argv: readonly string[]): string[] {
  return argv.map((word, index) => {
    const option = word.startsWith('--') ? table[word.slice(2)] : undefined;
    return option?.type === 'maybe' && !option.word.test(argv[index + 1] ?? '') ? `${word}=` : word;
  });
}

/** The parser tells failures by English texts only. */
function explain(error: Error, table: Options): VxlaneError {
  const [, text, subject = ''] = /^(.*): (.*)$/.exec(error.message) ?? [];
  const named = Object.entries(table).find(([name, { aliases = [] }]) => [name, ...aliases].includes(subject));
  const label = named === undefined ? dashed(subject) : spellings(...named);
  if (text === 'Not enough arguments following') return optionWithoutValue(label);
  if (text === 'Argument unexpected for') return flagWithValue(label);
  return new VxlaneError('bad_command_line', error.message, { exitCode: 2 });
}

/** Help on one command, or on all when it is null. */
export async function helpText(command: Command | null, commands: readonly Command[]): Promise<string> {
  const { default: yargs } = await import('yargs');
  const help = yargs().scriptName('vxlane').locale('en').wrap(HELP_WIDTH).help(false).version(false);
  if (command === null) {
    help.usage('Usage: vxlane COMMAND [options]\n\nA userspace VXLAN tunnel endpoint for Linux.');
    for (const { name, sentence } of commands) help.command(name, sentence);
    const statuses = Object.entries(EXIT_STATUS).map((each) => each.join(' '));
    help.epilogue(`vxlane COMMAND --help tells more. Exit status: ${statuses.join(', ')}.`);
  } else
    help.usage(`Usage: vxlane ${command.name} ${usageOf(command)}\n\n${command.sentence}`).example(command.example, '');
  for (const [name, option] of Object.entries({ ...command?.options, ...COMMON_OPTIONS })) {
    help.option(name, { alias: option.aliases, description: helpOf(option), type: 'boolean' });
  }
  // yargs writes the type of each option at its line's end; ours all stand as flags there, and their text says more.
  return `${(await help.getHelp()).replaceAll(/\s*\[boolean\]$/gm, '')}\n`;
}

function helpOf(option: Option): string {
  if (option.type === 'flag') return option.help;
  return [`${option.value}: ${option.help}`, ...notesOf(option)].join('; ');
}
