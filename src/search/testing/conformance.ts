/** The suite: from what a plugin is and can to the cases that it has to pass. */
import { messageOf } from '../../errors.js';
import type { FoundPlugin } from '../find.js';
import { Bench, find } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { changeCases } from './cases-changes.js';
import { encapsulationCases } from './cases-encapsulations.js';
import { endingCases } from './cases-endings.js';
import { localCases } from './cases-locals.js';
import { propertyCases } from './cases-properties.js';
import { questionCases } from './cases-questions.js';
import { troubleCases } from './cases-trouble.js';
import { vtepCases } from './cases-vteps.js';
import { ConformanceError, expectWithin } from './complaint.js';
import type { Case, Subject } from './subject.js';

/** No case takes longer; reading a large backend may take 60 s. */
const CASE_MAX_MS = 120_000;

const IS_PLUGIN = 'is a search plugin';
const STARTS = 'starts and stops';

/**
 * The cases that apply, for any test runner: `for (const [name, run] of await conformance(subject)) test(name, run)`.
 * When the plugin cannot even be loaded and started, there is one case, which says why.
 */
export async function conformance(subject: Subject): Promise<readonly Case[]> {
  let found: FoundPlugin;
  try {
    found = await find(subject);
  } catch (thrown) {
    const contract = 'the default export has name, mode, properties and create(); docs/plugins.md, "What a plugin is"';
    return [failing(IS_PLUGIN, messageOf(thrown), contract, thrown)];
  }
  try {
    const bodies = await bodiesFor(subject, found);
    return bodies.map((body) => [body.name, () => runCase(subject, found, body)]);
  } catch (thrown) {
    const contract = 'start() resolves when lookups may be asked; docs/plugins.md, "Life of an instance"';
    return [failing(STARTS, messageOf(thrown), contract, thrown)];
  }
}

function failing(name: string, what: string, contract: string, cause: unknown): Case {
  return [name, () => Promise.reject(new ConformanceError(what, contract, cause))];
}

async function bodiesFor(subject: Subject, found: FoundPlugin): Promise<CaseBody[]> {
  const bench = await Bench.open(subject, found);
  try {
    const { host, table } = await bench.start();
    const listsVteps = table.vtepList !== null;
    const facts: Facts = { subject, found, backend: bench.backend, can: (ability) => host.can(ability), listsVteps };
    const asked = [propertyCases, questionCases, encapsulationCases, vtepCases, localCases];
    return [...asked, changeCases, troubleCases, endingCases].flatMap((cases) => cases(facts));
  } finally {
    await bench.close();
  }
}

async function runCase(subject: Subject, found: FoundPlugin, { name, contract, run }: CaseBody): Promise<void> {
  const bench = await Bench.open(subject, found);
  try {
    await expectWithin(CASE_MAX_MS, name, run(bench));
  } catch (thrown) {
    throw new ConformanceError(messageOf(thrown), contract, thrown);
  } finally {
    await bench.close();
  }
}
