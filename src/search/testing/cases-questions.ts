/** Questions and their answers while all is well. */
import { isDeepStrictEqual } from 'node:util';
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectDone, expectSame } from './complaint.js';
import { macsFrom, plainQuery } from './query.js';
import type { Running } from './running.js';
import type { Subject } from './subject.js';

const ANSWERS = 'answers are plain data in canonical text; null says that there is none; docs/plugins.md, "Answers"';
const EARLY = 'what comes before start() has resolved must not end the thread; docs/plugins.md, "Life of an instance"';
const AT_ONCE = 'questions come several at once, never two for one MAC; docs/plugins.md, "Answers"';
const MOVES = 'moved() is a hint, which may be of any MAC and address; docs/plugins.md, "Being told"';
const ENTRIES = 'entries() tells what lookup() would answer, each MAC once; docs/plugins.md, "Telling everything"';

const UNHEARD_OF = '02:00:00:00:ff:00';

/** MACs asked at once. */
const CROWD = 256;
/** Times that each of them is asked, one after the other. */
const ROUNDS = 3;

type Row = readonly [isThere: boolean, name: string, contract: string, run: (bench: Bench) => Promise<void>];

export function questionCases(facts: Facts): CaseBody[] {
  const { subject, can } = facts;
  const missing = missingFacts(facts);
  const rows: Row[] = [
    [missing.length > 0, 'the suite knows enough of it', 'none: this is about the suite', () => complain(missing)],
    [true, 'questions before start do no harm', EARLY, early],
    [subject.target !== undefined, 'names its one destination', ANSWERS, known],
    [subject.known !== undefined, 'known MACs have their targets', ANSWERS, known],
    [subject.unknown !== undefined, 'an unknown MAC has no target', ANSWERS, unknown],
    [subject.unknown !== undefined, `${CROWD} MACs at once get the right answers`, AT_ONCE, crowd],
    [subject.owners !== undefined, 'addresses have their owners', ANSWERS, owners],
    [subject.servers !== undefined, 'clients have their DHCP servers', ANSWERS, servers],
    [can('candidates'), 'the target of a MAC is among its candidates', ANSWERS, candidates],
    [can('entries'), 'entries and lookup say the same', ENTRIES, entries],
    [can('flood'), 'its flood list can be used', ANSWERS, flood],
    [can('moved'), 'hears of moves, and answers as before', MOVES, moves],
    [can('reload'), 'answers as before after a reload', ANSWERS, reload],
  ];
  return rows.flatMap(([isThere, name, contract, run]) => (isThere ? [{ name, contract, run }] : []));
}

/** What it can do and nobody would notice that it cannot. */
function missingFacts({ subject, found, can }: Facts): string[] {
  if (found.manifest.mode === 'point') return subject.target === undefined ? ['target'] : [];
  const needed: [isNeeded: boolean, fact: keyof Subject][] = [
    [!can('flood'), 'known'],
    [true, 'unknown'],
    [can('arp') || can('ndp'), 'owners'],
    [can('dhcp'), 'servers'],
  ];
  return needed.flatMap(([isNeeded, fact]) => (isNeeded && subject[fact] === undefined ? [fact] : []));
}

async function complain(missing: readonly string[]): Promise<void> {
  throw new Complaint(`the plugin can do what no case looks at: tell conformance() its ${missing.join(', ')}`);
}

/** The host never asks so early; what comes of it tells whether an instance looks after its state. */
async function early(bench: Bench): Promise<void> {
  const { target, known = {}, unknown: nobody = '02:00:00:00:00:01' } = bench.subject;
  const mac = Object.keys(known)[0] ?? nobody;
  const right = target ?? (known[mac] === undefined ? null : { target: known[mac] });
  const lone = bench.lone();
  const ask = () => (target === undefined ? lone.ask('lookup', [plainQuery(mac)]) : lone.ask('target'));
  await expectDone('create()', lone.create());
  const answers: unknown[] = [];
  ask().then(
    (answer) => answers.push(bare(answer)),
    () => {}, // it may refuse, and it may wait
  );
  await expectDone('start() after a question', lone.ask('start'));
  expectSame(
    'the first answer after start()',
    bare(await expectDone('the first question after start()', ask())),
    right,
  );
  for (const answer of answers) if (answer !== null) expectSame('the answer before start()', answer, right);
}

/** An answer without its time to live. */
function bare(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer;
  const { ttl: _life, ...others } = answer as { ttl?: unknown };
  return others;
}

async function known(bench: Bench): Promise<void> {
  const running = await bench.start();
  await running.expectAllKnown('when asked first');
  await running.expectAllKnown('when asked again');
  running.expectWell();
}

