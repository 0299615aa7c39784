/** Which VTEPs are told of as silent, without a datapath: counters are numbers here. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Endpoint } from '../../../src/address.js';
import { SilenceWatch } from '../../../src/daemon/oam/silence.js';

const PEER: Endpoint = { ip: '10.0.0.2', port: 4789 };
const AFTER_MS = 60_000;
const LOOK_MS = 2000;

function setUp(afterMs = AFTER_MS, count = 1) {
  const answers: { vtep: boolean; echo: boolean } | null = { vtep: false, echo: false };
  const state = { nowMs: 0, answers: answers as typeof answers | null, overlays: ['ov0'], asked: 0 };
  const endpoints: [number, Endpoint, number][] = Array.from({ length: count }, (_, n) => [
    n + 1,
    n === 0 ? PEER : { ...PEER, port: n },
    1,
  ]);
  const traffic = endpoints.map(() => ({ sent: 0, received: 0 }));
  const told: string[] = [];
  const watch = new SilenceWatch({
    datapath: {
      endpoints: () => endpoints,
      endpointTraffic(index) {
        const { sent, received } = traffic[index - 1]!;
        const of = (frames: number) => ({ frames, bytes: 60 * frames });
        return { encap: of(sent), decap: of(received), drops: 0 };
      },
    },
    afterMs,
    async ask() {
      state.asked++;
      return state.answers;
    },
    isSentTo: () => state.overlays.length > 0,
    overlaysOf: () => state.overlays,
    tell: (kind, { object, overlay = '', reason = '' }) => void told.push([kind, object, overlay, reason].join('|')),
    now: () => state.nowMs,
  });
  /** For so long `sent` and `received` frames a look. */
  async function pass(ms: number, sent: number, received: number, of = [0]): Promise<void> {
    for (const end = state.nowMs + ms; state.nowMs < end; ) {
      state.nowMs += LOOK_MS;
      for (const each of of) {
        traffic[each]!.sent += sent;
        traffic[each]!.received += received;
      }
      for (let tick = 0; tick <= endpoints.length / 1024; tick++) watch.tick(state.nowMs);
      await setImmediate();
    }
  }
  const hearing = () => watch.hearings().get('10.0.0.2:4789');
  return { watch, state, endpoints, told, pass, hearing };
}

