/**
 * What an instance says, reduced to what the contract knows, on the instance's side: fields that nobody reads are not
 * carried, texts are cut, lists end. So what is said is small, and data that any channel takes; whether it makes sense
 * is for the host to find (answers.ts).
 */
import { VTEPS_MAX } from './answers.js';
import type { QuestionName } from './messages.js';
import { shown } from './words.js';

/** Longest text that is carried as it is: no address is longer. */
const TEXT_MAX = 256;
/** Of a property: its name, help, default, and values to choose from. */
const PROPERTY_TEXT_MAX = 4096;
/** More than the host takes of anything, so that it can say how many there were. */
const LIST_MAX = 4096;
/** Fields of one property; the host refuses those that it does not know. */
const PROPERTY_FIELDS_MAX = 32;

type Shape =
  | { readonly kind: 'text'; readonly most: number }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'fields'; readonly of: Readonly<Record<string, Shape>> }
  /** Whatever fields there are, each a text or a list of texts. */
  | { readonly kind: 'property' };

const text: Shape = { kind: 'text', most: TEXT_MAX };
const list = (of: Shape): Shape => ({ kind: 'list', of });
const fields = (of: Readonly<Record<string, Shape>>): Shape => ({ kind: 'fields', of });

const TARGET = fields({ ip: text, port: text });
const MOVES = fields({ limit: text, window: text, freeze: text, exempt: list(text) });
const OWNER = fields({ mac: text, router: text });
const NOTHING: Shape = fields({});

const ANSWERS: Readonly<Record<QuestionName, Shape>> = {
  describe: fields({ name: text, mode: text, properties: list({ kind: 'property' }), encapsulations: list(text) }),
  create: list(text),
  start: NOTHING,
  stop: NOTHING,
  reload: NOTHING,
  change: NOTHING,
  leaveEntries: NOTHING,
  moved: NOTHING,
  localAdded: NOTHING,
  localRemoved: NOTHING,
  target: TARGET,
  lookup: fields({ target: TARGET, ttl: text }),
  arp: OWNER,
  ndp: OWNER,
  dhcp: text,
  candidates: list(TARGET),
  entries: fields({ entries: list(fields({ mac: text, target: TARGET, ttl: text })), isLast: text }),
  flood: fields({
    endpoints: list(TARGET),
    unknown: text,
    learn: fields({ ageing: text, max: text, port: text, moves: MOVES }),
    unknownOwners: text,
    here: fields({ ageing: text, max: text }),
    suppress: fields({ ageing: text, max: text }),
  }),
};

/** Throws what a getter or a proxy of the plugin throws. */
export function plainAnswer(question: QuestionName, value: unknown): unknown {
  return plain(value, ANSWERS[question]);
}

export function plainTarget(value: unknown): unknown {
  return plain(value, TARGET);
}

export function plainText(value: unknown): unknown {
  return plain(value, text);
}

/** A longer list than other things may have. */
export function plainVteps(value: unknown): unknown {
  return Array.isArray(value) ? value.slice(0, VTEPS_MAX + 1).map(plainText) : plain(value, text);
}

function plain(value: unknown, shape: Shape): unknown {
  if (value === null || value === undefined) return value;
  if (typeof value !== 'object') return plainWord(value, shape.kind === 'text' ? shape.most : TEXT_MAX);
  switch (shape.kind) {
    case 'text':
      return shown(value);
    case 'list':
      return Array.isArray(value)
        ? value.slice(0, LIST_MAX).map((each: unknown) => plain(each, shape.of))
        : shown(value);
    case 'fields':
      return plainFields(value as Readonly<Record<string, unknown>>, shape.of);
    case 'property':
      return plainProperty(value);
  }
}

/** Numbers, truth values and short texts are as they are; of anything else, what it looks like. */
function plainWord(value: unknown, most: number): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return typeof value === 'string' && value.length <= most ? value : shown(value);
}

function plainFields(value: Readonly<Record<string, unknown>>, of: Readonly<Record<string, Shape>>): object {
  const copy: Record<string, unknown> = {};
  for (const name in of) {
    const field = value[name];
    if (field !== undefined) copy[name] = plain(field, of[name] as Shape);
  }
  return copy;
}

function plainProperty(value: object): object {
  const long: Shape = { kind: 'text', most: PROPERTY_TEXT_MAX };
  const all = Object.entries(value).slice(0, PROPERTY_FIELDS_MAX);
  return Object.fromEntries(
    all.map(([name, field]) => [shown(name), plain(field, Array.isArray(field) ? list(long) : long)]),
  );
}
