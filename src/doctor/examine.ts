/** `vxlane doctor`: facts, and what the checks say of them. */
import { CHECKS } from './checks/index.js';
import { diagnose } from './diagnose.js';
import type { Facts } from './facts.js';
import type { Diagnosis } from './finding.js';
import { gatherFacts, type Looking } from './gather/gather.js';

export { diagnosisText } from './text.js';

/** Takes a few seconds. Throws when there is no overlay of the name that is asked for. */
export async function examine(looking: Looking): Promise<{ readonly facts: Facts; readonly diagnosis: Diagnosis }> {
  const facts = await gatherFacts(looking);
  return { facts, diagnosis: diagnose(CHECKS, facts) };
}
