/**
 * Takes secrets out of what is packed. Where a table of properties says what a value is, that decides: those of the
 * built-in plugins, and of others what the daemon shows. Of a property that nobody knows, what was typed is hidden.
 * Then each secret is looked for in every text, in each way that it may be written there, together with what looks like
 * a secret by itself (src/secrets.ts).
 */
import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type Node, parseDocument, visit } from 'yaml';
import { parseEndpoint } from '../address.js';
import { OVERLAY_PROPERTIES } from '../overlay-properties/overlay-properties.js';
import { plugins } from '../search/registry.js';
import { isSecretName, SECRET_TEXT, withoutSecretLooks } from '../secrets.js';

/** A shorter one is taken out where it is a value, and not wherever its few letters come again. */
export const SEARCHED_LENGTH_MIN = 4;
/** Texts inside JSON inside JSON, as errors in events in facts. */
const NESTING_MAX = 4;
/** The state's checksums are of the values as they are: who has one can try guesses. */
const CHECKSUM = 'checksum';

const PLAIN_PROPERTIES: ReadonlySet<string> = new Set(
  [...OVERLAY_PROPERTIES, ...[...plugins.values()].flatMap(({ properties }) => properties)]
    .filter(({ type }) => type !== 'secret')
    .map(({ name }) => name),
);

export class Redactor {
  readonly #values = new Set<string>();
  readonly #plain = new Set(PLAIN_PROPERTIES);
  readonly #secret = new Set<string>();
  #forms: RegExp | null = null;
  #removed = 0;

  /** What a property is, as whoever knows its plugin shows it. Before all else. */
  declare(name: string, isSecret: boolean): void {
    if (isSecret) this.#secret.add(name);
    else if (!isSecretName(name)) this.#plain.add(name);
  }

  /** From now on it is taken out wherever it stands. */
  learn(value: string): void {
    if (value.length < SEARCHED_LENGTH_MIN || value === SECRET_TEXT) return;
    this.#values.add(value);
    this.#forms = null;
  }

  /** How many were taken out so far. */
  get removed(): number {
    return this.#removed;
  }

