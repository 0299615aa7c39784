/** The backend changes: a plugin that pushes says so by itself, one that does not answers anew. */
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectDone, expectSoon } from './complaint.js';
import type { Running } from './running.js';

const ANEW = 'lookup() answers what is true when it is asked; docs/plugins.md, "Pushing"';
const PUSH = 'what was answered is put or withdrawn when it changes; docs/plugins.md, "Pushing"';
const RACE = 'after a change the last word on a MAC is the new one; docs/plugins.md, "Pushing"';
const HANDED_OVER = 'what entries() told is pushed when it changes; docs/plugins.md, "Telling everything"';

export function changeCases({ subject, found, backend, can }: Facts): CaseBody[] {
  if (found.manifest.mode === 'point' || subject.changes === undefined) return [];
  if (backend.change === undefined) return [{ name: 'changes are noticed', contract: ANEW, run: noChange }];
  const cases: CaseBody[] = [{ name: 'lookup follows the backend', contract: ANEW, run: anew }];
  if (can('entries')) cases.push({ name: 'what entries told is pushed', contract: HANDED_OVER, run: handedOver });
  if (subject.pushes === false) return cases;
  return [
    ...cases,
    { name: 'a change is pushed', contract: PUSH, run: pushed },
    { name: 'a change while it is asked ends in the new state', contract: RACE, run: race },
  ];
}

async function noChange(): Promise<void> {
  throw new Complaint('the subject has changes, but its backend has no change()');
}

async function anew(bench: Bench): Promise<void> {
  const running = await bench.start();
  await askAll(bench, running);
  await bench.backend.change?.();
  for (const [mac, target] of changesOf(bench)) {
    await expectSoon(bench.noticeMs, async () => {
      const answer = await expectDone(`lookup of ${mac} after the change`, running.lookup(mac));
      const found = answer === null ? null : answer.target;
      return isSame(found, target) ? null : `lookup of ${mac} still says ${JSON.stringify(found)}`;
    });
  }
  running.expectWell();
}

async function pushed(bench: Bench): Promise<void> {
  const running = await bench.start();
  await askAll(bench, running);
  await bench.backend.change?.();
  await expectTable(bench, running);
}

async function handedOver(bench: Bench): Promise<void> {
  const running = await bench.start();
  for await (const page of running.host.entries()) {
    for (const { mac, ...answer } of page) running.table.preloaded(mac, answer);
  }
  await bench.backend.change?.();
  await expectTable(bench, running);
}

/** Asks without a pause while the change happens: some answers are from before it, some from after. */
async function race(bench: Bench): Promise<void> {
  const running = await bench.start();
  let isOver = false;
  const askers = changesOf(bench).map(async ([mac]) => {
    while (!isOver) await expectDone(`lookup of ${mac} during a change`, running.table.ask(mac, running.lookup));
  });
  const change = async () => {
    await askAll(bench, running);
    await bench.backend.change?.();
    isOver = true;
  };
  await Promise.all([change(), ...askers]);
  await expectTable(bench, running);
}

/** Without being asked but for what is not known any more, the table gets to what the backend says, and stays there. */
async function expectTable(bench: Bench, running: Running): Promise<void> {
  for (let times = 0; times < 2; times++) {
    for (const [mac, target] of changesOf(bench)) {
      await expectSoon(bench.noticeMs, () => running.table.differs(mac, target, running.lookup));
    }
  }
  running.expectWell();
}

async function askAll(bench: Bench, running: Running): Promise<void> {
  for (const [mac] of changesOf(bench)) {
    await expectDone(`lookup of ${mac} before the change`, running.table.ask(mac, running.lookup));
  }
}

function changesOf({ subject }: Bench) {
  return Object.entries(subject.changes ?? {});
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