async function candidates(bench: Bench): Promise<void> {
  const running = await bench.start();
  const { known: targets = {}, unknown: nobody = UNHEARD_OF } = bench.subject;
  for (const [mac, target] of Object.entries(targets)) {
    const said = await expectDone(`candidates of ${mac}`, running.host.candidates(mac));
    if (target !== 'drop' && !said.some((each) => isDeepStrictEqual(each, target))) {
      throw new Complaint(`candidates of ${mac} have not its target, ${JSON.stringify(target)}`);
    }
  }
  expectSame(`candidates of ${nobody}`, await expectDone('candidates', running.host.candidates(nobody)), []);
  running.expectWell();
}

async function unknown(bench: Bench): Promise<void> {
  const running = await bench.start();
  for (const when of ['when asked first', 'when asked again']) {
    await running.expectTarget(bench.subject.unknown as string, null, when);
  }
  running.expectWell();
}

async function crowd(bench: Bench): Promise<void> {
  const { known: targets = {}, unknown: first } = bench.subject;
  const running = await bench.start();
  await running.expectAllKnown('before many are asked');
  const expected = Object.entries(targets).slice(0, CROWD / 2);
  const nobody = macsFrom(first as string, CROWD - expected.length);
  const askedOne = async (mac: string, target: (typeof targets)[string] | null) => {
    for (let round = 0; round < ROUNDS; round++) await running.expectTarget(mac, target, 'among many');
  };
  await Promise.all([
    ...nobody.map((mac) => askedOne(mac, null)),
    ...expected.map(([mac, target]) => askedOne(mac, target)),
    askOwners(running, bench.subject, 'among many'),
  ]);
  running.expectWell();
}

async function owners(bench: Bench): Promise<void> {
  const running = await bench.start();
  await askOwners(running, bench.subject, 'when asked');
  running.expectWell();
}

async function askOwners(running: Running, { owners: told = {} }: Subject, when: string): Promise<void> {
  const asked = Object.entries(told).map(async ([ip, mac]) => {
    const found = await expectDone(`owner of ${ip} ${when}`, running.owner(ip));
    expectSame(`owner of ${ip} ${when}`, found === null ? null : found.mac, mac);
  });
  await Promise.all(asked);
}

async function servers(bench: Bench): Promise<void> {
  const running = await bench.start();
  for (const [client, server] of Object.entries(bench.subject.servers ?? {})) {
    const what = `DHCP server of ${client}`;
    expectSame(what, await expectDone(what, running.host.dhcp(client)), server);
  }
  running.expectWell();
}

async function entries(bench: Bench): Promise<void> {
  const running = await bench.start();
  const told = new Map<string, unknown>();
  for await (const page of running.host.entries()) {
    for (const { mac, target } of page) {
      if (told.has(mac)) throw new Complaint(`entries() tells ${mac} twice`);
      told.set(mac, target);
    }
  }
  for (const [mac, target] of Object.entries(bench.subject.known ?? {})) {
    if (told.has(mac)) expectSame(`entries() of ${mac}`, told.get(mac), target);
    else throw new Complaint(`entries() leaves out ${mac}, which lookup() would answer`);
  }
  for (const [mac, target] of [...told].slice(0, CROWD)) {
    const answer = await expectDone(`lookup of ${mac}`, running.lookup(mac));
    expectSame(`entries() of ${mac}, beside what lookup() says`, target, answer?.target ?? null);
  }
  running.expectWell();
}

async function flood(bench: Bench): Promise<void> {
  const running = await bench.start();
  const list = await expectDone('flood()', running.host.flood());
  expectSame('flood(), asked again', await expectDone('flood()', running.host.flood()), list);
}

/** Of known MACs and unknown ones, with an address and without, at once. */
async function moves(bench: Bench): Promise<void> {
  const running = await bench.start();
  const macs = [...Object.keys(bench.subject.known ?? {}), ...macsFrom(bench.subject.unknown ?? UNHEARD_OF, 4)];
  const told = macs.flatMap((mac) => [null, '10.55.55.200', 'fe80::200'].map((ip) => running.host.moved({ mac, ip })));
  const failures = await expectDone('moved()', Promise.all(told));
  const failure = failures.find((each) => each !== null);
  if (failure !== undefined) throw new Complaint(String(failure));
  await running.expectAllKnown('after moves');
  running.expectWell();
}

async function reload(bench: Bench): Promise<void> {
  const running = await bench.start();
  await running.expectAllKnown('before a reload');
  await expectDone('reload()', running.host.reload());
  await running.expectAllKnown('after a reload');
  running.expectWell();
}
