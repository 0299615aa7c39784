/** Room for the VTEPs that overlays know, in the real table: one that lists any number leaves some to the others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownVteps, type VtepTable } from '../../../src/daemon/forwarding/known-vteps.js';
import { Health } from '../../../src/daemon/health/health.js';
import { Core } from '../../support/core.js';

function setUp() {
  const core = new Core('release', 1024);
  const datapath: VtepTable = {
    putVtep: (overlay, ip) => core.fdb.putVtep(overlay, ip, core.nowMs),
    removeVtep: (overlay, ip) => core.fdb.removeVtep(overlay, ip),
    get vtepRoom() {
      return core.fdb.vtepRoom;
    },
  };
  const overlay = (vni: number) => {
    const index = core.overlay({ vni });
    const health = new Health();
    const known = new KnownVteps({ datapath, overlay: () => index, health, onKnown() {}, onWhole() {} });
    return { known, health };
  };
  return { core, overlay };
}

const ips = (network: number, count: number) =>
  Array.from({ length: count }, (_, n) => `10.${network}.${n >> 8}.${n & 255}`);

describe('known VTEPs', () => {
  it('an overlay that lists more than there is room for has no check, and the next one has', () => {
    const { core, overlay } = setUp();
    const room = core.fdb.vtepRoom;
    const [greedy, modest] = [overlay(23), overlay(24)];
    greedy.known.list('pushed', ips(1, 10_000))();
    assert.equal(greedy.known.isWhole, false);
    assert.match(greedy.health.details, /source-check is off: there is no room for \d+ of the VTEPs/);
    assert.ok(core.fdb.vtepRoom >= room / 5, `${core.fdb.vtepRoom} of ${room} are left`);
    modest.known.list('pushed', ips(2, 50))();
    assert.deepEqual([modest.known.isWhole, modest.health.details], [true, '']);
  });

  it('what had no room is noted when there is some', () => {
    const { core, overlay } = setUp();
    const { known } = overlay(23);
    const all = ips(1, core.fdb.vtepRoom);
    known.list('pushed', all)();
    known.retry();
    assert.equal(known.isWhole, false);
    known.list('pushed', all.slice(-100))();
    known.retry();
    assert.deepEqual([known.isWhole, core.fdb.vteps], [true, 100]);
    known.list('pushed', [])();
    assert.equal(core.fdb.vteps, 0);
  });

  it('a plugin that says again what it said before a restart has changed nothing that is kept', () => {
    const { known } = setUp().overlay(23);
    known.list('recalled', ips(1, 3))();
    const { changes } = known;
    known.list('pushed', ips(1, 3))();
    known.list('recalled', [])();
    assert.equal(known.changes, changes);
    known.list('allowed', ips(2, 1))();
    assert.equal(known.changes, changes, 'the operator has said it');
    known.list('pushed', ips(1, 2))();
    assert.notEqual(known.changes, changes);
  });
});
