/**
 * YAML text to a tree of plain values that know their places. YAML 1.2 with its core schema: a MAC is a text, whatever
 * its digits, and `yes` is no boolean. Aliases are followed. A file that would cost more than it can be worth (size,
 * depth, aliases of aliases) is refused, because the daemon reads it while it works.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
} from 'yaml';
import type { Path, Position } from './problems.js';
import { type Problems, shown } from './problems.js';

/** Bytes. Room for some 25,000 static targets, which take the control thread a second. */
export const FILE_BYTES_MAX = 1 << 20;
/** The library recurses: an unbounded depth would end the process. What a file may say is four deep. */
const DEPTH_MAX = 32;
/** Values, those behind aliases counted each time. */
const VALUES_MAX = 200_000;

export type Value =
  | { readonly kind: 'scalar'; readonly at: Position; readonly scalar: Scalar; readonly source: string }
  | { readonly kind: 'list'; readonly at: Position; readonly items: readonly Value[] }
  | { readonly kind: 'mapping'; readonly at: Position; readonly entries: ReadonlyMap<string, Entry> };

export type Scalar = string | number | boolean | null;

export interface Entry {
  /** Of the key. */
  readonly at: Position;
  readonly value: Value;
}

/** The value of the one document, or null; then, and only then, `problems` has got some. */
export function parseYaml(text: string, problems: Problems): Value | null {
  const lines = new LineCounter();
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (Buffer.byteLength(text) > FILE_BYTES_MAX) {
    problems.add({ line: 1, column: 1 }, [], `is larger than ${FILE_BYTES_MAX} bytes: nothing was read`);
    return null;
  }
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const tooDeep = offsetBeyond(tokens, DEPTH_MAX);
  if (tooDeep !== null) {
    problems.add(place(tooDeep), [], `is nested more than ${DEPTH_MAX} deep: nothing was read`);
    return null;
  }
  // Its own look for duplicate keys compares each with each.
  const composer = new Composer({ version: '1.2', uniqueKeys: false, prettyErrors: false });
  const [document, second] = [...composer.compose(tokens, true, text.length)] as [Document.Parsed, Document.Parsed?];
  const faults = [...document.errors, ...document.warnings];
  for (const { message, pos } of faults) problems.add(place(pos[0]), [], lowerFirst(message.split('\n')[0] as string));
  const { yaml } = document.directives;
  if (yaml.explicit && yaml.version !== '1.2') problems.add(place(0), [], `is YAML ${yaml.version}: expected 1.2`);
  if (second !== undefined) problems.add(place(second.range[0]), [], 'a second document: expected one');
  if (problems.count > 0) return null;
  if (document.contents === null) {
    problems.add(place(0), [], 'is empty: expected overlays and vnics ("overlays: {}" declares nothing)');
    return null;
  }
  const value = new Walk(document, place, problems).value(document.contents, [], 0);
  return problems.count > 0 ? null : value;
}

/** Where a collection stands that is deeper than `most`, or null. Uses no stack of its own making. */
function offsetBeyond(tokens: readonly CST.Token[], most: number): number | null {
  const waiting: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, depth } = next;
    if (depth > most) return token.offset;
    if (token.type === 'document' && token.value) waiting.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      if (key) waiting.push({ token: key, depth: depth + 1 });
      if (value) waiting.push({ token: value, depth: depth + 1 });
    }
  }
  return null;
}

/** The library's nodes to ours. */
class Walk {
  readonly #document: Document.Parsed;
  readonly #place: (offset: number) => Position;
  readonly #problems: Problems;
  #count = 0;

  constructor(document: Document.Parsed, place: (offset: number) => Position, problems: Problems) {
    this.#document = document;
    this.#place = place;
    this.#problems = problems;
  }

