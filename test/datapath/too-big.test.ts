// Frames that do not fit the path to their endpoint: what is dropped, who is told, and what the answer looks like.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { TOO_BIG_MAX, TOO_BIG_PER_SECOND_MAX } from '../../assembly/layout.js';
import { withTags } from '../support/bytes.js';
import { BUILDS, Core, OVERLAY } from '../support/core.js';
import { flows, payloadOf } from '../support/flows.js';
import { BROADCAST, datagram } from '../support/frames.js';
import { pcap } from '../support/pcap.js';
import { buildFrame, type Flow, headerLengthOf, l3Of, TCP, vnetOf } from '../support/super-frames.js';
import {
  A,
  answersOf,
  B,
  ENDPOINT,
  ENDPOINT6,
  expectedAnswer,
  FAR,
  FLOW4,
  FLOW6,
  INNER,
  known,
  MTU,
  macs,
  packetOf,
  sentOf,
  setUp,
} from './too-big-frames.js';

for (const build of BUILDS) {
  describe(`frames that do not fit their path, ${build} build`, () => {
    for (const flow of [FLOW4, FLOW6]) {
      it(`IPv${flow.version}: what fits goes, one byte more is dropped, and its sender told`, () => {
        const { core, vnic } = setUp(build);
        const fitting = packetOf(flow, INNER);
        assert.deepEqual(core.encap(vnic, [fitting]), [
          { to: '10.0.0.2:4789', datagram: datagram(23, Buffer.from(fitting)) },
        ]);
        const tooBig = packetOf(flow, INNER + 1);
        const outputs = core.encap(vnic, [tooBig]);
        assert.deepEqual(outputs, [{ vnic, frame: expectedAnswer(tooBig, flow, INNER) }]);
        assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 1 });
        assert.equal(core.counters.totals().tooBigAnswers, 1);
        const endpoint = core.endpoints.intern(ENDPOINT, OVERLAY.socket);
        assert.deepEqual(core.counters.endpoint(endpoint).encap.frames, 1);
        assert.equal(core.counters.endpoint(endpoint).drops, 1, 'of that endpoint');
        core.checkBooks();
      });
    }

    it('over IPv6 the headers outside are longer', () => {
      const { core, overlay, vnic } = setUp(build);
      core.remote(overlay, B, ENDPOINT6);
      core.endpoints.setPathMtu(core.endpoints.intern(ENDPOINT6, OVERLAY.socket), known(MTU));
      const flow = { ...FLOW4, macs: macs(B, A) };
      assert.equal(sentOf(core.encap(vnic, [packetOf(flow, INNER - 20)])).length, 1);
      const tooBig = packetOf(flow, INNER - 19);
      assert.deepEqual(answersOf(core.encap(vnic, [tooBig])), [expectedAnswer(tooBig, flow, INNER - 20)]);
    });

    it('a path of which nothing is known takes anything, and does so again when nothing is known any more', () => {
      const { core, vnic } = setUp(build, null);
      const big = packetOf(FLOW4, 8900);
      assert.equal(sentOf(core.encap(vnic, [big])).length, 1);
      const index = core.endpoints.intern(ENDPOINT, OVERLAY.socket);
      core.endpoints.setPathMtu(index, known(MTU));
      assert.equal(sentOf(core.encap(vnic, [big])).length, 0);
      core.endpoints.setPathMtu(index, null);
      assert.equal(sentOf(core.encap(vnic, [big])).length, 1);
    });

    it('a super-frame goes as it is while its segments fit, else its sender is told once', () => {
      const { core, vnic } = setUp(build);
      for (const flow of [FLOW4, FLOW6].map((each) => ({ ...each, protocol: TCP as typeof TCP }))) {
        const headers = headerLengthOf(flow) - l3Of(flow);
        const superFrame = buildFrame(flow, payloadOf(20_000, 1), true);
        const most = INNER - headers;
        const sent = sentOf(core.encap(vnic, [superFrame], [vnetOf(flow, most)]));
        assert.equal(sent.length, Math.ceil(20_000 / most));
        assert.ok(sent.every(({ length }) => length - 8 - 14 <= INNER));
        const before = core.counters.drops().exceeds_pmtu ?? 0;
        const outputs = core.encap(vnic, [superFrame], [vnetOf(flow, most + 1)]);
        assert.deepEqual(outputs, [{ vnic, frame: expectedAnswer(superFrame, flow, INNER) }]);
        assert.equal(core.counters.drops().exceeds_pmtu! - before, Math.ceil(20_000 / (most + 1)));
      }
      core.checkBooks();
    });

    it('the answer has the tags of the frame, which take their room', () => {
      const { core, vnic } = setUp(build);
      const plain = packetOf(FLOW4, INNER);
      const tagged = withTags(plain, 0x8100_0007, 0x8100_0008);
      const flow = { ...FLOW4, tags: [0x8100_0007, 0x8100_0008] };
      assert.deepEqual(answersOf(core.encap(vnic, [tagged])), [expectedAnswer(tagged, flow, INNER - 8)]);
    });

    it('the VNIC of a bridge hears what is for the machine behind it', () => {
      const core = new Core(build);
      const overlay = core.overlay();
      const bridge = core.vnic(overlay, A, true);
      core.remote(overlay, FAR, ENDPOINT);
      core.endpoints.setPathMtu(core.endpoints.intern(ENDPOINT, OVERLAY.socket), known(MTU));
      const flow = { ...FLOW4, macs: macs(FAR, B) };
      const tooBig = packetOf(flow, 1450);
      assert.deepEqual(core.encap(bridge, [tooBig]), [{ vnic: bridge, frame: expectedAnswer(tooBig, flow, INNER) }]);
    });

    it('between VNICs here nothing is too big', () => {
      const { core, overlay, vnic } = setUp(build);
      const other = core.vnic(overlay, B);
      const big = Buffer.from(packetOf({ ...FLOW4, macs: macs(B, A) }, 8900));
      assert.deepEqual(core.encap(vnic, [big]), [{ vnic: other, frame: big }]);
    });

    it('IPv6 is not told of less than its least MTU, IPv4 is', () => {
      const { core, vnic } = setUp(build, 1280 + 49);
      assert.deepEqual(core.encap(vnic, [packetOf(FLOW6, 1280)]), []);
      const least = setUp(build, 552);
      const tooBig = packetOf(FLOW4, 600);
      assert.deepEqual(answersOf(least.core.encap(least.vnic, [tooBig])), [expectedAnswer(tooBig, FLOW4, 502)]);
    });

    it('multicast and broadcast are not answered, wherever they go', () => {
      for (const config of [{ point: ENDPOINT, lookup: false }, { flood: { endpoints: [ENDPOINT], unknown: false } }]) {
        const { core, vnic } = setUp(build, MTU, config);
        const sent = packetOf({ ...FLOW4, macs: macs(BROADCAST, A) }, 1450);
        assert.deepEqual(core.encap(vnic, [sent]), []);
        assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 1 });
        core.checkBooks();
      }
    });

    it('what is flooded goes where it fits, and is dropped where it does not', () => {
      const other = { ip: '10.0.0.3', port: 4789 };
      for (const endpoints of [
        [ENDPOINT, other],
        [other, ENDPOINT],
      ]) {
        const config = { flood: { endpoints, unknown: true }, lookup: false };
        const { core, vnic } = setUp(build, MTU, config);
        const sent = packetOf({ ...FLOW4, macs: macs('02:00:00:00:00:99', A) }, 1450);
        const outputs = core.encap(vnic, [sent]);
        assert.deepEqual(sentOf(outputs), [datagram(23, Buffer.from(sent))]);
        assert.deepEqual(answersOf(outputs), [
          expectedAnswer(sent, { ...FLOW4, macs: macs('02:00:00:00:00:99', A) }, INNER),
        ]);
        assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 1 });
        core.checkBooks();
      }
    });

    it('frames that waited for an answer of the plugin are measured, too', () => {
      const { core, overlay, vnic } = setUp(build);
      const flow = { ...FLOW4, macs: macs(B, A) };
      const sent = packetOf(flow, 1450);
      assert.deepEqual(core.encap(vnic, [sent]), []);
      core.remote(overlay, B, ENDPOINT);
      assert.deepEqual(core.turn(), [{ vnic, frame: expectedAnswer(sent, flow, INNER) }]);
      core.checkBooks();
    });

    it('answers are few in one pass, and in one second', () => {
      const { core, vnic } = setUp(build);
      const sent = packetOf(FLOW4, 1450);
      const batch = (count: number) => Array.from({ length: count }, () => sent);
      core.place(batch(2 * TOO_BIG_MAX));
      core.module.encapBatch(vnic, 0);
      assert.equal(core.module.prepare(), TOO_BIG_MAX);
      core.module.delivered();
      assert.equal(core.module.prepare(), 0);
      for (let sentSoFar = 0; sentSoFar < 300; sentSoFar++) core.encap(vnic, [sent]);
      // What the first pass had no room for has cost its tokens.
      const inOneSecond = core.counters.totals().tooBigAnswers!;
      assert.equal(inOneSecond, TOO_BIG_PER_SECOND_MAX - TOO_BIG_MAX);
      core.nowMs += 500;
      for (let sentSoFar = 0; sentSoFar < 300; sentSoFar++) core.encap(vnic, [sent]);
      assert.equal(core.counters.totals().tooBigAnswers! - inOneSecond, TOO_BIG_PER_SECOND_MAX / 2);
      assert.equal(core.counters.drops().exceeds_pmtu, 2 * TOO_BIG_MAX + 600);
      core.checkBooks();
    });

    it('any flow: what fits leaves as it is, what does not is answered by the rules', () => {
      const property = fc.property(
        flows(),
        fc.integer({ min: 1280, max: 1600 }),
        fc.integer({ min: 552, max: 1600 }),
        (random, length, mtu) => {
          const flow = { ...random, macs: macs(FAR, A), flowLabel: random.version === 6 ? random.flowLabel : 0 };
          const { core, vnic } = setUp(build, mtu);
          const sent = packetOf(flow, length);
          const outputs = core.encap(vnic, [sent]);
          const most = mtu - 36 - l3Of(flow);
          if (length <= most) assert.deepEqual(sentOf(outputs), [datagram(23, Buffer.from(sent))]);
          else if (isAnswered(flow, most)) assert.deepEqual(answersOf(outputs), [expectedAnswer(sent, flow, most)]);
          else assert.deepEqual(outputs, []);
          core.checkBooks();
        },
      );
      fc.assert(property, { numRuns: build === 'debug' ? 30 : 150 });
    });
  });
}

