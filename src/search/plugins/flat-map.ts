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

const SLOTS_MIN = 16;
const FREE = -1;

export abstract class FlatMap<Key> implements ReadonlyIndex<Key> {
  /** 32-bit words of a key. */
  readonly #width: number;
  /** The key that is looked for. */
  readonly #wanted: Uint32Array;
  #keys: Uint32Array;
  #values: Float64Array;
  #size = 0;

  constructor(width: number) {
    this.#width = width;
    this.#wanted = new Uint32Array(width);
    this.#keys = new Uint32Array(SLOTS_MIN * width);
    this.#values = new Float64Array(SLOTS_MIN).fill(FREE);
  }

  get size(): number {
    return this.#size;
  }

  get(key: Key): number | undefined {
    this.encode(key, this.#wanted);
    const value = this.#values[this.#slotOfWanted()] as number;
    return value === FREE ? undefined : value;
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds the key unless it is there; answers the value it had, which stays. */
  add(key: Key, value: number): number | undefined {
    if ((this.#size + 1) * 8 > this.#values.length * 5) this.#grow();
    this.encode(key, this.#wanted);
    const slot = this.#slotOfWanted();
    const present = this.#values[slot] as number;
    if (present !== FREE) return present;
    this.#write(slot, value);
    this.#size++;
    return undefined;
  }

  /** In no useful order. */
  *[Symbol.iterator](): Generator<[Key, number], void> {
    for (let slot = 0; slot < this.#values.length; slot++) {
      const value = this.#values[slot] as number;
      if (value !== FREE) yield [this.decode(this.#keys, slot * this.#width), value];
    }
  }

  protected abstract encode(key: Key, words: Uint32Array): void;
  protected abstract decode(words: Uint32Array, offset: number): Key;

  /** Where the wanted key is, or the free slot where it would go. */
  #slotOfWanted(): number {
    const [keys, values, wanted, width] = [this.#keys, this.#values, this.#wanted, this.#width];
    const mask = values.length - 1;
    let slot = hash(wanted) & mask;
    for (; values[slot] !== FREE; slot = (slot + 1) & mask) {
      let same = true;
      for (let i = 0; i < width && same; i++) same = keys[slot * width + i] === wanted[i];
      if (same) break;
    }
    return slot;
  }

  #write(slot: number, value: number): void {
    for (let i = 0; i < this.#width; i++) this.#keys[slot * this.#width + i] = this.#wanted[i] as number;
    this.#values[slot] = value;
  }

  #grow(): void {
    const [keys, values, width] = [this.#keys, this.#values, this.#width];
    this.#keys = new Uint32Array(keys.length * 2);
    this.#values = new Float64Array(values.length * 2).fill(FREE);
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot] as number;
      if (value === FREE) continue;
      for (let i = 0; i < width; i++) this.#wanted[i] = keys[slot * width + i] as number;
      this.#write(this.#slotOfWanted(), value);
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
