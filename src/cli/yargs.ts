/** The only file that knows yargs. It splits a command line into words and options and prints help; `values.ts` checks. */
import yargs, { type Argv } from 'yargs';
import { flagWithValue, optionWithoutValue, unknownCommand, unknownOptions, VxlaneError } from '../errors.js';
import { type Command, dashed, type Option, type Options, SOCKET, spellings } from './command.js';
import type { Typed } from './values.js';
import { version } from './version.js';

/** Either a text to print, or a command to run. */
export type Parsed = { readonly text: string } | { readonly command: Command; readonly typed: Typed };

const PARSER = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'greedy-arrays': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'strip-aliased': true,
};

/** yargs tells failures as texts only, so its texts are made easy to take apart: a word, a line break, the subject. */
const MARKS = {
  'Not enough arguments following: %s': 'needs-value\n%s',
  'Argument unexpected for: %s': 'takes-none\n%s',
  'Unknown argument: %s': { one: 'unknown\n%s', other: 'unknown\n%s' },
};

/** Throws a VxlaneError of exit status 2 for an unknown command or option, or an option without its value. */
export function parseCommandLine(commands: readonly Command[], argv: readonly string[]): Parsed {
  const { error, words, options, output } = parse(commands, argv);
  const [name, ...rest] = words;
  const command = commands.find((candidate) => candidate.name === name);
  if (name !== undefined && command === undefined) throw unknownCommand(name);
  if (error !== null) throw explain(error, { socket: SOCKET, ...command?.options });
  if (output !== '') return { text: `${output}\n` };
  if (command === undefined) return { text: `${parse(commands, ['--help']).output}\n` };
  return { command, typed: { options, words: rest } };
}

interface Split {
  error: Error | null;
  words: string[];
  options: Record<string, unknown>;
  output: string;
}

function parse(commands: readonly Command[], argv: readonly string[]): Split {
  const split: Split = { error: null, words: [], options: {}, output: '' };
  build(commands).parse([...argv], {}, (error: unknown, args: Record<string, unknown>, output: string) => {
    const { _, $0, ...options } = args;
    split.error = error instanceof Error ? error : null;
    split.words = (_ as (string | number)[]).map(String);
    split.options = options;
    split.output = split.error === null ? output : '';
  });
  return split;
}

function build(commands: readonly Command[]): Argv {
  const parser = yargs()
    .scriptName('vxlane')
    .usage('Usage: vxlane COMMAND [options]\n\nA userspace VXLAN tunnel endpoint for Linux.')
    .parserConfiguration(PARSER)
    .updateStrings(MARKS as never)
    .wrap(100)
    .version(version())
    .help()
    .alias('help', 'h')
    .strictOptions()
    .showHelpOnFail(false)
    .exitProcess(false);
  addOption(parser, 'socket', SOCKET);
  for (const command of commands) {
    parser.command(command.name, command.sentence, (own) => {
      own.usage(usageOf(command)).version(false).example(command.example, '');
      for (const [name, option] of Object.entries(command.options)) addOption(own, name, option);
      return own;
    });
  }
  return parser;
}

function addOption(parser: Argv, name: string, option: Option): void {
  const common = { alias: option.aliases, description: helpOf(option) };
  if (option.type === 'flag') parser.option(name, { ...common, type: 'boolean', nargs: 0 });
  else if (option.type === 'maybe') parser.option(name, { ...common, type: 'string' });
  else parser.option(name, { ...common, type: 'string', nargs: 1 });
}

function helpOf(option: Option): string {
  if (option.type === 'flag') return option.help;
  const notes = [`${option.value}: ${option.help}`];
  if (option.type === 'integer') notes.push(`${option.range[0]}..${option.range[1]}`);
  if (option.type === 'choice') notes.push(option.choices.join('|'));
  if ('default' in option && option.default !== undefined) notes.push(`default ${option.default}`);
  if (option.required === true) notes.push('required');
  return notes.join('; ');
}

function usageOf({ name, sentence, positionals }: Command): string {
  const labels = Object.values(positionals).map(({ label, rest }) => (rest === true ? `[${label}...]` : label));
  return `Usage: ${['vxlane', name, '[options]', ...labels].join(' ')}\n\n${sentence}`;
}

function explain(error: Error, options: Options): VxlaneError {
  const [mark, subject] = error.message.split('\n', 2) as [string, string];
  if (mark === 'unknown') return unknownOptions(subject.split(', ').map(dashed));
  const named = Object.entries(options).find(([name, { aliases }]) => [name, ...(aliases ?? [])].includes(subject));
  const label = named === undefined ? dashed(subject) : spellings(...named);
  if (mark === 'needs-value') return optionWithoutValue(label);
  if (mark === 'takes-none') return flagWithValue(label);
  return new VxlaneError('bad_command_line', error.message, { exitCode: 2 });
}
