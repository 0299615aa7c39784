/** One run of chaos: faults after each other, under load, and what must be true after each. */
import { messageOf } from '../../src/errors.js';
import { Random } from '../support/random.js';
import { FAULTS } from './faults.js';
import { Site } from './site.js';
import { Truths } from './truths.js';

export interface ChaosOptions {
  readonly seed: number;
  /** Names of faults, in the order they come; asked for one more until there is none. */
  readonly faults: Iterable<string>;
  /** After each one that was survived. */
  readonly onSurvived: (fault: string, ms: number) => void;
}

/** Throws what was not true, with the fault before it, the seed, and the daemons' logs. */
export async function runChaos({ seed, faults, onSurvived }: ChaosOptions): Promise<void> {
  const random = new Random(seed);
  const site = await Site.build();
  let last = 'the start';
  try {
    const truths = new Truths(site);
    await truths.hold();
    site.startLoad();
    for (const fault of faults) {
      last = fault;
      const startedMs = performance.now();
      await FAULTS[fault]!(site, random);
      await truths.hold();
      onSurvived(fault, performance.now() - startedMs);
    }
    last = 'the end';
    await site.endLoad();
    await truths.booksBalance();
  } catch (thrown) {
    const where = `after "${last}", seed ${seed}`;
    throw new Error(`${where}: ${messageOf(thrown)}\n${site.lab.logs()}`, { cause: thrown });
  } finally {
    await site.lab.close();
  }
}

/** All of them once, in an order of chance. */
export function shuffled(random: Random): string[] {
  const names = Object.keys(FAULTS);
  for (let left = names.length; left > 1; left--) {
    const at = random.below(left);
    [names[at], names[left - 1]] = [names[left - 1]!, names[at]!];
  }
  return names;
}
