/** The objects a command names, in the order named; those missing are complained of, and the others still count. */
import { argumentMissing, VxlaneError } from '../errors.js';
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
      const { message, code } = missing(name);
      context.complain(message, code);
      status = 1;
    }
  }
  return { found, status };
}

/**
 * Does `action` for each name, in the order named; what is refused is complained of, and the others are done. Answers
 * the exit status. That no daemon answers is thrown: it holds for all of them.
 */
export async function forEachName(
  context: Context,
  what: string,
  names: readonly string[],
  action: (name: string) => Promise<void>,
): Promise<number> {
  if (names.length === 0) throw argumentMissing(what);
  let status = 0;
  for (const name of new Set(names)) {
    try {
      await action(name);
    } catch (error) {
      if (!(error instanceof VxlaneError) || error.exitCode !== 1) throw error;
      context.complain(error.message, error.code);
      status = 1;
    }
  }
  return status;
}
