/** The backend hangs or fails, and comes back. */
import { messageOf } from '../../errors.js';
import { FAULTS_IN_A_ROW_MAX, LOOKUP_DEADLINE_MS } from '../host/host.js';
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectDone, expectSame, expectSoon } from './complaint.js';
import { isTimeout, type Running } from './running.js';

const DEADLINE = `a question is answered or rejected within ${LOOKUP_DEADLINE_MS / 1000} s; docs/plugins.md, "Trouble"`;
const NOT_NULL = 'null says that there is no such MAC; a plugin that cannot know rejects; docs/plugins.md, "Trouble"';
const START = 'start() rejects, or resolves and goes on trying; docs/plugins.md, "Life of an instance"';

export function troubleCases({ backend }: Facts): CaseBody[] {
  const cases: CaseBody[] = [];
  if (backend.hang !== undefined) {
    const run = (bench: Bench) => trouble(bench, () => bench.backend.hang?.());
    cases.push({ name: 'a backend that hangs: questions settle within the deadline', contract: DEADLINE, run });
  }
  if (backend.fail !== undefined) {
    const run = (bench: Bench) => trouble(bench, () => bench.backend.fail?.());
    cases.push({ name: 'a backend that fails is no unknown MAC, and is found again', contract: NOT_NULL, run });
    cases.push({ name: 'a backend that fails at start does no harm', contract: START, run: failingStart });
  }
  return cases;
}

async function trouble(bench: Bench, begin: () => unknown): Promise<void> {
  const running = await bench.start();
  await running.expectAllKnown('before the backend was in trouble');
  await begin();
  running.beStrict();
  const late: string[] = [];
  for (let times = 1; times < FAULTS_IN_A_ROW_MAX; times++) late.push(...(await expectHonest(bench, running)));
  // one that settles shows that the plugin has a deadline: the other was late because the machine is busy
  if (late.length === FAULTS_IN_A_ROW_MAX - 1) throw new Complaint(`it hangs as its backend does: ${late[0]}`);
  if (running.death !== null) throw new Complaint(running.death);
  await bench.mend();
  await expectRecovery(bench, running);
}

/** One question: the right answer, or a rejection. Answers why it came too late, if it did. */
async function expectHonest({ subject }: Bench, running: Running): Promise<string[]> {
  const { target, known = {} } = subject;
  const [mac, right] = Object.entries(known)[0] ?? [null, target];
  if (right === undefined) return [];
  const what = mac === null ? 'target()' : `lookup of ${mac}`;
  try {
    const found = mac === null ? await running.host.target() : ((await running.lookup(mac))?.target ?? null);
    expectSame(`${what} while the backend is in trouble`, found, right);
  } catch (thrown) {
    if (thrown instanceof Complaint) throw thrown;
    if (isTimeout(thrown)) return [messageOf(thrown)];
  }
  return [];
}

/** As the daemon does: an instance that was given up for its faults is replaced by a fresh one. */
async function expectRecovery(bench: Bench, first: Running): Promise<void> {
  let running = first;
  await expectSoon(bench.noticeMs, async () => {
    try {
      if (running.death !== null) running = await bench.start();
      await running.expectAllKnown('after the backend came back');
      return null;
    } catch (thrown) {
      return messageOf(thrown);
    }
  });
}

async function failingStart(bench: Bench): Promise<void> {
  await bench.backend.fail?.();
  const running = bench.make();
  const started = await running.host.start().then(
    () => true,
    (thrown: unknown) => {
      if (isTimeout(thrown)) throw new Complaint(messageOf(thrown));
      return false;
    },
  );
  if (running.death !== null) throw new Complaint(running.death);
  await bench.mend();
  if (started) return await expectRecovery(bench, running);
  const again = await bench.start();
  await expectDone('the next instance', again.expectAllKnown('of the next instance'));
}
