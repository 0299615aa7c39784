/** What a plugin says, as text that may be repeated to the operator. */
import { inspect } from 'node:util';

/** Longest text of a plugin that is repeated. */
const SHOWN_MAX = 200;
/** Longest JSON of what a plugin logs beside its text. */
const FIELDS_MAX = 2000;
/** Of a text that may be a gigabyte, no more is looked at. */
const LOOKED_AT_MAX = 4 * SHOWN_MAX;

/** Anything as short text on one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  const line = text.slice(0, LOOKED_AT_MAX).replace(/\s+/g, ' ').trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line;
}

/** The fields of a line of log as JSON has them, errors by their message; what is too long or no JSON is one text. */
export function shownFields(fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null) return undefined;
  try {
    const json = JSON.stringify(fields, (_, value) => (value instanceof Error ? wordsOf(value) : value));
    if (json.length <= FIELDS_MAX && json.startsWith('{')) return JSON.parse(json);
  } catch {} // a circle, a BigInt
  return { fields: wordsOf(fields) };
}

/** Whatever a plugin threw, as {@link shown}. */
export function wordsOf(thrown: unknown): string {
  return shown(thrown instanceof Error ? thrown.message : thrown);
}
