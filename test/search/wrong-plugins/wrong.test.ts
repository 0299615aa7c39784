/** Mistakes that authors make, one a plugin: the conformance suite finds each, in the case that is about it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConformanceError, type Subject } from 'vxlane/search/testing';
import { A, backend } from './backend.js';
import { suiteOf } from './suite.js';

describe('a plugin that is right passes', { concurrency: 4 }, async () => {
  for (const [name, run] of await suiteOf('{}', '{}', {})) test(name, run);
});

interface Mistake {
  readonly what: string;
  /** What is different of the instance, and of the manifest. */
  readonly methods?: string;
  readonly manifest?: string;
  readonly facts?: Partial<Subject>;
  /** In the name of the case that fails, and in its message. */
  readonly found: string;
  readonly says: RegExp;
}

const property = (fields: string) => `{ properties: [
  { name: 'right/channel', type: 'string', required: true, help: 'where' },
  { name: 'right/x', type: 'uint', required: false, help: 'h', ${fields} }] }`;
const answer = (fields: string) => `{ lookup: async ({ mac }) => {
  const target = await it.ask(mac); return target && { target: { ...target, ${fields} } }; } }`;
const BAD_ANSWER = 'known MACs have their targets';
const FAILING = 'a backend that fails is no unknown MAC';

