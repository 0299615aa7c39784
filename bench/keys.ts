/** A full FDB and a long row of keys to ask it for. */
import { type BenchExports, expect, prepareTestbed, SCRATCH, type Testbed } from './testbed.js';

const KEYS = SCRATCH; // every key of the table: at most 8 MiB
const DRAWN = SCRATCH + (16 << 20); // the keys that are asked, in order
/** Where the records of a batch are. */
export const LOOKUPS = SCRATCH + (28 << 20);
/** Keys asked in all before the first comes again. */
export const DRAWN_COUNT = 1 << 20;
/** Keys of one call. */
export const RUN = 1 << 16;
const KEY_SIZE = 8;
/** Whose MACs they are. */
export const OVERLAY = 1;
const ENDPOINTS = 256;

export const SIZES = [
  { entries: 1000, name: '1 k entries' },
  { entries: 64_000, name: '64 k entries' },
  { entries: 1_000_000, name: '1 M entries' },
] as const;

export interface Keys {
  readonly loops: BenchExports;
  /** Address of all keys that the table was filled with, each once. */
  readonly all: number;
  /** Address of the next RUN keys. */
  next(): number;
  /** Draws `count` random MACs, at most RUN, that the table does not know; the address of their keys. */
  fresh(count: number): number;
}

/** An FDB that is full with `entries` random MACs, and 2^20 of them drawn at random. */
export function knownKeys(entries: number): Keys {
  const testbed = filled(entries);
  testbed.loops.draw(KEYS, entries, DRAWN, DRAWN_COUNT);
  return turns(testbed.loops);
}

/** The same FDB, and 2^20 random MACs that it does not know. */
export function unknownKeys(entries: number): Keys {
  const testbed = filled(entries);
  testbed.loops.strangers(DRAWN, OVERLAY, DRAWN_COUNT);
  return turns(testbed.loops);
}

function filled(entries: number): Testbed {
  const testbed = prepareTestbed(entries);
  expect(Boolean(testbed.loops.fill(KEYS, OVERLAY, entries, ENDPOINTS)), true, 'the FDB takes every entry');
  return testbed;
}

function turns(loops: BenchExports): Keys {
  let turn = 0;
  return {
    loops,
    all: KEYS,
    next() {
      turn = (turn + 1) % (DRAWN_COUNT / RUN);
      return DRAWN + turn * RUN * KEY_SIZE;
    },
    fresh(count) {
      loops.strangers(DRAWN, OVERLAY, count);
      return DRAWN;
    },
  };
}
