/** What commands and restarts leave of an interface that several VNICs share. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CreateTrunk } from '../../../src/control/protocol.js';
import { Trunks } from '../../../src/daemon/overlay/trunks.js';
import { openTap } from '../../../src/system/tap.js';
import { needsRoot } from '../../support/root.js';
import { PLAIN_TAP } from '../../support/tap.js';
import { until } from '../../support/until.js';
import { Fixture, MAC } from '../fixture.js';
import { startDaemon, tunnelDescriptors } from '../running.js';

const VLANS = [100, 200, 300];
/** The daemon has room for so many. */
const TRUNKS_MAX = 63;

describe('a trunk', { skip: needsRoot() }, () => {
  let fixture: Fixture;

  beforeEach(async () => {
    fixture = new Fixture();
    await fixture.start();
    for (const vlan of VLANS) {
      await fixture.daemon.createOverlay(
        fixture.overlay({ name: `ov${vlan}`, vni: vlan, properties: { mtu: '1300' } }),
      );
    }
  });
  afterEach(() => fixture.end());

  async function restart(meanwhile: () => void = () => {}): Promise<void> {
    await fixture.running.stop();
    meanwhile();
    fixture.running = await startDaemon(fixture.directory.path);
  }

  const names = () => fixture.daemon.vnics().map(({ name }) => name);
  const link = () => fixture.netns.link('t0');

  function trunk(changes: Partial<CreateTrunk> = {}): CreateTrunk {
    const members = VLANS.map((vlan) => ({ vlan, overlay: `ov${vlan}` }));
    return { name: 't0', mac: MAC, netns: fixture.netns.name, members, temporary: false, ...changes };
  }

  it('that cannot be, or not whole, leaves the TAP that it was to adopt, with its addresses', async () => {
    const { netns, daemon } = fixture;
    netns.exec('ip', 'tuntap', 'add', 't0', 'mode', 'tap', 'vnet_hdr');
    netns.exec('ip', 'addr', 'add', '10.55.55.3/24', 'dev', 't0');
    const before = link();
    const left = fixture.leftBehind();
    const refused: [Partial<CreateTrunk>, string][] = [
      [{ members: [...trunk().members, { vlan: 400, overlay: 'typo' }] }, 'no_such_overlay'],
      [{ members: [...trunk().members, { vlan: 400, overlay: 'ov100' }] }, 'any_mac_taken'],
    ];
    for (const [changes, code] of refused) {
      await assert.rejects(daemon.createTrunk(trunk({ adopt: true, ...changes })), { code });
      assert.deepEqual([link(), names()], [before, []], 'nothing of it was touched');
    }
    await fixture.withUnwritable('vnics', 't0.200', async () => {
      await assert.rejects(daemon.createTrunk(trunk({ adopt: true })), { code: 'state_not_written' });
    });
    assert.deepEqual([fixture.leftBehind(), names()], [left, []]);
    assert.equal(link().ifindex, before.ifindex);
    assert.match(netns.exec('ip', '-br', 'addr', 'show', 't0'), /10\.55\.55\.3/);
    const made = await daemon.createTrunk(trunk({ adopt: true }));
    assert.deepEqual(
      made.map(({ name, state }) => `${name} ${state}`),
      ['t0.100 up', 't0.200 up', 't0.300 up'],
    );
    assert.equal(link().ifindex, before.ifindex);
    await daemon.deleteVnic('t0');
    await fixture.withUnwritable('vnics', 't0.200', async () => {
      await assert.rejects(daemon.createTrunk(trunk()), { code: 'state_not_written' });
    });
    assert.deepEqual([link(), names()], [undefined, []], 'one that was made goes');
  });

  it('that was adopted for a while stays when that is taken back', () => {
    const { netns } = fixture;
    netns.exec('ip', 'tuntap', 'add', 't0', 'mode', 'tap', 'vnet_hdr');
    const options = { ...PLAIN_TAP, name: 't0', mac: MAC, mtu: 1300, netns: netns.name, persist: false };
    openTap({ ...options, adopts: true }).takeBack();
    assert.ok(link());
    netns.exec('ip', 'link', 'del', 't0');
    openTap(options).takeBack();
    assert.equal(link(), undefined);
  });

  it('keeps an MTU that the operator lowered over every restart', async () => {
    await fixture.daemon.createTrunk(trunk());
    assert.equal(link().mtu, 1300);
    fixture.netns.exec('ip', 'link', 'set', 't0', 'mtu', '1290');
    for (const when of ['first', 'second', 'third']) {
      await restart();
      assert.equal(link().mtu, 1290, when);
    }
  });

  it('has all offloads again when the VNIC that wants none leaves, or cannot come', async () => {
    const trunks = new Trunks(fixture.running.datapath);
    const options = { queues: 1, offload: 'off', name: 't1', mac: MAC, mtu: 1400, persist: false } as const;
    const tap = openTap({ ...options, netns: fixture.netns.name });
    const without = trunks.open('t1', tap, { mtu: 1400, offload: 'off' }, 1400);
    try {
      const shared = trunks.find('t1')!;
      const other = shared.join({ mtu: 1500, offload: 'auto' });
      assert.deepEqual([tap.offloads.checksum, tap.look()?.link.mtu], [false, 1400]);
      await without.leave();
      assert.deepEqual([tap.offloads.checksum, tap.look()?.link.mtu], [true, 1500]);
      assert.throws(() => shared.join({ mtu: 60, offload: 'off' }), /MTU/);
      assert.deepEqual([tap.offloads.checksum, tap.look()?.link.mtu], [true, 1500]);
      await other.leave();
    } finally {
      tap.remove();
    }
  });

  it('whose interface goes while it is opened leaves no descriptor, and no room taken', async () => {
    const { datapath } = fixture.running;
    const trunks = new Trunks(datapath);
    const { netns } = fixture;
    const descriptors = tunnelDescriptors();
    const options = { ...PLAIN_TAP, name: 't1', mac: MAC, mtu: 1400, netns: netns.name, persist: true };
    const tap = openTap(options);
    netns.exec('ip', 'link', 'del', 't1');
    assert.throws(() => trunks.open('t1', tap, { mtu: 1400, offload: 'off' }, 1400), /EBADFD|bad state/);
    assert.equal(trunks.find('t1'), undefined);
    await until(() => tunnelDescriptors().length === descriptors.length);
    const rooms = Array.from({ length: TRUNKS_MAX }, () => datapath.addTrunk([]));
    assert.throws(() => datapath.addTrunk([]), { code: 'table_full' });
    for (const index of rooms) await datapath.removeTrunk(index);
  });

  it('goes whole, also what of it is not loaded', async () => {
    await fixture.daemon.createTrunk(trunk());
    const path = fixture.directory.file('vnics', 't0.300');
    await restart(() => writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), version: 9 })));
    assert.match(fixture.daemon.vnics().find(({ name }) => name === 't0.300')?.state ?? '', /not loaded/);
    const blocked = `${fixture.directory.file('vnics', 't0.200')}.deleting`;
    mkdirSync(blocked);
    await assert.rejects(fixture.daemon.deleteVnic('t0'), {
      code: 'state_not_written',
      message: /t0\.200.* \(of trunk t0, these are deleted: t0\.100\)$/,
    });
    assert.deepEqual([names(), link().mtu], [['t0.200', 't0.300'], 1300]);
    rmdirSync(blocked);
    await fixture.daemon.deleteVnic('t0');
    assert.deepEqual([names(), link()], [[], undefined]);
  });
});
