/** What was typed, as text, to the values a command's tables promise; or one line that says what is wrong. */
import {
  argumentMissing,
  argumentUnexpected,
  choiceBad,
  numberBad,
  optionMissing,
  optionTwice,
  optionWithoutValue,
} from '../errors.js';
import { type Command, dashed, type Integer, type Option, SOCKET, spellings } from './command.js';

/** Options by their long names, as texts (true for a flag; a list when given more than once), and the other words. */
export interface Typed {
  readonly options: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
}

/** Every option and positional of the command, and the common `socket`. */
export function argsOf(command: Command, typed: Typed): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const [name, option] of Object.entries({ socket: SOCKET, ...command.options })) {
    args[name] = checked(name, option, typed.options[name]);
  }
  const words = [...typed.words];
  for (const [name, positional] of Object.entries(command.positionals)) {
    args[name] = positional.rest === true ? words.splice(0) : words.shift();
    if (positional.optional === true && args[name] === undefined) continue;
    if (args[name] === undefined || args[name] === '') throw argumentMissing(positional.what);
  }
  if (words.length > 0) throw argumentUnexpected(words[0] as string);
  return args;
}

function checked(name: string, option: Option, typed: unknown): unknown {
  const label = spellings(name, option);
  const given = typed === undefined ? [] : [typed].flat();
  if (given.length > 1 && option.type !== 'list') throw optionTwice(label);
  if (option.type === 'flag') return given.length > 0;
  if (given.includes('') && option.type !== 'maybe') throw optionWithoutValue(label);
  if (option.required === true && given.length === 0) {
    throw optionMissing(option.what, `${dashed(option.aliases?.[0] ?? name)} ${option.value}`);
  }
  if (option.type === 'list') return given;
  const text = given[0] as string | undefined;
  if (text === undefined) return 'default' in option ? option.default : undefined;
  if (option.type === 'integer') return integerOf(option, text);
  if (option.type === 'choice' && !option.choices.includes(text)) throw choiceBad(option.what, text, option.choices);
  return text;
}

/** Decimal digits only: `0x17` and `1e3` are more likely mistakes than meant. */
function integerOf({ what, range: [min, max] }: Integer, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw numberBad(what, text, min, max);
  return value;
}
