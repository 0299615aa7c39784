/** Properties: the table, the values it lets through, and those that only the plugin can refuse. */
import { messageOf } from '../../errors.js';
import type { PropertySpec } from '../api.js';
import { parseProperties } from '../props.js';
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint, expectDone } from './complaint.js';

const TABLE = 'an entry of the table says all that the host must know to refuse a value; docs/plugins.md, "Properties"';
const REFUSED = 'start() refuses unusable values by the name of the property; docs/plugins.md, "Properties"';
const CHANGED = 'properties marked `mutable` arrive by change(); docs/plugins.md, "Properties"';

export function propertyCases({ subject, found, can }: Facts): CaseBody[] {
  const { properties } = found.manifest;
  const tables = properties.map((spec) => ({
    name: `property ${spec.name}: wrong values are refused by name`,
    contract: TABLE,
    run: async (bench: Bench) => {
      for (const text of wrongTexts(spec))
        expectRefused(spec.name, `-p ${spec.name}=${text}`, () => bench.values({ [spec.name]: text }));
      if (spec.required) expectMissed(spec.name, bench);
    },
  }));
  const wrong = Object.entries(subject.wrong ?? {}).map(([name, text]) => ({
    name: `property ${name}: start refuses ${JSON.stringify(text)} by name`,
    contract: REFUSED,
    run: (bench: Bench) => refusesAtStart(bench, name, text),
  }));
  const mutable = properties.filter((spec) => spec.mutable === true).map(({ name }) => name);
  if (mutable.length === 0) return [...tables, ...wrong];
  const run = (bench: Bench) => changes(bench, mutable, can('change'));
  return [...tables, ...wrong, { name: 'takes changes of its mutable properties', contract: CHANGED, run }];
}

function wrongTexts({ type, range }: PropertySpec): string[] {
  switch (type) {
    case 'int':
    case 'uint':
      return ['word', '1.5', ...(range === undefined ? [] : [String(range[0] - 1), String(range[1] + 1)])];
    case 'ip':
      return ['word', '10.0.0.300'];
    case 'string':
    case 'secret':
      return ['', '\u0007'];
  }
}

function expectMissed(name: string, bench: Bench): void {
  const { [name]: _left, ...others } = bench.backend.properties;
  expectRefused(name, `no ${name}`, () => parseProperties(bench.found.manifest.properties, others));
}

function expectRefused(name: string, what: string, read: () => unknown): void {
  let words: string;
  try {
    read();
  } catch (thrown) {
    words = messageOf(thrown);
    if (words.includes(name)) return;
    throw new Complaint(`${what} is refused without the name: ${words}`);
  }
  throw new Complaint(`${what} is taken`);
}

async function refusesAtStart(bench: Bench, name: string, text: string): Promise<void> {
  const { host } = bench.make({ [name]: text });
  let words: string;
  try {
    await host.start();
  } catch (thrown) {
    words = messageOf(thrown);
    if (words.includes(name)) return;
    throw new Complaint(`start() refuses ${name}=${text} without its name: ${words}`);
  }
  throw new Complaint(`start() takes ${name}=${text}`);
}

async function changes(bench: Bench, names: readonly string[], canChange: boolean): Promise<void> {
  if (!canChange) throw new Complaint(`${names.join(', ')} may change, but the instance has no change()`);
  const running = await bench.start();
  const values = bench.values();
  for (const name of names) {
    const value = values[name];
    if (value !== undefined) await expectDone(`change of ${name}`, running.host.change({ [name]: value }));
  }
  await running.expectAllKnown('after a change to what it was');
  running.expectWell();
}
