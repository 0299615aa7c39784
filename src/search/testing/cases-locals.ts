/** A plugin that is told of MACs on this host takes what it is told, and tells its backend, if it has one to tell. */
import { isDeepStrictEqual } from 'node:util';
import type { Local } from '../api.js';
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectDone, expectSoon } from './complaint.js';
import type { Running } from './running.js';

const HEARS = 'localAdded() and localRemoved() may be of any MAC, at any time; docs/plugins.md, "What is here"';
const TELLS = 'the backend has what localAdded() told last, until localRemoved(); docs/plugins.md, "What is here"';
const LEAVES = 'stop("for_good") takes back what was told; docs/plugins.md, "What is here"';

const [ONE, OTHER] = ['02:00:00:00:fe:01', '02:00:00:00:fe:02'] as const;

export function localCases({ subject, backend, can }: Facts): CaseBody[] {
  if (!can('localAdded') && !can('localRemoved')) return [];
  if (subject.target !== undefined) return [];
  const isSeen = backend.locals !== undefined;
  return [
    { name: 'hears of what is here, and answers as before', contract: HEARS, run: hears },
    ...(isSeen
      ? [
          { name: 'what is here is in the backend', contract: TELLS, run: tells },
          { name: 'nothing of it stays there for good', contract: LEAVES, run: leaves },
        ]
      : []),
  ];
}

async function hears(bench: Bench): Promise<void> {
  const running = await bench.start();
  for (const ability of ['localAdded', 'localRemoved'] as const) {
    if (!running.host.can(ability)) throw new Complaint(`it has no ${ability}(), and the other of the two`);
  }
  const known = Object.keys(bench.subject.known ?? {}).slice(0, 1);
  for (const mac of [ONE, OTHER, ...known]) {
    tell(running, { mac, ips: ['10.55.55.201', 'fe80::201'] });
    tell(running, { mac, ips: [] });
    running.host.local(mac, null);
    running.host.local(mac, null); // of what it has never heard, or no more
  }
  for (const [mac, target] of Object.entries(bench.subject.known ?? {})) {
    await expectSoon(bench.noticeMs, () => running.table.differs(mac, target, running.lookup));
  }
  running.expectWell();
}

async function tells(bench: Bench): Promise<void> {
  const running = await bench.start();
  tell(running, { mac: ONE, ips: [] });
  tell(running, { mac: OTHER, ips: ['10.55.55.201', 'fe80::201'] });
  await expectLocals(bench, { [ONE]: [], [OTHER]: ['10.55.55.201', 'fe80::201'] });
  tell(running, { mac: ONE, ips: ['10.55.55.202'] });
  running.host.local(OTHER, null);
  await expectLocals(bench, { [ONE]: ['10.55.55.202'] });
  running.expectWell();
}

async function leaves(bench: Bench): Promise<void> {
  const running = await bench.start();
  tell(running, { mac: ONE, ips: ['10.55.55.201'] });
  await expectLocals(bench, { [ONE]: ['10.55.55.201'] });
  await expectDone('stop()', running.host.stop('for_good'));
  await expectLocals(bench, {});
}

function tell({ host }: Running, local: Local): void {
  host.local(local.mac, local);
}

async function expectLocals({ backend, noticeMs }: Bench, expected: Readonly<Record<string, readonly string[]>>) {
  await expectSoon(noticeMs, async () => {
    const seen = (await backend.locals?.()) ?? {};
    const sorted = Object.fromEntries(Object.entries(seen).map(([mac, ips]) => [mac, [...ips].sort()]));
    if (isDeepStrictEqual(sorted, expected)) return null;
    return `the backend has ${JSON.stringify(sorted)}, expected ${JSON.stringify(expected)}`;
  });
}
