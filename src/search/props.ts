/**
 * Properties: text as typed to values, by the declarative tables of the host and the plugins. Everything that is wrong
 * with one command is said at once.
 *
 * Booleans are strings with `values: ['true', 'false']`.
 */
import { parseIp } from '../address.js';
import { badProperties } from '../errors.js';
import { nearestNames } from '../nearest-names.js';
import { SECRET_TEXT } from '../secrets.js';
import type { PropertySpec, PropertyValue } from './api.js';

/** A string may be this long, in bytes of UTF-8, unless its property says otherwise. */
export const STRING_BYTES_MAX = 256;

const DECIMAL = { int: /^-?(0|[1-9]\d*)$/, uint: /^(0|[1-9]\d*)$/ } as const;

type Values = Record<string, PropertyValue>;

/** What is wrong with one property. */
export interface PropertyProblem {
  readonly name: string;
  /** Names the property too. */
  readonly text: string;
}

/**
 * The values of a new object: `given` as typed, defaults filled in, properties without either left out. Throws one
 * VxlaneError that names every unknown, missing and wrong property.
 */
export function parseProperties(specs: readonly PropertySpec[], given: Readonly<Record<string, string>>): Values {
  const { values, problems } = checkProperties(specs, given);
  if (problems.length > 0) throw badProperties(problems.map(({ text }) => text));
  return values;
}

/** {@link parseProperties} that does not throw: the problems, one by one. */
export function checkProperties(specs: readonly PropertySpec[], given: Readonly<Record<string, string>>) {
  const problems: PropertyProblem[] = [];
  const values = parseGiven(specs, given, problems);
  for (const { name, default: value, required, help } of specs) {
    if (Object.hasOwn(given, name)) continue;
    if (value !== undefined) values[name] = value;
    else if (required) problems.push({ name, text: `${name} is required: ${help}` });
  }
  return { values, problems };
}

/** The values of a change to a running object: only what is given, and only what may change. */
export function parseChanges(specs: readonly PropertySpec[], given: Readonly<Record<string, string>>): Values {
  const problems: PropertyProblem[] = [];
  const values = parseGiven(specs, given, problems);
  for (const name of Object.keys(values)) {
    const spec = specs.find((each) => each.name === name);
    if (spec?.mutable !== true) problems.push({ name, text: `${name} cannot change while the overlay exists` });
  }
  if (problems.length > 0) throw badProperties(problems.map(({ text }) => text));
  return values;
}

/** Why no value could be right by this entry of a table, or its default is not; null when all is well. */
export function specProblem(spec: PropertySpec): string | null {
  const { name, type, range, values } = spec;
  const isNumber = type === 'int' || type === 'uint';
  if (range !== undefined && !isNumber) return `${name} has a range, but is of type ${type}`;
  if (range !== undefined && range[0] > range[1]) return `the range of ${name} is empty: ${range.join('-')}`;
  if (values !== undefined && type !== 'string' && !isNumber) return `${name} has values, but is of type ${type}`;
  if (spec.default === undefined) return null;
  if (spec.required) return `${name} is required and has a default: expected one of both`;
  const parsed = parseValue(spec, String(spec.default));
  if ('problem' in parsed) return `the default of ${parsed.problem}`;
  if (parsed.value === spec.default) return null;
  return `the default of ${name} is ${JSON.stringify(spec.default)}: expected ${JSON.stringify(parsed.value)}`;
}

/** A value as users see it; a secret never shows. null: not set. */
export function formatValue(spec: PropertySpec, value: PropertyValue | undefined): string | null {
  if (value === undefined) return null;
  return spec.type === 'secret' ? SECRET_TEXT : String(value);
}

/** The default as users see it, or null. */
export function defaultText(spec: PropertySpec): string | null {
  return formatValue(spec, spec.default);
}

/** `576-8900`, `pass,strip,discard`, `off,1-60`, or empty when only the type bounds the value. */
export function possibleText({ values = [], range }: PropertySpec): string {
  return [...values, ...(range === undefined ? [] : [`${range[0]}-${range[1]}`])].join(',');
}

function parseGiven(
  specs: readonly PropertySpec[],
  given: Readonly<Record<string, string>>,
  problems: PropertyProblem[],
): Values {
  const values: Values = {};
  for (const [name, text] of Object.entries(given)) {
    const spec = specs.find((each) => each.name === name);
    if (spec === undefined) {
      problems.push({ name, text: unknownText(name, specs) });
      continue;
    }
    const parsed = parseValue(spec, text);
    if ('problem' in parsed) problems.push({ name, text: parsed.problem });
    else values[name] = parsed.value;
  }
  return values;
}

type Parsed = { readonly value: PropertyValue } | { readonly problem: string };

function parseValue(spec: PropertySpec, text: string): Parsed {
  switch (spec.type) {
    case 'int':
    case 'uint':
      return parseNumber(spec, text, DECIMAL[spec.type]);
    case 'ip': {
      const ip = parseIp(text);
      return ip === null ? wrong(spec, text, 'an IPv4 or IPv6 address') : { value: ip };
    }
    case 'string':
    case 'secret':
      return parseString(spec, text);
  }
}

function parseNumber(spec: PropertySpec, text: string, syntax: RegExp): Parsed {
  const [low, high] = spec.range ?? [spec.type === 'uint' ? 0 : Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  if (spec.values?.includes(text)) return { value: text };
  const value = Number(text);
  if (syntax.test(text) && value >= low && value <= high) return { value: value + 0 };
  const range = spec.range === undefined ? '' : ` from ${low} to ${high}`;
  const words = spec.values === undefined ? '' : `${spec.values.join(', ')} or `;
  return wrong(spec, text, `${words}a decimal whole number${range}`);
}

function parseString(spec: PropertySpec, text: string): Parsed {
  if (spec.values !== undefined) {
    return spec.values.includes(text) ? { value: text } : wrong(spec, text, `one of ${spec.values.join(', ')}`);
  }
  const size = Buffer.byteLength(text);
  const most = spec.maxBytes ?? STRING_BYTES_MAX;
  if (size < 1 || size > most) return { problem: `${spec.name} has ${size} bytes: expected 1 to ${most}` };
  if (/\p{Cc}/u.test(text)) return wrong(spec, text, 'text without control characters');
  return { value: text };
}

function wrong(spec: PropertySpec, text: string, expected: string): Parsed {
  const shown = spec.type === 'secret' ? SECRET_TEXT : JSON.stringify(clip(text));
  return { problem: `${spec.name} is ${shown}: expected ${expected}` };
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function unknownText(name: string, specs: readonly PropertySpec[]): string {
  const shown = JSON.stringify(clip(name));
  const near = nearestNames(
    name,
    specs.map((spec) => spec.name),
  );
  if (near.length > 0) return `unknown property ${shown}: did you mean ${near.join(' or ')}?`;
  return `unknown property ${shown}: known are ${specs.map((spec) => spec.name).join(', ')}`;
}
