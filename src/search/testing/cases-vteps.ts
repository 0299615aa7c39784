/** A plugin that lists its VTEPs lists them all: the host lets nobody else in without asking. */
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectSoon } from './complaint.js';
import type { Running } from './running.js';

const ALL = 'vteps() names every VTEP before start() has resolved; docs/plugins.md, "Who may send"';
const ANEW = 'vteps() is called again when there are others; docs/plugins.md, "Who may send"';

type Targets = Bench['subject']['changes'];

export function vtepCases({ subject, backend, listsVteps }: Facts): CaseBody[] {
  if (!listsVteps) return [];
  const isChangeSeen = subject.changes !== undefined && backend.change !== undefined;
  return [
    { name: 'its list of VTEPs has all that it names', contract: ALL, run: all },
    ...(isChangeSeen ? [{ name: 'a change is in its list of VTEPs', contract: ANEW, run: anew }] : []),
  ];
}

async function all(bench: Bench): Promise<void> {
  const running = await bench.start();
  const complaint = lacks(running, bench.subject.known);
  if (complaint !== null) throw new Complaint(complaint);
  running.expectWell();
}

async function anew(bench: Bench): Promise<void> {
  const running = await bench.start();
  await bench.backend.change?.();
  await expectSoon(bench.noticeMs, async () => lacks(running, bench.subject.changes));
  running.expectWell();
}

/** Null: the list has the VTEPs of all these targets. */
function lacks({ table }: Running, targets: Targets = {}): string | null {
  for (const [mac, target] of Object.entries(targets)) {
    const isListed = target === null || target === 'drop' || table.vtepList?.includes(target.ip);
    const list = table.vtepList?.join(', ');
    if (isListed !== true) return `${mac} is at ${JSON.stringify(target)}, and the list is ${list}`;
  }
  return null;
}
