import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CreateVnic } from '../../../src/control/protocol.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, MAC, OTHER_MAC } from '../fixture.js';

describe('commands on VNICs', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('create-vnic when its state cannot be kept leaves no interface', async () => {
    await fixture().daemon.createOverlay(fixture().overlay());
    const request = fixture().vnic();
    const before = fixture().leftBehind();
    await fixture().withUnwritable('vnics', request.name, async () => {
      await assert.rejects(fixture().daemon.createVnic(request), { code: 'state_not_written' });
    });
    assert.deepEqual(fixture().leftBehind(), before);
  });

  it('create-vnic in a namespace that is not there leaves no state', async () => {
    await fixture().daemon.createOverlay(fixture().overlay());
    const before = fixture().leftBehind();
    await assert.rejects(fixture().daemon.createVnic(fixture().vnic({ netns: 'nosuchns' })), { code: 'netns_missing' });
    assert.deepEqual(fixture().leftBehind(), before);
  });

  it('create-vnic makes an interface with the MAC and the MTU of its overlay, up', async () => {
    await fixture().daemon.createOverlay(fixture().overlay({ properties: { mtu: '1300' } }));
    const request = fixture().vnic({ mac: 'DE-AD-BE-EF-0-1' });
    const view = await fixture().daemon.createVnic(request);
    const { name } = request;
    const expected = {
      name,
      overlay: 'overlay0',
      mac: MAC,
      interface: name,
      mtu: 1300,
      netns: fixture().netns.name,
      allowAnyMac: false,
    };
    assert.deepEqual(view, { ...expected, temporary: false, state: 'up', declared: null });
    const link = fixture().netns.link(name);
    assert.equal(link.address, MAC);
    assert.equal(link.mtu, 1300);
    assert(link.flags.includes('UP'));
  });

  it('create-vnic refuses a MAC, a name, an overlay it cannot have', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const { name } = await daemon.createVnic(fixture().vnic({ allowAnyMac: true }));
    fixture().netns.exec('ip', 'link', 'add', 'taken0', 'type', 'veth', 'peer', 'name', 'taken1');
    const cases: [Partial<CreateVnic>, string][] = [
      [{ mac: 'ff:ff:ff:ff:ff:ff' }, 'bad_vnic_mac'],
      [{ mac: '00:00:00:00:00:00' }, 'bad_vnic_mac'],
      [{ mac: 'de:ad' }, 'bad_mac'],
      [{}, 'mac_taken'],
      [{ mac: OTHER_MAC, allowAnyMac: true }, 'any_mac_taken'],
      [{ mac: OTHER_MAC, name }, 'name_taken'],
      [{ mac: OTHER_MAC, name: 'overlay0' }, 'name_taken'],
      [{ mac: OTHER_MAC, name: 'taken0' }, 'interface_taken'],
      [{ mac: OTHER_MAC, overlay: 'overlay9' }, 'no_such_overlay'],
    ];
    for (const [changes, code] of cases)
      await assert.rejects(daemon.createVnic(fixture().vnic(changes)), { code }, code);
    fixture().netns.exec('ip', 'link', 'del', 'taken0');
    assert.deepEqual(
      daemon.vnics().map((each) => each.name),
      [name],
    );
  });

  it('two commands at once do not interleave', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const vnic = fixture().vnic();
    const results = await Promise.allSettled([
      daemon.createVnic(vnic),
      daemon.createVnic(vnic),
      daemon.deleteVnic(vnic.name),
      daemon.deleteVnic(vnic.name),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
    );
    const twice = await Promise.allSettled(
      [1, 2].map(() => daemon.createOverlay(fixture().overlay({ name: 'twice', vni: 9 }))),
    );
    assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });

  it('stats name every object, and know which overlay is meant', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const { name } = await daemon.createVnic(fixture().vnic());
    const stats = daemon.stats(['overlay0']);
    assert.deepEqual(
      stats.overlays.map((each) => each.name),
      ['overlay0'],
    );
    assert.deepEqual(
      stats.vnics.map((each) => each.name),
      [name],
    );
    assert.throws(() => daemon.stats(['overlay9']), { code: 'no_such_overlay' });
  });

  it('an interface deleted behind our back is reported, and delete-vnic still works', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const { name } = await daemon.createVnic(fixture().vnic());
    fixture().netns.exec('ip', 'link', 'del', name);
    await until(() => daemon.vnics()[0]?.state !== 'up');
    assert.match(daemon.vnics()[0]?.state ?? '', /its interface was deleted/);
    await daemon.reload();
    assert.equal(daemon.vnics()[0]?.state, 'up');
    assert.equal(fixture().netns.link(name)?.address, MAC);
  });
});
