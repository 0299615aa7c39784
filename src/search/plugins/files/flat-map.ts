/**
 * Hash tables over typed arrays, key to non-negative number: what a million entries need to load in seconds, in tens of
 * megabytes, and without work for the garbage collector. Open addressing, linear probing, no removal; at most 5/8 full.
 */

/** The read side, shaped like a Map. */
export interface ReadonlyIndex<Key> extends Iterable<[Key, number]> {
  readonly size: number;
  get(key: Key): number | undefined;
  has(key: Key): boolean;
}

/** A map as plain data. */
export interface PackedMap {
  readonly slots: Uint32Array<ArrayBuffer>;
  readonly size: number;
}

const SLOTS_MIN = 16;
const VALUE_WORDS = 2;

/**
 * A slot is the words of its key and two of its value plus one, high then low: a key and its value lie side by side,
 * and zeroed memory is free slots.
 */
export abstract class FlatMap<Key> implements ReadonlyIndex<Key> {
  /** 32-bit words of a key. */
  readonly #width: number;
  /** The key that is looked for. */
  readonly #wanted: Uint32Array;
  #slots: Uint32Array<ArrayBuffer>;
  /** Number of slots - 1, slots a power of two. */
  #mask = SLOTS_MIN - 1;
  #size = 0;

  constructor(width: number) {
    this.#width = width;
    this.#wanted = new Uint32Array(width);
    this.#slots = new Uint32Array(SLOTS_MIN * (width + VALUE_WORDS));
  }

  get size(): number {
    return this.#size;
  }

  /** All there is of it, to be handed to another thread; the map itself must not be used any more. */
  pack(): PackedMap {
    return { slots: this.#slots, size: this.#size };
  }

  /** Takes over what {@link pack} gave. */
  unpack({ slots, size }: PackedMap): this {
    this.#slots = slots;
    this.#mask = slots.length / (this.#width + VALUE_WORDS) - 1;
    this.#size = size;
    return this;
  }

  get(key: Key): number | undefined {
    this.encode(key, this.#wanted);
    return this.#valueAt(this.#find());
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds the key unless it is there; answers the value it had, which stays. */
  add(key: Key, value: number): number | undefined {
    if ((this.#size + 1) * 8 > (this.#mask + 1) * 5) this.#grow();
    this.encode(key, this.#wanted);
    const at = this.#find();
    const present = this.#valueAt(at);
    if (present === undefined) {
      for (let i = 0; i < this.#width; i++) this.#slots[at + i] = this.#wanted[i] as number;
      this.#slots[at + this.#width] = Math.floor((value + 1) / 2 ** 32);
      this.#slots[at + this.#width + 1] = value + 1;
      this.#size++;
    }
    return present;
  }

  /** In no useful order. */
  *[Symbol.iterator](): Generator<[Key, number], void> {
    const stride = this.#width + VALUE_WORDS;
    for (let at = 0; at < this.#slots.length; at += stride) {
      const value = this.#valueAt(at);
      if (value !== undefined) yield [this.decode(this.#slots, at), value];
    }
  }

  protected abstract encode(key: Key, words: Uint32Array): void;
  protected abstract decode(words: Uint32Array, offset: number): Key;

  /** undefined: the slot that begins at this word is free. */
  #valueAt(at: number): number | undefined {
    const high = this.#slots[at + this.#width] as number;
    const low = this.#slots[at + this.#width + 1] as number;
    return high === 0 && low === 0 ? undefined : high * 2 ** 32 + low - 1;
  }

  /** First word of the slot that has the wanted key, or of the free one where it would go. */
  #find(): number {
    const [slots, wanted, width, mask] = [this.#slots, this.#wanted, this.#width, this.#mask];
    for (let slot = hash(wanted) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * (width + VALUE_WORDS);
      let same = 0;
      while (same < width && slots[at + same] === wanted[same]) same++;
      if (same === width || (slots[at + width] === 0 && slots[at + width + 1] === 0)) return at;
    }
  }

  #grow(): void {
    const [old, stride] = [this.#slots, this.#width + VALUE_WORDS];
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let from = 0; from < old.length; from += stride) {
      if (old[from + stride - 2] === 0 && old[from + stride - 1] === 0) continue;
      for (let i = 0; i < this.#width; i++) this.#wanted[i] = old[from + i] as number;
      const at = this.#find();
      for (let i = 0; i < stride; i++) this.#slots[at + i] = old[from + i] as number;
    }
  }
}

/** Keys are integers of up to 53 bits, of either sign. */
export class NumberMap extends FlatMap<number> {
  constructor() {
    super(2);
  }

  protected encode(key: number, words: Uint32Array): void {
    words[0] = Math.floor(key / 2 ** 32);
    words[1] = key;
  }

  protected decode(words: Uint32Array, offset: number): number {
    return ((words[offset] as number) | 0) * 2 ** 32 + (words[offset + 1] as number);
  }
}

/** Keys are strings of eight UTF-16 code units. */
export class EightUnitMap extends FlatMap<string> {
  constructor() {
    super(4);
  }

  protected encode(key: string, words: Uint32Array): void {
    for (let i = 0; i < 4; i++) words[i] = (key.charCodeAt(i * 2) << 16) | key.charCodeAt(i * 2 + 1);
  }

  protected decode(words: Uint32Array, offset: number): string {
    const [a, b, c, d] = words.subarray(offset, offset + 4) as unknown as [number, number, number, number];
    return String.fromCharCode(a >>> 16, a, b >>> 16, b, c >>> 16, c, d >>> 16, d);
  }
}

/** The mixing steps of MurmurHash3, 32 bits. */
function hash(words: Uint32Array): number {
  let h = 0;
  for (let i = 0; i < words.length; i++) {
    h = Math.imul(h ^ (words[i] as number), 0xcc9e2d51);
    h ^= h >>> 15;
  }
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
