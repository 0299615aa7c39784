/**
 * Walks the JSON of a `files` table and hands over one entry at a time, so that a large file never becomes a tree.
 * Strict JSON: no comments, no trailing commas. Keys that JSON.parse would silently merge are seen here.
 */
import { type JSONVisitor, printParseErrorCode, visit } from 'jsonc-parser';
import type { Report } from './report.js';

/** Stands for an object or a list where none may be. */
export const OBJECT = Symbol('an object');
export const LIST = Symbol('a list');

export type Scalar = string | number | boolean | null;
export type ListItem = Scalar | typeof OBJECT | typeof LIST;
export type FieldValue = ListItem | readonly ListItem[];

export interface EntrySink {
  /** `fields` is valid during the call only. */
  entry(key: string, fields: ReadonlyMap<string, FieldValue>): void;
  /** A value of the root object that is no object. */
  notAnEntry(key: string, type: string): void;
  /** A key that stands twice in one entry; the first value is kept. */
  repeatedField(key: string, field: string): void;
}

/** Where the parts of the entry that is being walked stand in the text; kept only when somebody asks. */
export class Places {
  /** Of the key or value that was met last. */
  here = '';
  /** By path below the entry, as `.arp[1]`; the key of the entry itself is ''. */
  readonly #parts = new Map<string, string>();

  /** `line L, column C`, counted from 1; where the entry begins for what is missing in it. */
  of(path: string): string {
    return this.#parts.get(path) ?? this.#parts.get('') ?? this.here;
  }

  /** `line` and `column` are counted from 0, as jsonc-parser does. */
  meet(line: number, column: number): void {
    this.here = placeOf(line, column);
  }

  /** What was met last is the key of the next entry. */
  begin(): void {
    this.#parts.clear();
    this.#parts.set('', this.here);
  }

  /** What was met last is the value of this path. */
  found(path: string): void {
    this.#parts.set(path, this.here);
  }
}

function placeOf(line: number, column: number): string {
  return `line ${line + 1}, column ${column + 1}`;
}

const DEPTH_MAX = 64;
const SYNTAX_TEXT: Readonly<Record<string, string>> = {
  InvalidSymbol: 'not JSON here',
  InvalidNumberFormat: 'not a JSON number',
  PropertyNameExpected: 'expected a key in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected ":"',
  CommaExpected: 'expected ","',
  CloseBraceExpected: 'expected "}"',
  CloseBracketExpected: 'expected "]"',
  EndOfFileExpected: 'expected the end of the file',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfComment: 'JSON has no comments',
  UnexpectedEndOfString: 'a string is not closed',
  UnexpectedEndOfNumber: 'a number is cut off',
  InvalidUnicode: 'bad \\u escape in a string',
  InvalidEscapeCharacter: 'bad escape in a string',
  InvalidCharacter: 'control character in a string',
};

/** JSON's name of what a value is. */
export function typeName(value: FieldValue): string {
  if (typeof value === 'symbol') return value.description as string;
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

/** Syntax errors go to `syntax`, one a line of the file, with line and column counted from 1. */
export function walkEntries(text: string, sink: EntrySink, syntax: Report, places: Places | null = null): void {
  walk(text, new Walker(sink, syntax, places), syntax);
}

/** The same for a text that is the value of `key` alone. */
export function walkEntry(key: string, text: string, sink: EntrySink, syntax: Report): void {
  walk(text, new Walker(sink, syntax, null, key), syntax);
}

function walk(text: string, walker: Walker, syntax: Report): void {
  try {
    visit(text, walker, { disallowComments: true, allowTrailingComma: false });
  } catch (thrown) {
    if (!(thrown instanceof TooDeep)) throw thrown;
    syntax.add(thrown.message);
  }
}

/** Ends the walk: jsonc-parser recurses, so depth must be bounded. */
class TooDeep extends Error {}

/** Depth 0 is around the root, 1 inside it (keys are MACs), 2 inside an entry (keys are fields), 3 inside a field. */
class Walker implements JSONVisitor {
  readonly #sink: EntrySink;
  readonly #syntax: Report;
  readonly #places: Places | null;
  /** A new one for each entry: V8 chains the tables of a Map that is cleared, and garbage then outlives its time. */
  #fields = new Map<string, FieldValue>();
  #depth = 0;
  #key = '';
  #field = '';
  #repeated = false;
  #list: ListItem[] | null = null;
  #errorLine = -1;

  /** `key`: the text is this entry's value, not the root. */
  constructor(sink: EntrySink, syntax: Report, places: Places | null, key?: string) {
    this.#sink = sink;
    this.#syntax = syntax;
    this.#places = places;
    if (key === undefined) return;
    this.#key = key;
    this.#depth = 1;
  }

  onObjectBegin = (_offset: number, _length: number, line: number, column: number): void => {
    this.#places?.meet(line, column);
    if (this.#depth === 1) this.#fields = new Map();
    else if (this.#depth > 1) this.#value(OBJECT);
    this.#enter(line, column);
  };

  onObjectEnd = (): void => {
    this.#depth--;
    if (this.#depth === 1) this.#sink.entry(this.#key, this.#fields);
  };

  onArrayBegin = (_offset: number, _length: number, line: number, column: number): void => {
    this.#places?.meet(line, column);
    if (this.#depth === 2) {
      const list: ListItem[] = [];
      this.#value(list);
      this.#list = list;
    } else this.#value(LIST);
    this.#enter(line, column);
  };

  onArrayEnd = (): void => {
    this.#depth--;
    if (this.#depth === 2) this.#list = null;
  };

  onObjectProperty = (name: string, _offset: number, _length: number, line: number, column: number): void => {
    this.#places?.meet(line, column);
    if (this.#depth === 1) {
      this.#key = name;
      this.#places?.begin();
    }
    if (this.#depth !== 2) return;
    this.#field = name;
    this.#repeated = this.#fields.has(name);
    if (this.#repeated) this.#sink.repeatedField(this.#key, name);
  };

  onLiteralValue = (value: Scalar, _offset: number, _length: number, line: number, column: number): void => {
    this.#places?.meet(line, column);
    this.#value(value);
  };

  onError = (error: number, _offset: number, _length: number, line: number, column: number): void => {
    if (line === this.#errorLine) return; // one slip makes several errors
    this.#errorLine = line;
    const name = printParseErrorCode(error);
    this.#syntax.add(`${placeOf(line, column)}: ${SYNTAX_TEXT[name] ?? name}`);
  };

  #value(value: FieldValue): void {
    if (this.#depth === 0) this.#syntax.add(`expected a JSON object of MAC addresses, not ${typeName(value)}`);
    else if (this.#depth === 1) this.#sink.notAnEntry(this.#key, typeName(value));
    else if (this.#depth === 2 && !this.#repeated) {
      this.#fields.set(this.#field, value);
      this.#places?.found(`.${this.#field}`);
    } else if (this.#depth === 3 && this.#list !== null) {
      this.#places?.found(`.${this.#field}[${this.#list.length}]`);
      this.#list.push(value as ListItem);
    }
  }

  #enter(line: number, column: number): void {
    this.#depth++;
    if (this.#depth > DEPTH_MAX) {
      throw new TooDeep(`${placeOf(line, column)}: nested deeper than ${DEPTH_MAX}`);
    }
  }
}
