// What is received is counted of the endpoint that sent it, and of all who are none together.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Endpoint } from '../../src/address.js';
import { BUILDS, type Core, OVERLAY } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { FAR, HERE, PORT, STRANGER, setUp } from './source-checked.js';

const at = (ip: string, port = PORT): Endpoint => ({ ip, port });
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.9.0.1', 'fd00::1', 'fd00::2', '2001:db8:0:1::1'];

/** Frames, and bytes of them, as they are counted of an endpoint that is known now. */
function receivedFrom(core: Core, endpoint: Endpoint, socket = OVERLAY.socket): [frames: number, bytes: number] {
  const { frames, bytes } = core.counters.endpoint(core.endpoints.intern(endpoint, socket)).decap;
  return [frames, bytes];
}

const others = (core: Core): number => core.counters.otherSenders().frames;
const forget = (core: Core, endpoint: Endpoint, socket = OVERLAY.socket): number[] => {
  const gone = core.endpoints.intern(endpoint, socket);
  return core.endpoints.forgetUnused(
    new Set([...core.endpoints.all()].map(([each]) => each).filter((each) => each !== gone)),
  );
};

for (const build of BUILDS) {
  describe(`senders in the ${build} build`, () => {
    it('each frame counts once, of whoever sent it, whatever it is and however senders take turns', () => {
      const kinds = fc.constantFrom('frame', 'tagged', 'group', 'joined', 'unknown');
      const message = fc.record({ from: fc.nat(IPS.length - 1), kind: kinds, more: fc.nat(9) });
      const messages = fc.array(message, { maxLength: 60 });
      fc.assert(
        fc.property(messages, fc.constantFrom('off', 'vtep', 'fdb'), fc.nat(127), (sent, sourceCheck, known) => {
          const { core, overlay, know } = setUp(build, { sourceCheck });
          know(...IPS);
          const isEndpoint = (n: number) => ((known >> n) & 1) === 1;
          for (const [n, ip] of IPS.entries()) if (isEndpoint(n)) core.endpoints.intern(at(ip), OVERLAY.socket);
          const expected = IPS.map(() => [0, 0] as [number, number]);
          for (const { from, kind, more } of sent) {
            const to = { group: BROADCAST, unknown: '02:00:00:00:07:07' }[kind as string] ?? HERE;
            const inner = frame(to, FAR, { tags: kind === 'tagged' ? [5] : [], payload: Buffer.alloc(46 + more) });
            const count = kind === 'joined' ? 1 + more : 1;
            const one = datagram(OVERLAY.vni, inner);
            const options = kind === 'joined' ? { joined: one.length } : {};
            core.decap([Buffer.concat(Array(count).fill(one))], { ...options, from: IPS[from]! });
            expected[from]![0] += count;
            expected[from]![1] += count * inner.length;
          }
          const found = IPS.map((ip, n) => (isEndpoint(n) ? receivedFrom(core, at(ip)) : [0, 0]));
          assert.deepEqual(
            found,
            expected.map((each, n) => (isEndpoint(n) ? each : [0, 0])),
          );
          const rest = expected.filter((_, n) => !isEndpoint(n)).reduce((sum, [frames]) => sum + frames, 0);
          assert.equal(others(core), rest);
          const all = expected.reduce((sum, [frames]) => sum + frames, 0);
          assert.equal(core.counters.overlay(overlay).decap.frames, all);
          core.checkBooks();
        }),
        { numRuns: build === 'debug' ? 60 : 200 },
      );
    });

    it('senders in one batch, also while frames of theirs are ordinary', () => {
      const { core, know } = setUp(build);
      know(...IPS);
      for (const ip of IPS.slice(1)) core.endpoints.intern(at(ip), OVERLAY.socket);
      const from = Array.from(
        { length: 200 },
        (_, n) => IPS[(n >> 2) % 3 === 0 ? (n >> 3) % IPS.length : n % IPS.length]!,
      );
      core.decap(
        from.map(() => datagram(OVERLAY.vni, frame(HERE, FAR))),
        { from },
      );
      const sent = (ip: string) => from.filter((each) => each === ip).length;
      assert.deepEqual(
        IPS.slice(1).map((ip) => receivedFrom(core, at(ip))[0]),
        IPS.slice(1).map(sent),
      );
      assert.equal(others(core), sent(IPS[0]!));
    });

    it('from the moment that it is an endpoint, until it is forgotten; another in its place starts at nothing', () => {
      const { core, send } = setUp(build, { sourceCheck: 'off' });
      const [one, two, three] = IPS as [string, string, string];
      core.endpoints.intern(at(two), OVERLAY.socket);
      const turns = Array(4).fill(datagram(OVERLAY.vni, frame(HERE, FAR)));
      assert.equal(core.decap(turns, { from: [one, two, one, two] }).length, 4);
      core.endpoints.intern(at(one), OVERLAY.socket);
      send(FAR, one);
      send(FAR, one);
      assert.deepEqual([receivedFrom(core, at(one))[0], receivedFrom(core, at(two))[0], others(core)], [2, 2, 2]);
      core.endpoints.release(forget(core, at(one)));
      send(FAR, one);
      assert.equal(others(core), 3);
      core.counters.restartEndpoint(core.endpoints.intern(at(three), OVERLAY.socket));
      assert.deepEqual(receivedFrom(core, at(three)), [0, 0]);
      send(FAR, one);
      send(FAR, three);
      assert.deepEqual([receivedFrom(core, at(three))[0], others(core)], [1, 4]);
    });

    it('of endpoints that share an address the first counts, then the next; those of another socket do not', () => {
      const { core, send } = setUp(build, { sourceCheck: 'off' });
      for (const port of [8472, PORT, 9000]) core.endpoints.intern(at(STRANGER, port), OVERLAY.socket);
      core.endpoints.intern(at(STRANGER), 2);
      for (const other of IPS) core.endpoints.intern(at(other), OVERLAY.socket);
      const counts = (...ports: number[]) => ports.map((port) => receivedFrom(core, at(STRANGER, port))[0]);
      send(FAR, STRANGER, HERE, 3);
      assert.deepEqual(counts(8472, PORT, 9000), [3, 0, 0]);
      core.endpoints.release(forget(core, at(STRANGER, 8472)));
      send(FAR, STRANGER, HERE, 2);
      const [port] = [PORT, 9000].filter((each) => counts(each)[0] === 2);
      assert.ok(port !== undefined, `${counts(PORT, 9000)}`);
      assert.deepEqual(receivedFrom(core, at(STRANGER), 2), [0, 0]);
      assert.equal(others(core), 0);
    });

    it('a frame that waited for its sender to be known counts as any other', () => {
      const { core, overlay } = setUp(build, { sourceCheck: 'fdb', lookup: true });
      core.decap([datagram(OVERLAY.vni, frame(HERE, FAR))], { from: STRANGER });
      assert.equal(core.counters.totals().held, 1);
      core.remote(overlay, FAR, at(STRANGER));
      assert.equal(core.turn().length, 1);
      assert.deepEqual(receivedFrom(core, at(STRANGER)), [1, 60]);
    });

    it('what is refused is not received', () => {
      const { core, send } = setUp(build);
      core.endpoints.intern(at(STRANGER), OVERLAY.socket);
      send(FAR, STRANGER, HERE, 5);
      assert.deepEqual([receivedFrom(core, at(STRANGER)), others(core)], [[0, 0], 0]);
    });
  });
}