  /** Of any text, to be asked when all has been learnt. */
  text(text: string): string {
    this.#forms ??= this.#formsOfAll();
    const searched = text.replace(this.#forms, () => {
      this.#removed += 1;
      return SECRET_TEXT;
    });
    const looked = withoutSecretLooks(searched);
    this.#removed += looked.removed;
    return looked.text;
  }

  /** A copy of a value of JSON. `isTyped`: what was typed, and not what the daemon shows of it. */
  object(value: unknown, isTyped: boolean): unknown {
    if (typeof value === 'string') this.#learnUserinfo(value);
    if (Array.isArray(value)) return value.map((each) => this.object(each, isTyped));
    if (typeof value !== 'object' || value === null) return value;
    const shown = value as Record<string, unknown>;
    // As the API has a property.
    if (typeof shown.name === 'string' && 'value' in shown && isSecretName(shown.name)) {
      return { ...shown, value: this.#hide(shown.name, shown.value) };
    }
    return Object.fromEntries(
      Object.entries(shown).map(([key, each]) => [key, this.#member(key, each, isTyped)] as const),
    );
  }

  #member(key: string, value: unknown, isTyped: boolean): unknown {
    if (key === CHECKSUM && isTyped) return SECRET_TEXT;
    if (key === 'properties' && isTyped && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, each]) => [
          name,
          this.#plain.has(name) ? this.object(each, true) : this.#hide(name, each),
        ]),
      );
    }
    const isOne = isSecretName(key) && !this.#plain.has(key) && typeof value !== 'object';
    return isOne ? this.#hide(key, value) : this.object(value, isTyped);
  }

  #hide(name: string, value: unknown): unknown {
    if (value === null || typeof value === 'boolean') return value;
    this.#removed += 1;
    if (typeof value === 'object') return SECRET_TEXT;
    const text = String(value);
    // Of what nobody knows to be a secret, an ordinary word may not blacken every page.
    if (this.#secret.has(name) || isSecretName(name) || !isOrdinary(text)) this.learn(text);
    this.#learnUserinfo(text);
    return SECRET_TEXT;
  }

  /** Who gives a password in a URL may write the password alone into a log. */
  #learnUserinfo(text: string): void {
    for (const [, userinfo] of text.matchAll(/[a-z][a-z0-9+.-]*:\/\/([^\s/?#]+)@/gi)) {
      const password = /:(.+)/.exec(userinfo!)?.[1];
      if (password === undefined) continue;
      this.learn(password);
      this.learn(decoded(password));
    }
  }

  /** As it was typed, comments and layout too. Throws when it is no YAML, and has then learnt what it could. */
  yaml(text: string): string {
    const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' });
    const hidden: Node[] = [];
    const hide = (name: string, node: Node): void => {
      if (isAlias(node)) meant(node, (each) => hide(name, each));
      else if (isScalar(node)) this.#hide(name, node.value);
      else if (isSeq(node)) for (const each of node.items) if (isAlias(each)) hide(name, each);
      const isNothing = isAlias(node) || (isScalar(node) && (node.value === null || typeof node.value === 'boolean'));
      if (!isNothing) hidden.push(node);
    };
    const meant = (alias: Alias, then: (node: Node) => void): void => {
      const node = alias.resolve(document);
      if (node !== undefined) then(node);
    };
    const hideProperties = (node: Node): void => {
      if (!isMap(node)) return;
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : '';
        if (isNode(value) && !this.#plain.has(name)) hide(name, value);
      }
    };
    visit(document, {
      Pair: (_, { key, value }) => {
        const name = isScalar(key) ? String(key.value) : '';
        if (!isNode(value)) return;
        if (name === 'properties') isAlias(value) ? meant(value, hideProperties) : hideProperties(value);
        else if (isSecretName(name) && !this.#plain.has(name)) hide(name, value);
      },
      Scalar: (_, { value }) => {
        if (typeof value === 'string') this.#learnUserinfo(value);
      },
    });
    // Not before: what could be read of it is a secret elsewhere, too.
    if (document.errors[0] !== undefined) throw new Error(document.errors[0].message.split('\n')[0]);
    return without(
      text,
      hidden.map(({ range }) => range!),
    );
  }

  #formsOfAll(): RegExp {
    const forms = new Set([...this.#values].flatMap(formsOf));
    const longestFirst = [...forms].sort((a, b) => b.length - a.length);
    return longestFirst.length === 0 ? /(?!)/g : new RegExp(longestFirst.map(escaped).join('|'), 'g');
  }
}

/** Without what is from `start` to `end` in each of the ranges; one inside another goes with it. */
function without(text: string, ranges: readonly (readonly [start: number, end: number, ...rest: number[]])[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
    if (end <= at) continue;
    const newline = text[end - 1] === '\n' ? '\n' : '';
    if (start >= at) parts.push(text.slice(at, start), `"${SECRET_TEXT}"${newline}`);
    at = end;
  }
  return parts.join('') + text.slice(at);
}

/** As a text may have it: plain, in JSON, in JSON in JSON, in a URL, in an HTTP header. */
function formsOf(value: string): string[] {
  const forms = [value, encodeURIComponent(value.toWellFormed()), Buffer.from(value).toString('base64')];
  for (let text = value, depth = 0; depth < NESTING_MAX; depth++) {
    text = JSON.stringify(text).slice(1, -1);
    forms.push(text);
  }
  return forms;
}

/** A number, a short word, an address, a path: text that stands elsewhere for reasons of its own. */
function isOrdinary(text: string): boolean {
  return /^(\d+|[a-z]{1,7}|\/.*)$/.test(text) || parseEndpoint(text) !== null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
