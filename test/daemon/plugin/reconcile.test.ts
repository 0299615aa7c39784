/**
 * A plugin takes over from another, whatever goes on meanwhile: both push, change their minds and answer late, the
 * operator and VNICs claim MACs, the table evicts. Afterwards the FDB says what the new one says.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EarlyPushes, Relay } from '../../../src/daemon/plugin/early-pushes.js';
import { plainQuery } from '../../../src/daemon/plugin/query.js';
import type { Answer, DynamicInstance, Endpoint, Entry, PluginContext } from '../../../src/search/api.js';
import { LOOKUP_DEADLINE_MS, type PluginHost } from '../../../src/search/host/host.js';
import { type Harness, harness, miss, OTHER_PEER, PEER, pluginOf, remote, settled } from '../harness.js';
import { OVERLAY } from '../recording-datapath.js';

const MACS = 6;
const PLACES: readonly Endpoint[] = [PEER, OTHER_PEER, { ip: '10.88.88.72', port: 4789 }];
const OPERATORS = { ip: '10.88.88.73', port: 4789 };
const VNIC = 9;
const KINDS = ['new', 'new', 'old', 'static', 'vnic', 'evict', 'miss', 'settle', 'settle'] as const;

const macOf = (n: number) => `02:00:00:00:00:0${n}`;
const toldMacs = ({ targets }: Harness) => [...targets.told()].filter((mac) => mac !== null);

/** `place`: -1 for none. `new` and `old` are what a plugin says by itself. */
interface Step {
  readonly do: (typeof KINDS)[number];
  readonly mac: number;
  readonly place: number;
}

interface Story {
  /** Where the MACs are, by the word of each. */
  readonly old: readonly number[];
  readonly new: readonly number[];
  /** Whether `entries` of the new one has it. */
  readonly listed: readonly boolean[];
  readonly before: readonly Step[];
  readonly warming: readonly Step[];
  readonly after: readonly Step[];
}

const place = fc.integer({ min: -1, max: PLACES.length - 1 });
const perMac = <T>(each: fc.Arbitrary<T>) => fc.array(each, { minLength: MACS, maxLength: MACS });
const steps = fc.array(fc.record({ do: fc.constantFrom(...KINDS), mac: fc.nat(MACS - 1), place }), { maxLength: 12 });
const story: fc.Arbitrary<Story> = fc.record({
  old: perMac(place),
  new: perMac(place),
  listed: perMac(fc.boolean()),
  before: steps,
  warming: steps,
  after: steps,
});

/** A plugin that knows its table, answers when it is told to with what it knew when it was asked, and says changes. */
class Directory {
  readonly table: Map<string, Endpoint | null>;
  readonly instance: Partial<DynamicInstance> = {
    lookup: ({ mac }) => this.#ask(mac),
    entries: () => this.#listed(),
  };
  /** Once there is one: what it says by itself goes there. */
  context: PluginContext | null = null;
  readonly #isListed: (mac: string) => boolean;
  #late: (() => void)[] = [];

  constructor(places: readonly number[], isListed: (mac: string) => boolean) {
    this.table = new Map(places.map((at, n) => [macOf(n), PLACES[at] ?? null]));
    this.#isListed = isListed;
  }

  #ask(mac: string): Promise<Answer | null> {
    const target = this.table.get(mac) ?? null;
    return new Promise((resolve) => this.#late.push(() => resolve(target === null ? null : { target })));
  }

  *#listed(): Generator<Entry> {
    for (const [mac, target] of this.table) if (target !== null && this.#isListed(mac)) yield { mac, target };
  }

  change(mac: string, target: Endpoint | null): void {
    this.table.set(mac, target);
    if (target === null) this.context?.withdraw(mac);
    else this.context?.put(mac, target);
  }

  answer(): void {
    for (const answer of this.#late.splice(0)) answer();
  }
}

class Scene {
  readonly h: Harness;
  readonly old: Directory;
  readonly next: Directory;
  /** MACs that are the operator's or a VNIC's. */
  readonly claimed = new Map<string, object>();
  /** MACs of which something was said or done beyond the beginning. */
  readonly touched = new Set<string>();
  readonly evicted = new Set<string>();

  constructor(h: Harness, old: Directory, next: Directory) {
    this.h = h;
    this.old = old;
    this.next = next;
  }

  async play(all: readonly Step[]): Promise<void> {
    for (const step of all) await this.#play(step);
  }

  async #play({ do: what, mac: n, place: at }: Step): Promise<void> {
    const mac = macOf(n);
    if (what === 'settle') {
      this.old.answer();
      this.next.answer();
      await settled();
      return;
    }
    this.touched.add(mac);
    if (what === 'new') this.next.change(mac, PLACES[at] ?? null);
    else if (what === 'old') this.old.change(mac, PLACES[at] ?? null);
    else if (what === 'miss') this.h.upcalls.handle(miss(mac));
    else if (this.claimed.has(mac)) return;
    else if (what === 'evict') this.#evict(mac);
    else this.#claim(mac, what);
  }