  value(node: Node | null, path: Path, offset: number): Value {
    const at = this.#place(node?.range?.[0] ?? offset);
    const nothing: Value = { kind: 'scalar', at, scalar: null, source: '' };
    if (++this.#count === VALUES_MAX + 1)
      this.#problems.add(at, path, `more than ${VALUES_MAX} values, aliases followed`);
    if (this.#count > VALUES_MAX || node === null) return nothing;
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target !== undefined && path.length <= DEPTH_MAX) return this.value(target, path, offset);
      const why = target === undefined ? 'is the alias of no anchor before it' : 'contains itself';
      this.#problems.add(at, path, `*${node.source} ${why}`);
      return nothing;
    }
    if (isMap(node)) return { kind: 'mapping', at, entries: this.#entries(node.items, path) };
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.value(item as Node, [...path, String(index)], offset));
      return { kind: 'list', at, items };
    }
    return { ...nothing, ...scalarOf(node) };
  }

  #entries(items: readonly { key: unknown; value: unknown }[], path: Path): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const { key, value } of items) {
      const node = key as Node | null;
      const offset = node?.range?.[0] ?? 0;
      const at = this.#place(offset);
      const name = isScalar(node) ? textOf(node) : null;
      if (name === null || name === '__proto__') {
        this.#problems.add(at, path, 'a key that is no name');
        continue;
      }
      const first = entries.get(name);
      if (first === undefined)
        entries.set(name, { at, value: this.value(value as Node | null, [...path, name], offset) });
      else this.#problems.add(at, [...path, name], `is there already, on line ${first.at.line}: expected it once`);
    }
    return entries;
  }
}

function scalarOf(node: unknown): { scalar: Scalar; source: string } {
  if (!isScalar(node)) return { scalar: null, source: '' };
  const { value } = node;
  const isPlain = typeof value === 'number' || typeof value === 'boolean' || value === null;
  return { scalar: isPlain ? value : String(value), source: node.source ?? String(value) };
}

/** A key as it was typed: `001` is no number here. */
function textOf(node: unknown): string {
  const { scalar, source } = scalarOf(node);
  return typeof scalar === 'string' ? scalar : source;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** What a value is, for the first half of a message: `is "abc"`, `is a list`. */
export function describe(value: Value | undefined): string {
  if (value === undefined) return 'is missing';
  if (value.kind === 'list') return 'is a list';
  if (value.kind === 'mapping') return 'is a mapping';
  if (value.scalar === null) return 'is empty';
  return typeof value.scalar === 'string' ? `is the text ${shown(value.scalar)}` : `is ${value.source}`;
}

/** Without places, for validation. */
export function plain(value: Value): unknown {
  switch (value.kind) {
    case 'scalar':
      return value.scalar;
    case 'list':
      return value.items.map(plain);
    case 'mapping':
      return Object.fromEntries([...value.entries].map(([name, entry]) => [name, plain(entry.value)]));
  }
}

/** What stands at a path, or undefined. */
export function valueAt(root: Value, path: Path): Value | undefined {
  let value: Value | undefined = root;
  for (const name of path) value = child(value, name);
  return value;
}

/** Where the value at a path stands; where it is missing, what should hold it. */
export function placeOf(root: Value, path: Path): Position {
  return walk(root, path, (_, value) => value.at);
}

/** Where the key of what is at a path stands; where it is missing, the key of what should hold it. */
export function keyPlaceOf(root: Value, path: Path): Position {
  return walk(root, path, (key) => key);
}

function walk(root: Value, path: Path, choose: (key: Position, value: Value) => Position): Position {
  let value = root;
  let key = root.at;
  for (const name of path) {
    const next = child(value, name);
    if (next === undefined) return key;
    key = value.kind === 'mapping' ? (value.entries.get(name)?.at ?? key) : next.at;
    value = next;
  }
  return choose(key, value);
}

function child(value: Value | undefined, name: string): Value | undefined {
  if (value?.kind === 'mapping') return value.entries.get(name)?.value;
  return value?.kind === 'list' ? value.items[Number(name)] : undefined;
}
