import type { Kind } from './encapsulations.js';

/** A round that found something once; kind null: frames of every kind, from all sides. */
export interface Found {
  readonly seed: number;
  readonly kind: Kind | null;
}

/** Each with a comment of what it was. They run before all others. */
export const CORPUS: readonly Found[] = [];
