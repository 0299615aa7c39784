import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { autoMac } from '../../../src/config/auto-mac.js';
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
      trunk: null,
      addresses: [],
      protection: [],
      allowedIps: [],
      ...{ rateBps: null, ratePps: null, stormPps: null },
    };
    assert.deepEqual(view, { ...expected, temporary: false, state: 'up', declared: null });
    const link = fixture().netns.link(name);
    assert.equal(link.address, MAC);
    assert.equal(link.mtu, 1300);
    assert(link.flags.includes('UP'));
  });

  it('create-vnic with mac auto has a MAC of its own each time, and is refused where another has it', async (t) => {
    if (!existsSync('/etc/machine-id')) return t.skip('this machine has no /etc/machine-id');
    const { daemon } = fixture();
    const vnic = (changes: Partial<CreateVnic>) => fixture().vnic(changes);
    await daemon.createOverlay(fixture().overlay());
    const request = vnic({ mac: 'auto' });
    const { mac } = await daemon.createVnic(request);
    assert.equal(mac, autoMac('overlay0', request.name));
    assert.equal(fixture().netns.link(request.name).address, mac);
    const other = await daemon.createVnic(vnic({ mac: 'auto' }));
    assert.notEqual(other.mac, mac);
    await daemon.deleteVnic(request.name);
    assert.equal((await daemon.createVnic(request)).mac, mac);
    await daemon.deleteVnic(request.name);
    const holder = await daemon.createVnic(vnic({ mac }));
    await assert.rejects(daemon.createVnic(request), {
      code: 'mac_taken',
      message: `${mac} is that of VNIC ${holder.name}: choose another`,
    });
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

  it('create-vnic --adopt takes a TAP that is there, with its addresses, and nothing else', async () => {
    const { daemon, netns } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const request = fixture().vnic({ name: 'lost0', adopt: true });
    await assert.rejects(daemon.createVnic(request), {
      code: 'no_such_interface',
      message: /no interface lost0 in .* to adopt/,
    });
    netns.exec('ip', 'link', 'add', 'lost0', 'type', 'veth', 'peer', 'name', 'lost1');
    await assert.rejects(daemon.createVnic(request), { code: 'interface_not_tap' });
    netns.exec('ip', 'link', 'del', 'lost0');
    // as another state directory's daemon has left it
    netns.exec('ip', 'tuntap', 'add', 'lost0', 'mode', 'tap', 'vnet_hdr');
    netns.exec('ip', 'link', 'set', 'lost0', 'alias', 'vxlane lost0 0123456789ab', 'mtu', '1280');
    netns.exec('ip', 'addr', 'add', '10.55.55.3/24', 'dev', 'lost0');
    const { ifindex } = netns.link('lost0');
    await assert.rejects(daemon.createVnic({ ...request, adopt: false }), { code: 'interface_taken' });
    const made = await daemon.createVnic(request);
    assert.deepEqual([made.state, made.mac, made.mtu], ['up', MAC, 1280]);
    assert.deepEqual([netns.link('lost0').ifindex, netns.link('lost0').address], [ifindex, MAC]);
    assert.match(netns.exec('ip', '-br', 'addr', 'show', 'lost0'), /10\.55\.55\.3/);
    assert.doesNotMatch(netns.exec('ip', 'link', 'show', 'lost0'), /0123456789ab/);
    await daemon.deleteVnic('lost0');
    assert.equal(netns.link('lost0'), undefined);
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
    const stats = daemon.stats({ overlay: ['overlay0'] });
    assert.deepEqual(
      stats.overlays.map((each) => each.name),
      ['overlay0'],
    );
    assert.deepEqual(
      stats.vnics.map((each) => each.name),
      [name],
    );
    assert.throws(() => daemon.stats({ overlay: ['overlay9'] }), { code: 'no_such_overlay' });
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
