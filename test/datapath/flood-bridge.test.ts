// Where unknown unicast is flooded, a VNIC that carries any MAC (a bridge behind it) is one of those it is flooded to.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatEndpoint } from '../../src/address.js';
import { BUILDS, type Build, Core, OVERLAY } from '../support/core.js';
import { flows, payloadOf } from '../support/flows.js';
import { datagram, frame } from '../support/frames.js';
import { buildFrame, segmentsOf, vnetOf } from '../support/super-frames.js';

const A = '02:00:00:00:00:0a';
const BRIDGE = '02:00:00:00:00:0b';
const FAR = '02:00:00:00:00:0c';
const UNKNOWN = '02:00:00:00:00:0d';
const PEER = { ip: '10.1.0.1', port: 4789 };
const OTHER = { ip: '10.1.0.2', port: 4789 };

function setUp(build: Build, unknown = true) {
  const core = new Core(build);
  const takes = { coalesceTcp: true, coalesceUdp: true };
  const overlay = core.overlay({ flood: { endpoints: [PEER], unknown }, lookup: !unknown, learn: true, ...takes });
  return { core, overlay, a: core.vnic(overlay, A), bridge: core.vnic(overlay, BRIDGE, true) };
}

const wire = (inner: Uint8Array): Buffer => datagram(OVERLAY.vni, inner);

for (const build of BUILDS) {
  describe(`a bridge behind a VNIC, in the ${build} build`, () => {
    it('gets what comes from the underlay for a MAC that nobody knows, and nobody is asked', () => {
      const { core, bridge } = setUp(build);
      const sent = frame(UNKNOWN, FAR);
      assert.deepEqual(core.decap([wire(sent)]), [{ vnic: bridge, frame: sent }]);
      assert.deepEqual(core.upcalls(), []);
      core.checkBooks();
    });

    it('gets what another VNIC here sends to such a MAC, as every VTEP does', () => {
      const { core, a, bridge } = setUp(build);
      const sent = frame(UNKNOWN, A);
      assert.deepEqual(core.encap(a, [sent]), [
        { vnic: bridge, frame: sent },
        { to: formatEndpoint(PEER), datagram: wire(sent) },
      ]);
      assert.equal(core.counters.totals().copies, 1);
      core.checkBooks();
    });

    it('does not get back what it sends to such a MAC', () => {
      const { core, bridge } = setUp(build);
      const sent = frame(UNKNOWN, FAR);
      assert.deepEqual(core.encap(bridge, [sent]), [{ to: formatEndpoint(PEER), datagram: wire(sent) }]);
      core.checkBooks();
    });

    it('gets super-frames whole, while the underlay gets their segments', () => {
      const { core, a, bridge } = setUp(build);
      const [any] = fc.sample(flows(true), { numRuns: 1, seed: 1 });
      const flow = { ...any!, macs: Buffer.from((UNKNOWN + A).replaceAll(':', ''), 'hex') };
      const payload = payloadOf(3000, 3);
      const outputs = core.encap(a, [buildFrame(flow, payload, true)], [vnetOf(flow, 1000)]);
      const [first, ...others] = outputs;
      assert.ok(first !== undefined && 'vnic' in first && first.vnic === bridge);
      assert.deepEqual(
        others.map((output) => 'datagram' in output && output.datagram.toString('hex')),
        segmentsOf(flow, payload, 1000).map((segment) => wire(segment).toString('hex')),
      );
      core.checkBooks();
    });

    it('gets frames for a MAC that was learned elsewhere, for it may have moved here; not where we were told', () => {
      const { core, overlay, bridge } = setUp(build);
      core.fdb.put(overlay, FAR, { kind: 'remote', endpoint: OTHER }, { isLearned: true }, core.nowMs);
      const sent = frame(FAR, UNKNOWN);
      assert.deepEqual(core.decap([wire(sent)]), [{ vnic: bridge, frame: sent }]);
      core.remote(overlay, FAR, OTHER);
      assert.deepEqual(core.decap([wire(sent)]), []);
      assert.deepEqual(core.counters.drops(), { no_local_port: 1 });
      core.checkBooks();
    });

    it('asks, as ever, where unknown unicast is not flooded', () => {
      const { core } = setUp(build, false);
      assert.deepEqual(core.decap([wire(frame(UNKNOWN, FAR))]), []);
      assert.deepEqual(
        core.upcalls().map(({ kind }) => kind),
        ['miss'],
      );
    });
  });
}
