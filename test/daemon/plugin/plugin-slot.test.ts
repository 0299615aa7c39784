/** The place of a search plugin: every event in every state. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { BACKOFF_FIRST_MS } from '../../../src/daemon/health/backoff.js';
import type { PluginSlot } from '../../../src/daemon/plugin/plugin-slot.js';
import { tableFull, VxlaneError } from '../../../src/errors.js';
import { PluginFault } from '../../../src/search/host/types.js';
import { until } from '../../support/until.js';
import { NEW, OLD, SlotRig } from './slot-rig.js';

type StateName = PluginSlot['state'];

const STATES: Record<StateName, (rig: SlotRig) => Promise<void>> = {
  async absent() {},
  async starting(rig) {
    rig.tell(OLD, { start: 'waits' });
    void rig.slot.start();
    await until(() => rig.running === 1);
  },
  async serving(rig) {
    await rig.slot.start();
  },
  async 'backing-off'(rig) {
    rig.tell(OLD, { start: 'fails' });
    await rig.slot.start();
    rig.tell(OLD, { start: 'succeeds' });
  },
};

class Abandoned extends Error {}

interface Event {
  readonly happens: (rig: SlotRig) => Promise<unknown>;
  /** What there is afterwards; after `!`, why what was asked for was refused. */
  readonly expected: Readonly<Record<StateName, string>>;
}

/** Nothing that changes the state. */
const SAME = { absent: 'absent', starting: 'starting', serving: 'serving 5:1', 'backing-off': 'backing-off' } as const;
const refusedAs = (code: string) => ({
  absent: `absent ! ${code}`,
  starting: `starting ! ${code}`,
  serving: `serving 5:1 ! ${code}`,
  'backing-off': `backing-off ! ${code}`,
});

/** The slot has nothing to do at once: what is not waiting has come to its end. */
async function quiet({ slot }: SlotRig): Promise<void> {
  await until(() => slot.state !== 'starting');
}

const EVENTS: Record<string, Event> = {
  start: {
    happens: async (rig) => {
      const started = rig.slot.start();
      if (rig.slot.starting !== null) assert.equal(rig.slot.starting, started, 'it joins the start that is under way');
      rig.tell(OLD, { start: 'succeeds' });
      await started;
    },
    expected: { absent: 'serving 5:1', starting: 'serving 5:1', serving: 'serving 5:1', 'backing-off': 'serving 5:1' },
  },
  'a start that is under way succeeds': {
    happens: async (rig) => {
      rig.tell(OLD, { start: 'succeeds' });
      await quiet(rig);
    },
    expected: { ...SAME, starting: 'serving 5:1' },
  },
  'a start that is under way fails': {
    happens: async (rig) => {
      rig.tell(OLD, { start: 'fails' });
      await quiet(rig);
    },
    expected: { ...SAME, starting: 'backing-off' },
  },
  'a start has no room in the datapath': {
    happens: async (rig) => {
      rig.refusal = tableFull('endpoints', 1);
      rig.tell(OLD, { start: 'succeeds' });
      await quiet(rig);
    },
    expected: { ...SAME, starting: 'backing-off' },
  },
  'the instance dies': {
    happens: async (rig) => {
      rig.tell(OLD, { start: 'waits', dies: true });
      await until(() => rig.running === 0);
      await until(() => rig.slot.state === 'absent' || rig.slot.state === 'backing-off');
    },
    expected: { ...SAME, starting: 'backing-off', serving: 'backing-off' },
  },
  'the back-off is over': {
    happens: async (rig) => {
      const before = rig.slot.state;
      rig.pass(BACKOFF_FIRST_MS - 1);
      assert.equal(rig.slot.state, before, 'not too early');
      rig.pass(1);
      if (before === 'backing-off') await rig.slot.starting;
    },
    expected: { ...SAME, 'backing-off': 'serving 5:1' },
  },
  'a change': {
    happens: (rig) => rig.slot.change(rig.given('3'), ['mine/port']),
    expected: { ...SAME, serving: 'serving 5:3' },
  },
  'a change, and then the start succeeds': {
    happens: async (rig) => {
      await rig.slot.change(rig.given('3'), ['mine/port']);
      rig.tell(OLD, { start: 'succeeds' });
      await quiet(rig);
    },
    expected: { ...SAME, starting: 'serving 5:3', serving: 'serving 5:3' },
  },
  'a change that a running plugin refuses': {
    happens: (rig) => rig.slot.change(rig.given('9'), ['mine/port']),
    expected: { ...SAME, serving: 'serving 5:1 ! fault' },
  },
  'a change that the datapath has no room for': {
    happens: async (rig) => {
      rig.refusal = tableFull('endpoints', 1);
      await rig.slot.change(rig.configuration, []);
    },
    expected: refusedAs('table_full'),
  },
  'a swap is prepared, and given up': {
    happens: (rig) =>
      rig.swap(async (instance) => {
        rig.slot.check(instance);
        throw new Abandoned();
      }),
    expected: refusedAs('abandoned'),
  },
  'a swap cannot start': {
    happens: (rig) => {
      rig.tell(NEW, { start: 'fails' });
      return rig.swap(async () => assert.fail('it is not ready'));
    },
    expected: refusedAs('plugin_failed'),
  },
  'a swap is committed': {
    happens: async (rig) => {
      await rig.swap((instance) => rig.slot.serve(instance));
      rig.tell(OLD, { start: 'succeeds' }); // a start that was under way comes to its end, and to nothing
    },
    expected: { absent: 'serving 6:2', starting: 'serving 6:2', serving: 'serving 6:2', 'backing-off': 'serving 6:2' },
  },
  'a swap has no room in the datapath': {
    happens: (rig) =>
      rig.swap((instance) => {
        rig.refusal = tableFull('endpoints', 1);
        return rig.slot.serve(instance);
      }),
    expected: refusedAs('table_full'),
  },
  'a swap whose instance dies before it is committed': {
    happens: (rig) =>
      rig.swap(async (instance) => {
        rig.tell(NEW, { start: 'succeeds', dies: true });
        await until(() => instance.fault !== null);
        await rig.slot.serve(instance);
      }),
    expected: refusedAs('fault'),
  },
  'a swap is outdated by a change': {
    happens: (rig) =>
      rig.swap(async (instance) => {
        await rig.slot.change(rig.configuration, []);
        await rig.slot.serve(instance);
      }),
    expected: refusedAs('changed_meanwhile'),
  },
  'a swap is outdated by a change that is under way': {
    happens: (rig) =>
      rig.swap(async (instance) => {
        const isServing = rig.slot.state === 'serving';
        if (isServing) rig.tell(OLD, { start: 'waits' });
        const changing = rig.slot.change(rig.given('3'), ['mine/port']);
        try {
          await rig.slot.serve(instance);
        } finally {
          if (isServing) rig.tell(OLD, { start: 'succeeds' });
          await changing;
        }
      }),
    expected: { ...refusedAs('changed_meanwhile'), serving: 'serving 5:3 ! changed_meanwhile' },
  },
  'a swap is outdated by another': {
    happens: (rig) =>
      rig.swap(async (outdated) => {
        await rig.swap((instance) => rig.slot.serve(instance), '4');
        rig.tell(OLD, { start: 'succeeds' });
        await rig.slot.serve(outdated);
      }),
    expected: {
      absent: 'serving 6:4 ! changed_meanwhile',
      starting: 'serving 6:4 ! changed_meanwhile',
      serving: 'serving 6:4 ! changed_meanwhile',
      'backing-off': 'serving 6:4 ! changed_meanwhile',
    },
  },
  'a reload': {
    happens: (rig) => rig.slot.reload(),
    expected: SAME,
  },
  'a reload that fails': {
    happens: async (rig) => {
      if (rig.slot.state === 'serving') rig.tell(OLD, { start: 'fails' });
      await rig.slot.reload();
      assert.equal(rig.health.has('reload'), rig.slot.state === 'serving');
    },
    expected: SAME,
  },
  'the end, and a start after it': {
    happens: async (rig) => {
      await rig.slot.end('for_good');
      await rig.slot.start();
      rig.pass(BACKOFF_FIRST_MS);
    },
    expected: { absent: 'absent', starting: 'absent', serving: 'absent', 'backing-off': 'absent' },
  },
  'the end while a swap is ready': {
    happens: (rig) =>
      rig.swap(async (instance) => {
        await rig.slot.end('for_good');
        await rig.slot.serve(instance);
      }),
    expected: {
      absent: 'absent ! changed_meanwhile',
      starting: 'absent ! changed_meanwhile',
      serving: 'absent ! changed_meanwhile',
      'backing-off': 'absent ! changed_meanwhile',
    },
  },
};

