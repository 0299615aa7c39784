/** What the suite has against a plugin, in words for its author. */
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../errors.js';
import { shown } from '../host/words.js';

/** The message says what is wrong, then what the contract says. */
export class ConformanceError extends Error {
  constructor(what: string, contract: string, cause: unknown) {
    super(`${what}\n  The contract: ${contract}`, { cause });
    this.name = 'ConformanceError';
  }
}

/** Thrown inside a case. */
export class Complaint extends Error {}

/** Complains unless `found` is what it has to be. */
export function expectSame(what: string, found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Complaint(`${what}: ${shown(found)}, expected ${shown(expected)}`);
}

/** The value of `work`; complains when it rejects. */
export async function expectDone<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw new Complaint(`${what} failed: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** As `work`; complains when it does not settle in time. */
export async function expectWithin<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Complaint(`${what}: not within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `look` again and again until it answers null; complains with its last words when it is too late. */
export async function expectSoon(ms: number, look: () => Promise<string | null>): Promise<void> {
  const untilMs = performance.now() + ms;
  while (true) {
    const trouble = await look();
    if (trouble === null) return;
    if (performance.now() > untilMs) throw new Complaint(`${trouble}, ${ms / 1000} s later`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
