// Learning: when the host is told where a MAC was heard from, when an entry counts as heard of, and the bounds of both.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LEARN_REPEAT_MS, LEARNS_PER_SECOND_MAX } from '../../assembly/layout.js';
import type { LearnUpcall, OverlayConfig, UpcallRecord } from '../../src/datapath/types.js';
import { BUILDS, type Build, Core, OVERLAY } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';

const HERE = '02:00:00:00:00:0a';
const FAR = '02:00:00:00:00:0c';
const ELSEWHERE = '02:00:00:00:00:0d';
const VTEP = '10.0.0.1';
const OTHER = '10.0.0.2';
const TENTH_MS = 100;
/** What one overlay may have of it when no other learns. */
const ALONE = 2000;

const macOf = (n: number): string =>
  `02:00:01:${[16, 8, 0].map((shift) => ((n >> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`;

interface Learner {
  readonly core: Core;
  readonly overlay: number;
  /** A frame of `mac` comes from `ip`; answers what the host is told. */
  hear(mac: string, ip: string, to?: string): LearnUpcall[];
}

function setUp(build: Build, config: Partial<OverlayConfig> = {}, fdbSize = 1024): Learner {
  const core = new Core(build, fdbSize);
  const overlay = core.overlay({ learn: true, ...config });
  core.vnic(overlay, HERE);
  const hear = (mac: string, ip: string, to = HERE): LearnUpcall[] => {
    core.decap([datagram(OVERLAY.vni, frame(to, mac))], { from: ip });
    return core.upcalls() as LearnUpcall[];
  };
  return { core, overlay, hear };
}

const told = (overlay: number, mac: string, ip: string): LearnUpcall[] => [{ kind: 'learn', overlay, mac, ip }];

