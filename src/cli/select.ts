/** The objects a command names, in the order named; those missing are complained of, and the others still count. */
import type { VxlaneError } from '../errors.js';
import type { Context } from './command.js';

export interface Selection<T> {
  readonly found: T[];
  /** 1 if a name was missing, else 0. */
  readonly status: number;
}

/** All when no name is given. */
export function selectNamed<T extends { readonly name: string }>(
  context: Context,
  all: readonly T[],
  names: readonly string[],
  missing: (name: string) => VxlaneError,
): Selection<T> {
  if (names.length === 0) return { found: [...all], status: 0 };
  const byName = new Map(all.map((one) => [one.name, one]));
  const found: T[] = [];
  let status = 0;
  for (const name of new Set(names)) {
    const one = byName.get(name);
    if (one !== undefined) found.push(one);
    else {
      context.complain(missing(name).message);
      status = 1;
    }
  }
  return { found, status };
}
