// OAM for the VTEP itself goes up to the host, that of guests goes on; and what the host sends goes to its endpoint.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LOOPBACKS_PER_SECOND_MAX, VXLAN_HLEN } from '../../assembly/layout.js';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { loopbackMessage } from '../../src/oam/loopback.js';
import { BUILDS, type Build, Core, OVERLAY } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';
import { FAR, HERE, OTHER, PORT, STRANGER, VTEP } from './source-checked.js';

const OWN = '10.0.0.7';
const MESSAGE = loopbackMessage(OWN, { ip: VTEP, port: PORT }, 7, 64, new Uint8Array(8));
const VTEP_MAC = '02:76:0a:00:00:07';
const CFM = 0x8902;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const MULTICAST_LBM = '01:80:c2:00:00:30';

function setUp(build: Build, config: Partial<OverlayConfig> = {}) {
  const core = new Core(build);
  const overlay = core.overlay({ sourceCheck: 'vtep', lookup: true, ...config });
  core.vnic(overlay, HERE);
  assert.ok(core.fdb.putVtep(overlay, VTEP, core.nowMs));
  const decap = (inner: Uint8Array, from = VTEP) => core.decap([datagram(OVERLAY.vni, inner)], { from });
  return { core, overlay, decap };
}

for (const build of BUILDS) {
  describe(`OAM in the ${build} build`, () => {
    for (const sourceCheck of ['vtep', 'fdb', 'off'] as const) {
      it(`source-check=${sourceCheck}: a message of a known VTEP goes up, whole, with its sender`, () => {
        const { core, overlay, decap } = setUp(build, { sourceCheck, learn: true });
        assert.deepEqual(decap(MESSAGE), []);
        const up = core.upcalls().filter(({ kind }) => kind !== 'learn');
        assert.deepEqual(up, [{ kind: 'loopback', overlay, vnic: 0, ip: VTEP, frame: Uint8Array.from(MESSAGE) }]);
        core.checkBooks();
      });
    }

    for (const sourceCheck of ['vtep', 'fdb'] as const) {
      it(`source-check=${sourceCheck}: one of a stranger is dropped, and nobody is asked about its MAC`, () => {
        const { core, overlay, decap } = setUp(build, { sourceCheck });
        assert.deepEqual(decap(MESSAGE, STRANGER), []);
        assert.deepEqual(
          core.upcalls().map(({ kind }) => kind),
          ['stranger'],
        );
        assert.deepEqual(core.counters.overlay(overlay).drops, { source_unknown: 1 });
      });
    }

    it('no more go up than a second has', () => {
      const { core, overlay, decap } = setUp(build);
      let up = 0;
      for (let n = 0; n < LOOPBACKS_PER_SECOND_MAX + 5; n++) {
        decap(MESSAGE);
        up += core.upcalls().length;
      }
      assert.equal(up, LOOPBACKS_PER_SECOND_MAX);
      assert.deepEqual(core.counters.overlay(overlay).drops, { oam_limited: 5 });
    });

    it("guests' own OAM goes on: to a VNIC, to one that has such a MAC, and to groups", () => {
      const { core, overlay, decap } = setUp(build);
      const delivered = (inner: Uint8Array) => decap(inner).map((out) => ('vnic' in out ? hex(out.frame) : out.to));
      const toVnic = frame(HERE, FAR, { etherType: CFM });
      const toGroup = frame(MULTICAST_LBM, FAR, { etherType: CFM });
      assert.deepEqual(delivered(toVnic), [hex(toVnic)]);
      assert.deepEqual(delivered(toGroup), [hex(toGroup)]);
      core.vnic(overlay, VTEP_MAC);
      assert.deepEqual(delivered(MESSAGE), [hex(MESSAGE)]);
      assert.deepEqual(core.upcalls(), []);
    });

    it('what else is for such a MAC, tagged OAM and IP, is a frame for nobody here', () => {
      const { core, overlay, decap } = setUp(build, { lookup: false });
      decap(frame(VTEP_MAC, FAR, { etherType: 0x0800 }));
      decap(frame(VTEP_MAC, FAR, { etherType: CFM, tags: [5] }));
      assert.deepEqual(core.counters.overlay(overlay).drops, { no_local_port: 2 });
    });

    it('goes up whatever the table says of the MAC, but for a VNIC', () => {
      const { core, overlay, decap } = setUp(build);
      core.put(overlay, VTEP_MAC, { kind: 'drop', reason: 'no_such_mac' });
      decap(MESSAGE);
      core.remote(overlay, VTEP_MAC, { ip: OTHER, port: PORT });
      decap(MESSAGE);
      assert.deepEqual(
        core.upcalls().map(({ kind }) => kind),
        ['loopback', 'loopback'],
      );
    });

    it("the host's frame goes to its endpoint, in its overlay, and nowhere when that is another by now", () => {
      const { core, overlay } = setUp(build);
      const endpoint = { ip: OTHER, port: 4790 };
      const index = core.endpoints.intern(endpoint, core.tables.socketOf(overlay));
      assert.ok(core.rings.tunnel(overlay, index, MESSAGE));
      const sent = core.turn().map((out) => ('to' in out ? [out.to, hex(out.datagram.subarray(VXLAN_HLEN))] : []));
      assert.deepEqual(sent, [['10.0.0.2:4790', hex(MESSAGE)]]);
      assert.equal(core.counters.overlay(overlay).encap.bytes, MESSAGE.length);
      assert.ok(core.rings.tunnel(overlay, index, MESSAGE));
      core.tables.removeOverlay(overlay);
      assert.deepEqual(core.turn(), []);
      assert.equal(core.counters.drops().overlay_gone, 1);
      core.checkBooks();
    });
  });
}