for (const build of BUILDS) {
  describe(`learning in the ${build} build`, () => {
    for (const ip of [VTEP, 'fd00::1', '2001:db8:0:1::ff']) {
      it(`the host is told of an unknown MAC behind ${ip}, and the frame is delivered`, () => {
        const { core, overlay, hear } = setUp(build);
        assert.deepEqual(hear(FAR, ip), told(overlay, FAR, ip));
        const { delivered, learns } = core.counters.totals();
        assert.deepEqual([delivered, learns], [1, 1]);
        core.checkBooks();
      });
    }

    it('not the same again for a while; another address, MAC or overlay is not the same', () => {
      const { core, overlay, hear } = setUp(build);
      const second = core.overlay({ vni: 24, learn: true });
      assert.equal(hear(FAR, VTEP).length, 1);
      assert.deepEqual(hear(FAR, VTEP), []);
      core.nowMs += LEARN_REPEAT_MS - 1;
      assert.deepEqual(hear(FAR, VTEP), []);
      core.nowMs += 1;
      assert.deepEqual(hear(FAR, VTEP), told(overlay, FAR, VTEP));
      assert.deepEqual(hear(FAR, OTHER), told(overlay, FAR, OTHER));
      assert.deepEqual(hear(ELSEWHERE, VTEP), told(overlay, ELSEWHERE, VTEP));
      core.decap([datagram(24, frame(HERE, FAR))], { from: VTEP });
      assert.deepEqual(core.upcalls(), told(second, FAR, VTEP));
    });

    it('an entry with that address, whatever its port, counts as heard of; sending does not do that', () => {
      const { core, overlay, hear } = setUp(build);
      const a = core.vnic(overlay, ELSEWHERE);
      core.remote(overlay, FAR, { ip: VTEP, port: 8472 });
      core.nowMs += 1000;
      core.encap(a, [frame(FAR, ELSEWHERE)]);
      assert.equal(core.fdb.get(overlay, FAR)!.heardAtMs, null);
      assert.equal(core.fdb.get(overlay, FAR)!.usedAtMs, core.nowMs);
      const usedAtMs = core.nowMs;
      core.nowMs += 1000;
      assert.deepEqual(hear(FAR, VTEP), []);
      const { heardAtMs, ...entry } = core.fdb.get(overlay, FAR)!;
      assert.deepEqual([heardAtMs, entry.usedAtMs], [core.nowMs, usedAtMs]);
      assert.equal(core.fdb.heardAtMs(overlay, FAR), core.nowMs);
      assert.equal(core.fdb.heardAtMs(overlay, OTHER), null);
    });

    it('an entry with another address does not; the host is told', () => {
      const { core, overlay, hear } = setUp(build);
      core.remote(overlay, FAR, { ip: VTEP, port: 4789 });
      assert.deepEqual(hear(FAR, OTHER), told(overlay, FAR, OTHER));
      assert.equal(core.fdb.heardAtMs(overlay, FAR), null);
    });

    it("a VNIC's MAC and a static entry are not moved, and a static one with that address counts as heard of", () => {
      const { core, overlay, hear } = setUp(build);
      core.put(overlay, FAR, { kind: 'remote', endpoint: { ip: VTEP, port: 4789 } }, true);
      core.put(overlay, ELSEWHERE, { kind: 'drop', reason: 'drop_entry' }, true);
      assert.deepEqual([...hear(HERE, VTEP), ...hear(FAR, OTHER), ...hear(ELSEWHERE, VTEP)], []);
      assert.equal(core.fdb.heardAtMs(overlay, FAR), null);
      hear(FAR, VTEP);
      assert.equal(core.fdb.heardAtMs(overlay, FAR), core.nowMs);
    });

    it('a drop entry that is not static says nothing of where the MAC is', () => {
      const { core, overlay, hear } = setUp(build);
      core.put(overlay, FAR, { kind: 'drop', reason: 'no_such_mac' });
      assert.deepEqual(hear(FAR, VTEP), told(overlay, FAR, VTEP));
    });

    it('broadcast is learned from, and a frame that nobody here has the MAC for', () => {
      const { core, overlay, hear } = setUp(build);
      assert.deepEqual(hear(FAR, VTEP, BROADCAST), told(overlay, FAR, VTEP));
      assert.deepEqual(hear(ELSEWHERE, VTEP, FAR), told(overlay, ELSEWHERE, VTEP));
      assert.deepEqual(core.counters.drops(), { no_local_port: 1 });
    });

    it('nothing is learned from what the checks refuse, nor by an overlay that does not learn', () => {
      const { core } = setUp(build, { strictHeader: true, vlan: 'discard' });
      core.vnic(core.overlay({ vni: 24 }), HERE);
      const refused = [
        datagram(OVERLAY.vni, frame(HERE, FAR), { reserved: 1 }),
        datagram(OVERLAY.vni, frame(HERE, FAR, { tags: [7] })),
        datagram(OVERLAY.vni, frame(HERE, BROADCAST)),
        datagram(OVERLAY.vni, frame(HERE, FAR), { flags: 0 }),
        datagram(99, frame(HERE, FAR)),
        datagram(24, frame(HERE, FAR)),
      ];
      assert.equal(core.decap(refused, { from: VTEP }).length, 1);
      assert.deepEqual(core.upcalls(), []);
    });

    it('a MAC behind a VNIC that carries any is told of as one that is here, and then counts as heard of', () => {
      const { core, overlay, hear } = setUp(build);
      const bridge = core.vnic(overlay, ELSEWHERE, true);
      const send = (source: string): UpcallRecord[] => {
        core.encap(bridge, [frame(BROADCAST, source), frame(HERE, source)]);
        return core.upcalls();
      };
      const here: LearnUpcall[] = [{ kind: 'learn', overlay, mac: FAR, ip: null }];
      assert.deepEqual(send(ELSEWHERE), [], 'its own MAC is no news');
      assert.deepEqual(send(FAR), here);
      assert.deepEqual(send(FAR), [], 'not the same again for a while');
      core.remote(overlay, FAR, { ip: VTEP, port: 4789 });
      core.nowMs += LEARN_REPEAT_MS;
      assert.deepEqual(send(FAR), here, 'it is known elsewhere');
      assert.ok(core.fdb.put(overlay, FAR, { kind: 'local', vnic: bridge }, { isLearned: true }, core.nowMs));
      core.nowMs += 1000;
      assert.deepEqual(send(FAR), []);
      assert.equal(core.fdb.heardAtMs(overlay, FAR), core.nowMs);
      assert.deepEqual(hear(FAR, VTEP), told(overlay, FAR, VTEP), 'it has left again');
      core.put(overlay, FAR, { kind: 'remote', endpoint: { ip: VTEP, port: 4789 } }, true);
      core.nowMs += 1000;
      assert.deepEqual([...send(FAR), ...send(HERE)], [], 'a static entry and a VNIC’s do not move');
      core.checkBooks();
    });

    it('where a plugin says where MACs are, only one that comes here and one that leaves again is told of', () => {
      const { core, overlay, hear } = setUp(build, { learn: false, returns: true });
      const bridge = core.vnic(overlay, ELSEWHERE, true);
      const send = (source: string): UpcallRecord[] => {
        core.encap(bridge, [frame(HERE, source)]);
        return core.upcalls();
      };
      assert.deepEqual(send(FAR), [], 'nothing is said of it');
      core.put(overlay, FAR, { kind: 'drop', reason: 'drop_entry' });
      assert.deepEqual(send(FAR), []);
      core.remote(overlay, FAR, { ip: VTEP, port: 4789 });
      assert.deepEqual(hear(FAR, OTHER), [], 'the plugin is believed');
      assert.deepEqual(send(FAR), [{ kind: 'learn', overlay, mac: FAR, ip: null }]);
      assert.ok(core.fdb.put(overlay, FAR, { kind: 'local', vnic: bridge }, {}, core.nowMs));
      assert.deepEqual(hear(FAR, VTEP), [], 'the plugin says that it is here');
      assert.ok(core.fdb.put(overlay, FAR, { kind: 'local', vnic: bridge }, { isLearned: true }, core.nowMs));
      assert.deepEqual(hear(FAR, VTEP), told(overlay, FAR, VTEP));
    });

    it('datagrams that the kernel joined have one source; each message has its own', () => {
      const { core, overlay } = setUp(build);
      const one = datagram(OVERLAY.vni, frame(HERE, FAR));
      const another = datagram(OVERLAY.vni, frame(HERE, ELSEWHERE));
      core.decap([Buffer.concat([one, another, one])], { from: VTEP, joined: one.length });
      assert.deepEqual(core.upcalls(), [...told(overlay, FAR, VTEP), ...told(overlay, ELSEWHERE, VTEP)]);
      core.decap([one, another], { from: OTHER });
      assert.deepEqual(core.upcalls(), [...told(overlay, FAR, OTHER), ...told(overlay, ELSEWHERE, OTHER)]);
    });

    const strangers = (count: number, first: number, vni = OVERLAY.vni): Buffer[] =>
      Array.from({ length: count }, (_, n) => datagram(vni, frame(HERE, macOf(first + n))));

    it(`no more than ${ALONE} of an overlay a second; what is skipped is counted and delivered all the same`, () => {
      const { core } = setUp(build);
      const heard = ALONE + 500;
      assert.equal(core.decap(strangers(heard, 0), { from: VTEP }).length, heard);
      assert.equal(core.upcalls().length, ALONE);
      assert.equal(core.counters.totals().learnSkipped, 500);
      core.nowMs += 1000;
      core.decap(strangers(10, heard), { from: VTEP });
      assert.equal(core.upcalls().length, 10);
      core.checkBooks();
    });

    it('an overlay that is flooded with MACs leaves others their share, however many are flooded', () => {
      const { core } = setUp(build);
      const others = [71, 72, 73].map((vni) => core.overlay({ vni, learn: true }));
      for (const vni of [OVERLAY.vni, 71, 72]) {
        core.decap(strangers(LEARNS_PER_SECOND_MAX, 0, vni), { from: VTEP });
      }
      core.upcalls();
      core.decap(strangers(30, 0, 73), { from: VTEP });
      assert.deepEqual(new Set(core.upcalls().map(({ overlay }) => overlay)), new Set([others[2]]));
      core.checkBooks();
    });

    it('a host that does not read is told no more while half of the ring is left for frames that wait', () => {
      const { core, overlay } = setUp(build);
      for (let n = 0; core.counters.totals().learnSkipped === 0; n += 16) {
        assert.ok(n < 40_000);
        core.nowMs += 16;
        const batch = Array.from({ length: 16 }, (_, i) => datagram(OVERLAY.vni, frame(HERE, macOf(n + i))));
        core.decap(batch, { from: VTEP });
      }
      const a = core.vnic(overlay, ELSEWHERE);
      core.encap(a, [frame(FAR, ELSEWHERE)]);
      assert.equal(core.upcalls().at(-1)!.kind, 'miss');
      core.checkBooks();
    });

    it('a learned entry shows as one, and makes room for others as a plugin’s does', () => {
      const core = new Core(build, 16);
      const overlay = core.overlay({ learn: true });
      const endpoint = { ip: VTEP, port: 4789 };
      assert.ok(core.fdb.put(overlay, FAR, { kind: 'remote', endpoint }, { isLearned: true }, core.nowMs));
      const { isLearned, isStatic } = core.fdb.get(overlay, FAR)!;
      assert.deepEqual([isLearned, isStatic], [true, false]);
      for (let n = 0; n < 16; n++) core.put(overlay, macOf(n), { kind: 'remote', endpoint }, true);
      assert.equal(core.fdb.get(overlay, FAR), null);
    });

    it('any order of writing, forgetting and hearing in a small, crowded table: heardAtMs is what a Map says', () => {
      const mac = fc.nat(11).map(macOf);
      const ip = fc.constantFrom(VTEP, OTHER, 'fd00::1');
      const command = fc.oneof(
        fc.record({ kind: fc.constant('put'), mac, ip }),
        fc.record({ kind: fc.constant('remove'), mac, ip }),
        fc.record({ kind: fc.constant('hear'), mac, ip }),
        fc.record({ kind: fc.constant('strangers'), mac, ip }),
      );
      const property = fc.property(fc.array(command, { minLength: 200, maxLength: 400 }), (commands) => {
        const { core, overlay, hear } = setUp(build, {}, 16);
        const twin = new Map<string, { ip: string; heardAtMs: number | null }>();
        let stranger = 1000;
        for (const { kind, mac, ip } of commands) {
          core.nowMs += TENTH_MS;
          if (kind === 'put') {
            core.remote(overlay, mac, { ip, port: 4789 });
            twin.set(mac, { ip, heardAtMs: null });
          } else if (kind === 'remove') {
            core.fdb.remove(overlay, mac);
            twin.delete(mac);
          } else if (kind === 'strangers') {
            core.remote(overlay, macOf(++stranger), { ip, port: 4789 }); // a tombstone more
            core.fdb.remove(overlay, macOf(stranger));
          } else {
            const known = twin.get(mac);
            const isKnown = known?.ip === ip;
            assert.deepEqual(hear(mac, ip), isKnown ? [] : told(overlay, mac, ip));
            if (isKnown) known.heardAtMs = core.nowMs;
          }
        }
        for (const [mac, { heardAtMs }] of twin) assert.equal(core.fdb.get(overlay, mac)!.heardAtMs, heardAtMs, mac);
        assert.equal(core.fdb.count, twin.size + 1);
      });
      fc.assert(property, { numRuns: build === 'debug' ? 30 : 150 });
    });
  });
}