function codeOf(thrown: unknown): string {
  if (thrown instanceof Abandoned) return 'abandoned';
  if (thrown instanceof PluginFault) return 'fault';
  if (thrown instanceof VxlaneError) return thrown.code;
  throw thrown;
}

for (const [state, reach] of Object.entries(STATES) as [StateName, (typeof STATES)[StateName]][]) {
  describe(`a slot that is ${state}`, { concurrency: 4 }, () => {
    for (const [what, { happens, expected }] of Object.entries(EVENTS)) {
      it(`${what}: ${expected[state]}`, async () => {
        const rig = await SlotRig.make();
        after(() => rig.slot.end('for_good'));
        await reach(rig);
        assert.equal(rig.slot.state, state);
        const refused = await Promise.resolve(happens(rig)).then(
          () => '',
          (thrown: unknown) => ` ! ${codeOf(thrown)}`,
        );
        assert.equal((await rig.shown()) + refused, expected[state]);
        const isOccupied = rig.slot.state === 'starting' || rig.slot.state === 'serving';
        await until(() => rig.running === (isOccupied ? 1 : 0));
        if (rig.slot.state === 'backing-off') assert.notEqual(rig.health.details, '', 'it says why');
        if (rig.slot.state === 'serving') assert.equal(rig.health.has('start'), false);
        await until(() => rig.slots.has(rig.slot) === (rig.slot.state !== 'absent'));
        await rig.slot.end('for_good');
        await until(() => rig.running === 0);
        assert.equal(rig.slots.size, 0);
      });
    }
  });
}

it('an instance that ends hears how, and with which values another one goes on', async () => {
  const rig = await SlotRig.make();
  after(() => rig.slot.end('for_good'));
  await rig.slot.start();
  await rig.slot.change(rig.given('3'), ['mine/port']);
  await assert.rejects(
    rig.swap(() => Promise.reject(new Abandoned())),
    Abandoned,
  );
  await rig.swap((instance) => rig.slot.serve(instance), '4');
  await rig.slot.end('to_resume');
  assert.deepEqual(rig.ends, ['ends 6 to_resume 3', 'ends 5 to_resume 4', 'ends 6 to_resume ']);
});

it('no instance begins behind the end, which came while it was asked what the plugin is', async () => {
  const rig = await SlotRig.unfound();
  rig.tell(OLD, { start: 'waits' });
  void rig.slot.start();
  await rig.slot.end('to_resume');
  await until(() => rig.asked === 2); // it is known now what the plugin is
  await new Promise(setImmediate);
  assert.equal(rig.slots.size, 0);
});
