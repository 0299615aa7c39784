/** The highest rate that gets through: RFC 2544's throughput, but for a machine that is not quiet. */

/** What came of offering a rate for a while. */
export interface Trial {
  readonly sent: number;
  readonly received: number;
  readonly seconds: number;
}

/** A thousandth may be lost. */
export const LOSS_MAX = 0.001;
const FIRST = 100_000; // frames a second
const STEP = 1.5;
/** The search ends when the highest rate that passed is that close to the lowest that failed. */
const CLOSE = 1.05;
const STEPS_MAX = 16;
/** A sender that stays that far below what was asked, and sends hardly more than before, has no more to give. */
const SENDER_LIMIT = 0.95;

export const lossOf = ({ sent, received }: Trial): number => (sent === 0 ? 0 : 1 - received / sent);

/**
 * Asks for rates by `attempt`, frames a second: upwards or downwards by half until one passes and a higher one fails,
 * then between the two. A rate passes when one of two trials does, so that one hiccup of the machine does not decide.
 * Answers the highest rate at which frames arrived in a trial that passed; 0 when none did.
 */
export async function searchRate(attempt: (rate: number) => Promise<Trial>): Promise<number> {
  let passed = 0;
  let failed = Number.POSITIVE_INFINITY;
  let best = 0;
  let rate = FIRST;
  for (let steps = 0; steps < STEPS_MAX && failed / passed > CLOSE; steps++) {
    let trial = await attempt(rate);
    if (lossOf(trial) > LOSS_MAX) trial = await attempt(rate);
    if (lossOf(trial) > LOSS_MAX) failed = rate;
    else {
      passed = rate;
      const before = best;
      best = Math.max(best, trial.received / trial.seconds);
      if (trial.sent / trial.seconds < rate * SENDER_LIMIT && best < before * CLOSE) break;
    }
    if (failed === Number.POSITIVE_INFINITY) rate *= STEP;
    else rate = passed === 0 ? rate / STEP : Math.sqrt(passed * failed);
  }
  return best;
}
