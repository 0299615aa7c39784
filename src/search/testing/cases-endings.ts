/** Stopping, and two instances at once. */
import { messageOf } from '../../errors.js';
import { STOP_DEADLINE_MS } from '../host/host.js';
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectDone, expectSoon, expectWithin } from './complaint.js';
import type { Lone } from './lone.js';
import { plainQuery } from './query.js';

const STOP_S = STOP_DEADLINE_MS / 1000;
const LEFT = 'after stop() nothing keeps the thread: no timer, no socket, no watcher; docs/plugins.md, "Stopping"';
const SETTLES = `after stop() open questions settle and within ${STOP_S} s all is over; docs/plugins.md, "Stopping"`;
const BESIDE = 'two instances of a plugin run side by side during a swap; docs/plugins.md, "Swapping"';

export function endingCases({ backend }: Facts): CaseBody[] {
  const cases: CaseBody[] = [
    { name: 'a stopped instance leaves nothing behind', contract: LEFT, run: leavesNothing },
    { name: 'open questions settle when it is stopped', contract: SETTLES, run: stoppedWhileAsked },
    { name: 'stopped while it starts', contract: SETTLES, run: stoppedWhileStarting },
    { name: 'two instances side by side: one ends, the other goes on', contract: BESIDE, run: sideBySide },
  ];
  return backend.hang === undefined ? cases : [...cases, hanging(stoppedWhileAsked), hangingStart()];
}

const HANGS = (bench: Bench) => bench.backend.hang?.();

function hanging(run: typeof stoppedWhileAsked): CaseBody {
  const name = 'open questions settle when it is stopped while its backend hangs';
  return { name, contract: SETTLES, run: (bench) => run(bench, HANGS) };
}

function hangingStart(): CaseBody {
  const name = 'stopped while it starts and its backend hangs';
  return { name, contract: SETTLES, run: (bench) => stoppedWhileStarting(bench, HANGS) };
}

async function leavesNothing(bench: Bench): Promise<void> {
  const lone = bench.lone();
  await expectDone('create()', lone.create());
  await expectDone('start()', lone.ask('start'));
  await Promise.allSettled(askSome(bench, lone));
  await stop(lone);
  await expectNothingLeft(lone);
}

async function stoppedWhileAsked(bench: Bench, before?: (bench: Bench) => unknown): Promise<void> {
  const lone = bench.lone();
  await expectDone('create()', lone.create());
  await expectDone('start()', lone.ask('start'));
  await before?.(bench);
  const open = Promise.allSettled(askSome(bench, lone));
  await stop(lone);
  await expectWithin(STOP_DEADLINE_MS, 'questions that were open at stop() settle', open);
  await expectNothingLeft(lone);
}

async function stoppedWhileStarting(bench: Bench, before?: (bench: Bench) => unknown): Promise<void> {
  const lone = bench.lone();
  await before?.(bench);
  await expectDone('create()', lone.create());
  const started = lone.ask('start').catch(() => {});
  await stop(lone);
  await expectWithin(STOP_DEADLINE_MS, 'start() settles after stop()', started);
  await expectNothingLeft(lone);
}

function askSome({ subject }: Bench, lone: Lone): Promise<unknown>[] {
  const { target, known = {}, unknown } = subject;
  if (target !== undefined) return [lone.ask('target')];
  const macs = [...Object.keys(known).slice(0, 16), ...(unknown === undefined ? [] : [unknown])];
  return macs.map((mac) => lone.ask('lookup', [plainQuery(mac)]));
}

async function stop(lone: Lone): Promise<void> {
  await expectWithin(STOP_DEADLINE_MS, 'stop() is done', expectDone('stop()', lone.ask('stop')));
}

async function expectNothingLeft(lone: Lone): Promise<void> {
  const left = await lone.finish();
  if (left !== null) throw new Complaint(`after stop() its thread is kept by ${left.join(', ') || 'something'}`);
}

async function sideBySide(bench: Bench): Promise<void> {
  const first = await bench.start();
  await first.expectAllKnown('of the first instance');
  const second = await bench.start();
  await Promise.all([
    first.expectAllKnown('of the first instance beside the second'),
    second.expectAllKnown('of the second instance beside the first'),
  ]);
  await first.stop();
  await second.expectAllKnown('of the second instance after the first was stopped');
  if (bench.subject.changes !== undefined && bench.subject.pushes !== false) await hears(bench, second);
  const third = await bench.start();
  await second.stop();
  if (bench.subject.changes === undefined) await third.expectAllKnown('of an instance started later');
  third.expectWell();
}

/** The one that goes on still hears of changes. */
async function hears(bench: Bench, second: Awaited<ReturnType<Bench['start']>>): Promise<void> {
  const changes = Object.entries(bench.subject.changes ?? {});
  for (const [mac] of changes) await second.table.ask(mac, second.lookup);
  await bench.backend.change?.();
  for (const [mac, target] of changes) {
    await expectSoon(bench.noticeMs, () => second.table.differs(mac, target, second.lookup)).catch((thrown) => {
      throw new Complaint(`after the other instance was stopped: ${messageOf(thrown)}`);
    });
  }
  second.expectWell();
}
