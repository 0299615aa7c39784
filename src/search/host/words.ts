/** What a plugin says, as text that may be repeated to the operator. */
import { inspect } from 'node:util';

/** Longest text of a plugin that is repeated. */
const SHOWN_MAX = 200;

/** Anything as short text on one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line;
}

/** Whatever a plugin threw, as {@link shown}. */
export function wordsOf(thrown: unknown): string {
  return shown(thrown instanceof Error ? thrown.message : thrown);
}