function isAnswered({ version, df, addresses }: Flow, most: number): boolean {
  if (version === 4) return df && [addresses[0]!, addresses[4]!].every((net) => net !== 0 && net !== 127 && net < 224);
  return most >= 1280 && addresses[0] !== 255 && addresses[16] !== 255;
}

test('tshark reads the answers as they are meant, with right checksums', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'vxlane-too-big-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const { core, vnic } = setUp('release');
  const answers = answersOf(core.encap(vnic, [packetOf(FLOW4, 1450), packetOf(FLOW6, 1450)]));
  const file = join(dir, 'frames.pcap');
  writeFileSync(file, pcap(answers));
  const fields = ['ip.checksum.status', 'icmp.checksum.status', 'icmp.mtu', 'icmpv6.checksum.status', 'icmpv6.mtu'];
  const columns = ['_ws.col.Info', ...fields].flatMap((field) => ['-e', field]);
  const options = ['-r', file, '-n', '-o', 'ip.check_checksum:TRUE', '-E', 'occurrence=f', '-T', 'fields', ...columns];
  const lines = execFileSync('tshark', options, { encoding: 'utf8', timeout: 60_000 }).split('\n');
  assert.match(lines[0]!, /^Destination unreachable \(Fragmentation needed\)\t1\t1\t1350/);
  assert.match(lines[1]!, /^Packet Too Big\t\t\t\t1\t1350/);
});