  #evict(mac: string): void {
    this.h.datapath.fdb.delete(mac);
    this.evicted.add(mac);
  }

  #claim(mac: string, by: 'static' | 'vnic'): void {
    const { upcalls, targets, datapath } = this.h;
    this.claimed.set(mac, by === 'static' ? remote(OPERATORS) : { kind: 'local', vnic: VNIC });
    if (by === 'static') upcalls.setStatic(mac, OPERATORS);
    else {
      datapath.fdbPut(OVERLAY, mac, { kind: 'local', vnic: VNIC }, { isStatic: true });
      upcalls.tookLocally(mac);
      targets.forget(mac);
    }
  }

  /** The new plugin answers until the work is done; the old one may still owe answers. */
  async meanwhile(work: Promise<void>): Promise<void> {
    let isDone = false;
    const done = work.then(() => {
      isDone = true;
    });
    while (!isDone) {
      this.next.answer();
      await settled();
    }
    await done;
  }

  /** `wasKnown`: there was an entry by the old plugin's word when the new one took over. */
  check(mac: string, wasKnown: boolean): void {
    const entry = this.h.fdb(mac);
    const target = this.next.table.get(mac) ?? null;
    const claim = this.claimed.get(mac);
    if (claim !== undefined) assert.deepEqual(entry, claim, `${mac} is claimed`);
    else if (target === null) assert.ok(entry === undefined || entry.kind === 'drop', `${mac} is gone`);
    else if (entry !== undefined) assert.deepEqual(entry, remote(target), `${mac} is where it says`);
    else assert.ok(!wasKnown || this.evicted.has(mac), `${mac} was known, and is where it says`);
  }

  async drain(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      this.old.answer();
      this.next.answer();
      await settled();
    }
  }
}

async function run(told: Story): Promise<void> {
  const old = new Directory(told.old, () => true);
  const next = new Directory(told.new, (mac) => told.listed[Number(mac.at(-1))] as boolean);
  const h = await harness(old.instance);
  old.context = h.context;
  const scene = new Scene(h, old, next);
  for (const [mac, target] of old.table) if (target !== null) h.context.put(mac, target);
  await scene.play(told.before);

  const relay = new Relay(new EarlyPushes(1024));
  const plugin = pluginOf(next.instance);
  const host = h.hostOf(plugin, relay);
  await scene.meanwhile(host.start());
  next.context = plugin.context();
  const warm = warmed(host, relay.early, toldMacs(h));
  await scene.play(told.warming);
  await scene.meanwhile(warm);

  const known = new Set(toldMacs(h));
  const written = h.datapath.puts.length;
  scene.evicted.clear();
  h.host.retire();
  h.serve(host);
  h.upcalls.serve(relay);
  await scene.play(told.after);
  await scene.drain();

  for (const mac of next.table.keys()) scene.check(mac, known.has(mac));
  const same = [...known].filter((mac) => !scene.touched.has(mac) && isSame(told, mac));
  const again = same.filter((mac) => h.datapath.puts.slice(written).includes(mac));
  assert.deepEqual(again, [], 'written again, though the same');
}

const isSame = (told: Story, mac: string) => {
  const n = Number(mac.at(-1));
  return told.old[n] === told.new[n];
};

/** What an instance does before it serves. */
async function warmed(host: PluginHost, early: EarlyPushes, macs: readonly string[]): Promise<void> {
  for await (const page of host.entries()) for (const { mac, ...answer } of page) early.answered(mac, answer);
  const unsaid = macs.filter((mac) => !early.answers.has(mac));
  await Promise.all(unsaid.map(async (mac) => early.answered(mac, await host.lookup(plainQuery(23, mac)))));
}

describe('a reconciliation', () => {
  it('ends with what the new plugin says, and touches neither what is the same nor what is not its own', async () => {
    await fc.assert(fc.asyncProperty(story, run), { numRuns: 300 });
  });

  it('asks the new plugin of a MAC too whose question to the old one is at its deadline', async () => {
    const mac = macOf(0);
    const h = await harness({ lookup: () => new Promise(() => {}) });
    h.context.put(mac, PEER);
    void h.upcalls.ask(plainQuery(23, mac));
    await h.pass(LOOKUP_DEADLINE_MS - 1);
    const relay = new Relay(new EarlyPushes(1024));
    const host = h.hostOf(pluginOf({ lookup: () => ({ target: OTHER_PEER }) }), relay);
    await host.start();
    h.host.retire();
    h.serve(host);
    h.upcalls.serve(relay);
    await h.pass(1);
    await settled();
    assert.deepEqual(h.fdb(mac), remote(OTHER_PEER));
  });
});
