/** Addresses that VNICs are given: put, kept, missed, and never anybody else's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, OTHER_MAC } from '../fixture.js';

const ADDRESSES = ['10.55.55.2/24', 'fd00::2/64'];
const PUT = 'put0';

describe('addresses of a VNIC', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const others: TestNetns[] = [];
  afterEach(() => {
    for (const netns of others.splice(0)) netns.delete();
  });

  /** Those of an interface that are not of the kernel's own making. */
  const on = (name: string, netns = fixture().netns): string[] =>
    netns
      .json('addr', 'show', 'dev', name)
      .flatMap(({ addr_info }) => addr_info)
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .filter((address) => !address.startsWith('fe80::'));

  async function made(changes: Parameters<ReturnType<typeof fixture>['vnic']>[0] = {}) {
    const { daemon, netns } = fixture();
    if (daemon.overlays().length === 0) await daemon.createOverlay(fixture().direct({ properties: { mtu: '1300' } }));
    const { name } = await daemon.createVnic(fixture().vnic({ addresses: ADDRESSES, ...changes }));
    const state = () => daemon.vnics().find((vnic) => vnic.name === name)!.state;
    return { name, state, ip: (...what: string[]) => netns.exec('ip', ...what) };
  }

  it('are on its interface when create-vnic returns, and shown', async () => {
    const { name, state } = await made({ addresses: ['10.55.55.2/24', 'FD00:0::2/64'] });
    assert.deepEqual([on(name), state()], [ADDRESSES, 'up']);
    assert.deepEqual(fixture().daemon.vnics()[0]?.addresses, ADDRESSES);
  });

  it('that the kernel does not take: create-vnic says why and leaves nothing', async () => {
    const { daemon } = fixture();
    // 1200 bytes are too few for IPv6.
    await daemon.createOverlay(fixture().direct({ properties: { mtu: '1200' } }));
    const before = fixture().leftBehind();
    await assert.rejects(daemon.createVnic(fixture().vnic({ name: PUT, addresses: ADDRESSES })), {
      code: 'address_refused',
      message:
        'VNIC put0 cannot have the address fd00::2/64: IPv6 is off on put0: its MTU is below 1280, ' +
        'or sysctl net.ipv6.conf.put0.disable_ipv6 is 1 there',
    });
    assert.deepEqual(fixture().leftBehind(), before);
  });

  it('that an adopted TAP had stay when create-vnic fails, and what it put goes', async () => {
    const { daemon, netns } = fixture();
    await daemon.createOverlay(fixture().direct({ properties: { mtu: '1200' } }));
    netns.exec('ip', 'tuntap', 'add', PUT, 'mode', 'tap', 'vnet_hdr');
    for (const address of ['10.55.55.9/24', '10.55.55.2/24']) netns.exec('ip', 'addr', 'add', address, 'dev', PUT);
    const addresses = ['10.55.55.9/24', '10.55.55.3/24', 'fd00::2/64'];
    const request = fixture().vnic({ name: PUT, adopt: true, addresses });
    await assert.rejects(daemon.createVnic(request), { code: 'address_refused' });
    assert.deepEqual(on(PUT), ['10.55.55.9/24', '10.55.55.2/24']);
    await daemon.createVnic({ ...request, addresses: ['10.55.55.9/24', '10.55.55.3/24'] });
    assert.deepEqual(on(PUT), ['10.55.55.9/24', '10.55.55.2/24', '10.55.55.3/24']);
    const kept = () => JSON.parse(readFileSync(fixture().directory.file('vnics', PUT), 'utf8'));
    await until(() => kept().addressesPut?.length === 1);
    const { version, addresses: wanted, addressesPut } = kept();
    assert.deepEqual([version, wanted, addressesPut], [2, ['10.55.55.9/24', '10.55.55.3/24'], ['10.55.55.3/24']]);
  });

  it('are refused where another VNIC of the namespace has them, and taken elsewhere', async () => {
    const { name } = await made();
    const elsewhere = new TestNetns();
    others.push(elsewhere);
    const { daemon } = fixture();
    const request = fixture().vnic({ mac: OTHER_MAC, addresses: ['10.55.55.2/16'] });
    await assert.rejects(daemon.createVnic(request), {
      code: 'address_taken',
      message: `address 10.55.55.2/16 is that of VNIC ${name} in the same namespace: choose another`,
    });
    await daemon.createVnic({ ...request, netns: elsewhere.path });
    assert.deepEqual(on(request.name, elsewhere), ['10.55.55.2/16']);
  });

  it('removed by hand are missed in STATE and health until a reload gives them back', async () => {
    const { name, state, ip } = await made();
    const { daemon } = fixture();
    ip('addr', 'add', '10.66.66.6/24', 'dev', name);
    ip('addr', 'del', '10.55.55.2/24', 'dev', name);
    const missing = '10.55.55.2/24 is not on its interface: it was removed (vxlane reload gives it back)';
    await until(() => state() === missing);
    assert.equal(daemon.overlay('overlay0').details, `VNIC ${name}: ${missing}`);
    await daemon.reload();
    assert.equal(state(), 'up');
    assert.deepEqual(on(name).sort(), ['10.55.55.2/24', '10.66.66.6/24', 'fd00::2/64']);
    ip('addr', 'del', '10.55.55.2/24', 'dev', name);
    await until(() => state() === missing);
    ip('addr', 'add', '10.55.55.2/24', 'dev', name);
    await until(() => state() === 'up');
  });

  it('that the kernel took away are back when the interface is up again', async () => {
    const { name, state, ip } = await made();
    ip('link', 'set', name, 'down');
    await until(() => state() === 'its interface was set down');
    assert.deepEqual(on(name), ['10.55.55.2/24']);
    ip('link', 'set', name, 'up');
    await until(() => state() === 'up');
    assert.deepEqual(on(name), ADDRESSES);
  });

  it('that the kernel took away are back when its MTU leaves room for IPv6 again', async () => {
    const { name, state, ip } = await made();
    ip('link', 'set', name, 'mtu', '1200');
    await until(() => /^fd00::2\/64 is not on its interface/.test(state()));
    ip('link', 'set', name, 'mtu', '1300');
    await until(() => state() === 'up');
    assert.deepEqual(on(name), ADDRESSES);
    await fixture().daemon.modifyOverlay('overlay0', { properties: { mtu: '1200' } });
    await until(() => /^fd00::2\/64 is not on its interface/.test(state()));
    await fixture().daemon.modifyOverlay('overlay0', { properties: { mtu: '1300' } });
    await until(() => state() === 'up');
  });

  it('go with the interface to another namespace', async () => {
    const { name, state, ip } = await made();
    const elsewhere = new TestNetns();
    others.push(elsewhere);
    ip('link', 'set', name, 'netns', elsewhere.name);
    await until(() => fixture().daemon.vnics()[0]?.netns === elsewhere.name);
    // Moved, an interface is down.
    elsewhere.exec('ip', 'link', 'set', name, 'up');
    await until(() => state() === 'up');
    assert.deepEqual(on(name, elsewhere), ADDRESSES);
  });

  it('are on an interface that is made anew', async () => {
    const { name, state, ip } = await made();
    ip('link', 'del', name);
    await until(() => state().startsWith('its interface was deleted'));
    await fixture().daemon.reload();
    assert.deepEqual([on(name), state()], [ADDRESSES, 'up']);
  });

  it('that another host has are said to be no use', async () => {
    const elsewhere = new TestNetns();
    others.push(elsewhere);
    const { name } = await made({ addresses: ['fd00::7/64'], netns: elsewhere.name });
    const isUsable = () => !elsewhere.json('addr', 'show', 'dev', name, 'tentative')[0]?.addr_info?.length;
    await until(isUsable);
    const { state } = await made({ mac: OTHER_MAC, addresses: ['fd00::7/64'] });
    const twin = 'fd00::7/64 is that of another host on the overlay: the kernel does not use it';
    await until(() => state() === twin);
  });
});