const MISTAKES: readonly Mistake[] = [
  {
    what: 'has a property of another',
    manifest: `{ name: 'left' }`,
    ...{ found: 'is a search plugin', says: /not left\/….*"What a plugin is"/s },
  },
  {
    what: 'fails when it hears of a move',
    methods: `{ async moved({ ip }) { if (ip !== null) throw new Error('no moves, please') } }`,
    ...{ found: 'hears of moves', says: /no moves, please.*"Being told"/s },
  },
  {
    what: 'does not start',
    methods: `{ start() { throw new Error('no day for it') } }`,
    ...{ found: 'starts and stops', says: /no day for it/ },
  },
  {
    what: 'names an encapsulation that there is not',
    manifest: `{ encapsulations: ['vxlan', 'vlan'] }`,
    ...{ found: 'names encapsulations', says: /no encapsulation vlan: known are vxlan,geneve.*"Properties"/s },
  },
  {
    what: 'takes every VTEP for one of VXLAN',
    facts: { portless: { [A]: '10.88.88.69' } },
    ...{
      found: 'overlays of every',
      says: /of geneve: { ip: '10.88.88.69', port: 4789 }, expected .*6081.*"Answers"/s,
    },
  },
  {
    what: 'names all candidates but the one that counts',
    methods: `{ candidates: () => [{ ip: '10.88.88.99', port: 4789 }] }`,
    ...{ found: 'target of a MAC is among', says: /candidates of .* have not its target, {"ip":.*"Answers"/s },
  },
  {
    what: 'has candidates for a MAC that nobody has',
    methods: `{ candidates: () => [{ ip: '10.88.88.69', port: 4789 }, { ip: '10.88.88.70', port: 4790 }] }`,
    ...{ found: 'target of a MAC is among', says: /candidates of .*, expected \[\]/s },
  },
  {
    what: 'has a default out of range',
    manifest: property('default: 7, range: [1, 5]'),
    ...{ found: 'is a search plugin', says: /of right\/x is "7": expected a decimal whole number from 1 to 5/ },
  },
  {
    what: 'has a default of another type',
    manifest: property(`default: '7'`),
    ...{ found: 'is a search plugin', says: /the default of right\/x is "7": expected 7/ },
  },
  {
    what: 'has an empty range',
    manifest: property('range: [5, 1]'),
    ...{ found: 'is a search plugin', says: /the range of right\/x is empty: 5-1/ },
  },
  {
    what: 'cannot take a change',
    manifest: property('mutable: true, default: 1'),
    ...{ found: 'takes changes', says: /no change\(\)/ },
  },
  {
    what: 'refuses changes',
    methods: `{ change() { throw new Error('never') } }`,
    manifest: property('mutable: true, default: 1'),
    ...{ found: 'takes changes', says: /change of right\/x failed.*never/ },
  },
  {
    what: 'starts with a wrong value',
    methods: `{ start() { it.channel = new BroadcastChannel('nowhere') } }`,
    facts: { backend: () => ({ properties: { 'right/channel': 'nowhere' } }) },
    ...{ found: 'start refuses "nowhere"', says: /start\(\) takes right\/channel=nowhere/ },
  },
  {
    what: 'refuses a wrong value without its name',
    manifest: `{ create(context, values) {
      if (values['right/channel'] === 'nowhere') throw new Error('no such thing');
      return right().create(context, values) } }`,
    ...{ found: 'start refuses "nowhere"', says: /without its name: .*no such thing/ },
  },
  {
    what: 'cannot bear an early question',
    methods: `{ lookup({ mac }) {
        if (it.channel === null) setTimeout(() => it.channel.x, 0);
        return proto.lookup.call(it, { mac }) },
      start: async () => { await later(50); proto.start.call(it) } }`,
    ...{ found: 'questions before start', says: /threw .*null/ },
  },
  {
    what: 'says "drop" of an unknown MAC',
    methods: `{ lookup: async ({ mac }) => ({ target: (await it.ask(mac)) ?? 'drop' }) }`,
    ...{ found: 'an unknown MAC has no target', says: /de:ad:be:ee:00:00 when asked first: drop, expected null/ },
  },
  {
    what: 'rejects an unknown MAC',
    methods: `{ lookup: async ({ mac }) => ({ target: { ...(await it.ask(mac)) } }) }`,
    ...{ found: 'an unknown MAC has no target', says: /is not an IP address/ },
  },
  {
    what: 'answers an address that is not canonical',
    methods: answer(`ip: '::ffff:10.88.88.69'`),
    ...{ found: BAD_ANSWER, says: /not an IP address in canonical text/ },
  },
  { what: 'answers a port as text', methods: answer(`port: '4789'`), found: BAD_ANSWER, says: /not a UDP port/ },
  {
    what: 'answers a function',
    methods: answer('port: () => 1'),
    found: BAD_ANSWER,
    says: /Function: port.*not a UDP port/,
  },
  {
    what: 'pushes a target that is none',
    methods: `{ push: (mac) => context.put(mac, 'nowhere') }`,
    ...{ found: 'a change is pushed', says: /neither an endpoint nor|the host has/ },
  },
  {
    what: 'forgets what it was asked',
    methods: `{ lookup({ mac }) { if (it.asked?.has(mac)) return null; (it.asked ??= new Set()).add(mac);
        return proto.lookup.call(it, { mac }) } }`,
    ...{ found: BAD_ANSWER, says: /when asked again: null/ },
  },
  {
    what: 'mixes up what is asked at once',
    methods: `{ async lookup({ mac }) {
        it.last = mac;
        await later(1);
        const target = await it.ask(it.last);
        return target && { target } } }`,
    ...{ found: '256 MACs at once', says: /many/ },
  },
  {
    what: 'takes only so many questions',
    methods: `{ lookup({ mac }) {
        if (it.open.size > 100) throw new Error('busy');
        return proto.lookup.call(it, { mac }) } }`,
    ...{ found: '256 MACs at once', says: /busy/ },
  },
  {
    what: 'names a wrong owner',
    methods: `{ ndp: () => null }`,
    ...{ found: 'addresses have their owners', says: /owner of fe80::3/ },
  },
  {
    what: 'names a group as the DHCP server',
    methods: `{ dhcp: () => 'ff:ff:ff:ff:ff:ff' }`,
    ...{ found: 'clients have their DHCP servers', says: /not the MAC of one host/ },
  },
  {
    what: 'can do what the suite was not told of',
    facts: { servers: undefined as never },
    ...{ found: 'the suite knows enough', says: /servers/ },
  },
  {
    what: 'leaves out entries',
    methods: `{ entries: () => [] }`,
    ...{ found: 'entries and lookup', says: /leaves out de:ad/ },
  },
  {
    what: 'tells an entry twice',
    methods: `{ entries: () => [...proto.entries.call(it), ...proto.entries.call(it)] }`,
    ...{ found: 'entries and lookup', says: /twice/ },
  },
  {
    what: 'floods to nobody it names',
    methods: `{ flood: () => ({ endpoints: [{ ip: '0.0.0.0', port: 4789 }] }) }`,
    ...{ found: 'its flood list', says: /0\.0\.0\.0 is not the address of one host/ },
  },
  {
    what: 'forgets all at a reload',
    methods: `{ reload() { it.lookup = () => null } }`,
    ...{ found: 'after a reload', says: /after a reload: null/ },
  },
  {
    what: 'answers from a cache for ever',
    methods: `{ async lookup({ mac }) {
        const target = (it.cache ??= new Map()).get(mac) ?? await it.ask(mac);
      it.cache.set(mac, target); return target && { target } } }`,
    ...{ found: 'lookup follows the backend', says: /still says/ },
  },
  {
    what: 'never pushes',
    methods: `{ push() {} }`,
    ...{ found: 'a change is pushed', says: /the host has .*, the backend / },
  },
  {
    what: 'does not push what only entries() told',
    methods: `{ asked: new Set(),
      lookup({ mac }) { this.asked.add(mac); return proto.lookup.call(it, { mac }) },
      push(mac, target) { if (this.asked.has(mac)) proto.push.call(it, mac, target) } }`,
    ...{ found: 'what entries told is pushed', says: /the host has/ },
  },
  {
    what: 'does not push what is being asked',
    methods: `{ busy: new Set(), async lookup({ mac }) { it.busy.add(mac);
        try { return await proto.lookup.call(it, { mac }) } finally { it.busy.delete(mac) } },
      push(mac, target) { if (!it.busy.has(mac)) proto.push.call(it, mac, target) } }`,
    facts: { backend: () => backend(true) },
    ...{ found: 'a change while it is asked', says: /the host has/ },
  },
  {
    what: 'waits for ever',
    methods: `{ ask(mac) { const id = crypto.randomUUID();
      return new Promise((resolve, reject) => {
        it.open.set(id, { resolve, reject });
        it.channel.postMessage({ ask: id, mac }) }) } }`,
    ...{ found: 'a backend that hangs', says: /hangs as its backend does: .*no answer within 3 s/ },
  },
  {
    what: 'takes trouble for null',
    methods: `{ lookup: async ({ mac }) => {
        const target = await it.ask(mac).catch(() => null);
        return target && { target } } }`,
    ...{ found: FAILING, says: /in trouble: null/ },
  },
  {
    what: 'never forgives',
    methods: `{ lookup: async ({ mac }) => {
        if (it.bad) { context.degrade('bad'); throw new Error('bad') }
        try {
          const target = await it.ask(mac);
          return target && { target };
        } catch (thrown) { it.bad = true; throw thrown } } }`,
    ...{ found: FAILING, says: /after the backend came back/ },
  },
  {
    what: 'exits when it cannot start',
    methods: `{ start: async () => { proto.start.call(it);
      await it.ask('de:ad:be:ef:00:00').catch(() => process.exit(3)) } }`,
    ...{ found: 'a backend that fails at start', says: /exit code 3/ },
  },
  {
    what: 'leaves a timer',
    methods: `{ start: () => { proto.start.call(it); setInterval(() => {}, 1000) } }`,
    ...{ found: 'leaves nothing behind', says: /kept by Timeout/ },
  },
  {
    what: 'does not end',
    methods: `{ stop: () => new Promise(() => {}) }`,
    ...{ found: 'leaves nothing behind', says: /stop\(\) is done: not within 2 s/ },
  },
  {
    what: 'fails to end',
    methods: `{ stop() { proto.stop.call(it); throw new Error('stuck') } }`,
    ...{ found: 'leaves nothing behind', says: /stop\(\) failed: stuck/ },
  },
  {
    what: 'leaves open questions open',
    methods: `{ stop: () => it.channel?.close() }`,
    ...{ found: 'while its backend hangs', says: /open at stop\(\) settle: not within/ },
  },
  {
    what: 'goes on starting after it was stopped',
    methods: `{ start: async () => { await later(100); proto.start.call(it) } }`,
    ...{ found: 'stopped while it starts', says: /kept by/ },
  },
  {
    what: 'ends its backend for the other instance',
    methods: `{ stop() { it.channel?.postMessage({ ask: 'end' }); proto.stop.call(it) } }`,
    ...{ found: 'side by side', says: /after the first was stopped/ },
  },
];

describe('a plugin that', { concurrency: 4 }, () => {
  for (const { what, methods = '{}', manifest = '{}', facts = {}, found, says } of MISTAKES) {
    test(`${what} fails`, async () => {
      const cases = await suiteOf(methods, manifest, { noticeMs: 1500, ...facts });
      const about = cases.filter(([name]) => name.includes(found));
      assert(about.length > 0, `no case "${found}" among: ${cases.map(([name]) => name).join('; ')}`);
      for (const [, run] of about.slice(0, 1)) {
        await assert.rejects(run(), (thrown) => {
          assert(thrown instanceof ConformanceError, String(thrown));
          assert.match(thrown.message, says);
          assert.match(thrown.message, /\n {2}The contract: /);
          return true;
        });
      }
    });
  }
});