describe('a VTEP', () => {
  it('that was heard, is sent to and answers nothing is told of once as silent; so is its return', async () => {
    const { told, pass, hearing } = setUp();
    await pass(10_000, 5, 5);
    assert.deepEqual(hearing(), { heardSeconds: 0, isSilent: false });
    await pass(AFTER_MS - LOOK_MS, 5, 0);
    assert.deepEqual([told, hearing()?.isSilent], [[], false]);
    await pass(3 * AFTER_MS, 5, 0);
    assert.deepEqual(told, [
      'endpoint_silent|endpoint 10.0.0.2|ov0|nothing came for 62 s, nor does its host answer an echo',
    ]);
    assert.equal(hearing()?.isSilent, true);
    await pass(LOOK_MS, 0, 1);
    assert.equal(told.length, 2);
    assert.match(told[1]!, /^endpoint_answers\|endpoint 10\.0\.0\.2\|ov0\|silent for 24\d s$/);
    assert.deepEqual(hearing(), { heardSeconds: 0, isSilent: false });
  });

  it('that never sent, one that nobody sends to, and one that hears a lone frame now and then are not', async () => {
    const never = setUp();
    await never.pass(5 * AFTER_MS, 5, 0);
    assert.deepEqual(
      [never.told, never.state.asked, never.hearing()],
      [[], 0, { heardSeconds: null, isSilent: false }],
    );
    const idle = setUp();
    await idle.pass(LOOK_MS, 5, 5);
    await idle.pass(10 * AFTER_MS, 0, 0);
    assert.deepEqual([idle.told, idle.state.asked, idle.hearing()?.heardSeconds], [[], 0, 600]);
    await idle.pass(LOOK_MS, 1, 0);
    await idle.pass(10 * AFTER_MS, 0, 0);
    assert.deepEqual([idle.told, idle.state.asked], [[], 0]);
  });

  it('that only receives is asked, and whoever answers is not silent', async () => {
    const { told, state, pass } = setUp();
    state.answers = { vtep: false, echo: true };
    await pass(LOOK_MS, 5, 5);
    await pass(10 * AFTER_MS, 5, 0);
    assert.deepEqual(told, []);
    assert.ok(state.asked >= 8 && state.asked <= 10, `asked ${state.asked} times`);
  });

  it('that has answered on its VNI is silent when it does so no more, though its host answers', async () => {
    for (const isAskedByHand of [false, true]) {
      const { watch, told, state, pass } = setUp();
      await pass(LOOK_MS, 5, 5);
      state.answers = { vtep: !isAskedByHand, echo: true };
      if (isAskedByHand) watch.answered([{ ...PEER, port: 1 }, PEER]);
      else await pass(AFTER_MS + 3 * LOOK_MS, 5, 0);
      state.answers = { vtep: false, echo: true };
      await pass(2 * AFTER_MS, 5, 0);
      assert.match(told.join(), /^endpoint_silent\|.*it does not answer on its VNI any more$/);
      state.answers = { vtep: true, echo: true };
      await pass(AFTER_MS, 0, 0);
      assert.match(told[1]!, /^endpoint_answers\|/, 'it is asked again, though nobody sends');
    }
  });

  it('of several overlays is told of once, with the first of them; a new one in its place starts afresh', async () => {
    const { told, state, endpoints, pass, hearing } = setUp();
    state.overlays = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    await pass(LOOK_MS, 5, 5);
    await pass(2 * AFTER_MS, 5, 0);
    assert.match(told.join(), /^endpoint_silent\|endpoint 10\.0\.0\.2\|\|[^;]*; overlays a, b, c, d, e and 2 more$/);
    endpoints[0] = [1, { ip: '10.0.0.3', port: 4789 }, 1];
    await pass(LOOK_MS, 0, 0);
    assert.equal(hearing(), undefined);
    endpoints.length = 0;
    await pass(2 * LOOK_MS, 0, 0);
    assert.equal(told.length, 1);
  });

  it('that no overlay sends to any more is idle: it is neither told of, nor silent for ever', async () => {
    const gone = setUp();
    gone.state.answers = null;
    await gone.pass(LOOK_MS, 5, 5);
    await gone.pass(2 * AFTER_MS, 5, 0);
    assert.ok(gone.state.asked >= 1);
    assert.deepEqual([gone.told, gone.hearing()?.isSilent], [[], false]);

    const dead = setUp();
    await dead.pass(LOOK_MS, 5, 5);
    await dead.pass(100 * AFTER_MS, 5, 0);
    assert.deepEqual([dead.told.length, dead.hearing()?.isSilent], [1, true]);
    dead.state.overlays = [];
    await dead.pass(AFTER_MS, 0, 0);
    assert.deepEqual([dead.told.length, dead.hearing()?.isSilent], [1, false]);
  });

  it('is one of 3000 that all die, of which some are asked at a time: each is told of', async () => {
    const { told, pass } = setUp(AFTER_MS, 3000);
    const all = Array.from({ length: 3000 }, (_, n) => n);
    await pass(LOOK_MS, 1, 1, all);
    await pass(AFTER_MS + 100 * LOOK_MS, 1, 0, all);
    assert.equal(told.length, 3000);
  });

  it('may be silent for ever where the time is 0', async () => {
    const { told, state, pass, hearing } = setUp(0);
    await pass(LOOK_MS, 5, 5);
    await pass(10 * AFTER_MS, 5, 0);
    assert.deepEqual([told, state.asked, hearing()], [[], 0, { heardSeconds: 600, isSilent: false }]);
  });
});
