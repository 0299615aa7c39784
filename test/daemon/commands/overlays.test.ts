import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { CreateOverlay } from '../../../src/control/protocol.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { daemonFixture } from '../fixture.js';
import { tunnelDescriptors } from '../running.js';

describe('commands on overlays', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('create-overlay shows every property in order, with what may be and what is by default', async () => {
    const view = await fixture().daemon.createOverlay(fixture().overlay({ properties: { mtu: '8000' } }));
    const names = view.properties.map(({ name }) => name);
    const identity = ['mtu', 'vnetid', 'encap', 'underlay', 'underlay-mtu', 'tagged-mtu'];
    const vxlan = [
      'listen_ip',
      'underlay_dev',
      'listen_port',
      'source_ports',
      'udp_checksum',
      'accept_zero_checksum6',
      'multicast_ttl',
      'ecn',
      'dscp',
      'ttl',
      'df',
      'fragments',
      'gbp',
      'accept_partial',
    ];
    const general = [...identity, ...vxlan.map((name) => `vxlan/${name}`), 'offload', 'vlan', 'strict-header'];
    const source = ['source-check', 'source-allow', 'oam-loopback'];
    assert.deepEqual(names, [
      ...general,
      ...source,
      'dhcp/mtu_option',
      'ndp/mtu_option',
      'lookup/negative_ttl',
      'lookup/memory',
      'plugin-isolation',
      'search',
      'plugin-place',
      'files/config',
    ]);
    const [mtu, vnetid, , underlay, underlayMtu] = view.properties;
    // the MTU of a loopback interface says nothing
    const expected = { perm: 'rw', required: false, value: '8000', default: '1400', possible: '576-8900' };
    assert.deepEqual(mtu, { name: 'mtu', ...expected });
    assert.equal(underlayMtu?.value, null);
    assert.equal(vnetid?.perm, 'r-');
    assert.equal(underlay?.value, 'socket');
    assert.equal(underlay.possible, 'socket (sockets were asked for)');
    const changeable = view.properties.filter(({ perm }) => perm === 'rw').map(({ name }) => name);
    assert.deepEqual(changeable, [
      'mtu',
      'vxlan/ecn',
      'vxlan/dscp',
      'vxlan/ttl',
      'vxlan/df',
      'vxlan/fragments',
      'vxlan/gbp',
      'vxlan/accept_partial',
      'offload',
      'vlan',
      'strict-header',
      ...source,
      'dhcp/mtu_option',
      'ndp/mtu_option',
      'lookup/negative_ttl',
      'lookup/memory',
      'plugin-isolation',
    ]);
    assert.equal(view.status, 'ONLINE');
    assert.deepEqual(fixture().daemon.overlay('overlay0'), view);
  });

  const refused: Record<string, { change: () => Partial<CreateOverlay>; code: string; message: RegExp }> = {
    'an unknown encapsulation': {
      change: () => ({ encap: 'stt' }),
      code: 'bad_encap',
      message: /"stt": expected vxlan/,
    },
    'an encapsulation that the module of the plugin does not go with': {
      change: () => {
        const search = join(fixture().directory.path, 'vxlan-only.mjs');
        const create = 'create: () => ({ start() {}, stop() {}, lookup: () => null })';
        const head = "name: 'mine', mode: 'dynamic', properties: [], encapsulations: ['vxlan']";
        writeFileSync(search, `export default { ${head}, ${create} };`);
        return { encap: 'geneve', search };
      },
      code: 'bad_encap',
      message: /^search plugin mine does not go with encapsulation geneve: expected vxlan$/,
    },
    'an unknown plugin': {
      change: () => ({ search: 'etdc' }),
      code: 'unknown_search_plugin',
      message: /direct, etcd, evpn, files/,
    },
    'a VNI too large': { change: () => ({ vni: 1 << 24 }), code: 'bad_vni', message: /0 to 16777215/ },
    'a negative VNI': { change: () => ({ vni: -1 }), code: 'bad_vni', message: /-1/ },
    'a multicast listen address': {
      change: () => ({ properties: { 'vxlan/listen_ip': '239.1.1.1' } }),
      code: 'bad_listen_ip',
      message: /multicast/,
    },
    'a link-local listen address': {
      change: () => ({ properties: { 'vxlan/listen_ip': 'fe80::1' } }),
      code: 'bad_listen_ip',
      message: /fe80::1, a link-local address: expected its interface too, as in fe80::1%eth0/,
    },
    'a zone that is another interface': {
      change: () => ({ properties: { 'vxlan/listen_ip': 'fe80::1%lo', 'vxlan/underlay_dev': 'eth0' } }),
      code: 'bad_listen_ip',
      message: /fe80::1%lo, but vxlan\/underlay_dev is eth0: expected one interface/,
    },
    'a zone of an address that has none': {
      change: () => ({ properties: { 'vxlan/listen_ip': '127.0.0.1%lo' } }),
      code: 'bad_listen_ip',
      message: /127\.0\.0\.1%lo, but fe80::\/10 alone has zones: expected 127\.0\.0\.1, and vxlan\/underlay_dev=lo/,
    },
    'an interface that is not here': {
      change: () => ({ properties: { 'vxlan/underlay_dev': 'nowhere0' } }),
      code: 'no_underlay_device',
      message: /^underlay_dev is nowhere0: no interface here has that name; make it, or name another/,
    },
    'the broadcast address': {
      change: () => ({ properties: { 'vxlan/listen_ip': '255.255.255.255' } }),
      code: 'bad_listen_ip',
      message: /broadcast/,
    },
    'an address that is not here': {
      change: () => ({ properties: { 'vxlan/listen_ip': '192.0.2.1' } }),
      code: 'address_not_local',
      message: /192\.0\.2\.1/,
    },
    'an MTU too large': {
      change: () => ({ properties: { mtu: '9000' } }),
      code: 'bad_properties',
      message: /mtu is "9000": expected .* from 576 to 8900/,
    },
    'a missing file': {
      change: () => ({ properties: { 'files/config': '/nonexistent/hosts.json' } }),
      code: 'plugin_failed',
      message: /overlay overlay0: search plugin files: start: .*\/nonexistent\/hosts\.json/,
    },
  };
  for (const [what, { change, code, message }] of Object.entries(refused)) {
    it(`create-overlay with ${what} is refused and leaves nothing`, async () => {
      await assert.rejects(fixture().daemon.createOverlay(fixture().overlay(change())), { code, message });
      assert.deepEqual(fixture().daemon.overlays(), []);
      assert.deepEqual(fixture().leftBehind(), fixture().nothing);
    });
  }

  it('create-overlay names every missing and wrong property at once', async () => {
    const request = { ...fixture().overlay(), properties: { vlan: 'maybe', 'files/confg': 'x' } };
    await assert.rejects(fixture().daemon.createOverlay(request), ({ message }: Error) => {
      for (const part of ['vlan', 'files/confg', 'vxlan/listen_ip is required', 'files/config is required']) {
        assert(message.includes(part), message);
      }
      return true;
    });
  });

  it('create-overlay refuses a name or a VNI that is taken, naming the holder', async () => {
    await fixture().daemon.createOverlay(fixture().overlay());
    await assert.rejects(fixture().daemon.createOverlay(fixture().overlay({ vni: 24 })), { code: 'name_taken' });
    const twin = fixture().daemon.createOverlay(fixture().overlay({ name: 'overlay1' }));
    await assert.rejects(twin, { code: 'vni_taken', message: /23 is in use by overlay overlay0/ });
  });

  it('create-overlay when its state cannot be kept leaves no socket', async () => {
    await fixture().withUnwritable('overlays', 'overlay0', async () => {
      await assert.rejects(fixture().daemon.createOverlay(fixture().overlay()), { code: 'state_not_written' });
    });
    assert.deepEqual(fixture().leftBehind(), fixture().nothing);
  });

  it('overlays that listen on one address and port share one socket', async () => {
    const port = { 'vxlan/listen_port': String(freePort()) };
    const sockets = () => tunnelDescriptors().length - fixture().nothing.descriptors.length;
    const each = 1 + 2 * 16; // the listener; a pool of source ports, each with and without checksums
    await fixture().daemon.createOverlay(fixture().overlay({ properties: port }));
    await fixture().daemon.createOverlay(fixture().overlay({ name: 'overlay1', vni: 24, properties: port }));
    assert.equal(sockets(), each);
    await fixture().daemon.deleteOverlay('overlay0');
    assert.equal(sockets(), each);
    await fixture().daemon.deleteOverlay('overlay1');
    assert.equal(sockets(), 0);
  });

  it('an overlay that wants another kind of the socket it would share is refused, and leaves nothing', async () => {
    const port = { 'vxlan/listen_port': String(freePort()) };
    await fixture().daemon.createOverlay(fixture().overlay({ properties: port }));
    const before = fixture().leftBehind();
    const others = {
      'vxlan/source_ports': '4',
      'vxlan/udp_checksum': 'zero',
      'vxlan/accept_zero_checksum6': 'true',
      'vxlan/multicast_ttl': '2',
    };
    for (const [name, value] of Object.entries(others)) {
      const properties = { ...port, [name]: value };
      await assert.rejects(fixture().daemon.createOverlay(fixture().overlay({ name: 'other0', vni: 24, properties })), {
        code: 'socket_differs',
        message: new RegExp(`${name}=${value}: another overlay listens on .* must agree`),
      });
      assert.deepEqual(fixture().leftBehind(), before);
    }
  });

  it('delete-overlay is refused while there are VNICs, and names them', async () => {
    await fixture().daemon.createOverlay(fixture().overlay());
    const { name } = await fixture().daemon.createVnic(fixture().vnic());
    await assert.rejects(fixture().daemon.deleteOverlay('overlay0'), {
      code: 'overlay_has_vnics',
      message: new RegExp(`: ${name} `),
    });
  });

  it('modify-overlay -p changes what may change, at once and for good', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const { name } = await daemon.createVnic(fixture().vnic());
    const properties = { mtu: '1280', vlan: 'strip', 'strict-header': 'true', 'lookup/negative_ttl': '0' };
    const view = await daemon.modifyOverlay('overlay0', { properties });
    for (const [property, value] of Object.entries(properties)) {
      assert.equal(view.properties.find((each) => each.name === property)?.value, value);
    }
    assert.equal(fixture().netns.link(name).mtu, 1280);
    const stored = JSON.parse(readFileSync(fixture().directory.file('overlays', 'overlay0'), 'utf8'));
    assert.equal(stored.properties.mtu, '1280');
    assert.equal(stored.properties['vxlan/listen_ip'], '127.0.0.1');
  });

  it('modify-overlay tells the datapath the MTU and accept_partial as they are then', async (t) => {
    const { daemon, running } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const configured = t.mock.method(running.datapath, 'prepareOverlay');
    const last = () => configured.mock.calls.at(-1)!.arguments[1];
    await daemon.modifyOverlay('overlay0', { properties: { mtu: '1280' } });
    assert.deepEqual([last().mtu, last().acceptPartial], [1280, true]);
    await daemon.modifyOverlay('overlay0', { properties: { 'vxlan/accept_partial': 'off' } });
    assert.deepEqual([last().mtu, last().acceptPartial], [1280, false]);
  });

  it('modify-overlay refuses by name what may not change, and then changes nothing', async () => {
    const { daemon } = fixture();
    const before = await daemon.createOverlay(fixture().overlay());
    const properties = { mtu: '1280', 'vxlan/listen_port': '4790' };
    await assert.rejects(daemon.modifyOverlay('overlay0', { properties }), { message: /vxlan\/listen_port cannot/ });
    await assert.rejects(daemon.modifyOverlay('overlay0', {}), { code: 'bad_modify' });
    assert.deepEqual(daemon.overlay('overlay0'), before);
  });

  it('modify-overlay that cannot be kept is taken back', async () => {
    const { daemon } = fixture();
    const before = await daemon.createOverlay(fixture().direct());
    const { name } = await daemon.createVnic(fixture().vnic());
    const mtu = fixture().netns.link(name).mtu;
    const properties = { mtu: '1280', 'direct/dest_ip': '127.0.0.8' };
    await fixture().withUnwritable('overlays', 'overlay0', async () => {
      await assert.rejects(daemon.modifyOverlay('overlay0', { properties }), { code: 'state_not_written' });
    });
    assert.deepEqual(daemon.overlay('overlay0'), before);
    assert.equal(fixture().netns.link(name).mtu, mtu);
    assert.equal(daemon.targets('overlay0').targets[0]?.destination, '127.0.0.9:4789');
    fixture().running.log.lines.length = 0; // the undo of the state file could not be written either, and said so
  });

  it('modify-overlay on a disk that was full for a moment is taken back in the state file as well', async (context) => {
    const { daemon, directory } = fixture();
    await daemon.createOverlay(fixture().direct());
    const file = directory.file('overlays', 'overlay0');
    const before = readFileSync(file, 'utf8');
    const handle = await open('/dev/null');
    const full = async () => assert.fail('ENOSPC');
    context.mock.method(Object.getPrototypeOf(handle), 'sync', full, { times: 1 });
    await handle.close();
    const properties = { 'direct/dest_ip': '127.0.0.8' };
    await assert.rejects(daemon.modifyOverlay('overlay0', { properties }), { code: 'state_not_written' });
    assert.equal(readFileSync(file, 'utf8'), before);
    assert.equal(daemon.targets('overlay0').targets[0]?.destination, '127.0.0.9:4789');
  });

  it('modify-overlay without mtu leaves the MTU that the operator gave an interface', async () => {
    const { daemon, netns } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const { name } = await daemon.createVnic(fixture().vnic());
    netns.exec('ip', 'link', 'set', name, 'mtu', '1300');
    await daemon.modifyOverlay('overlay0', { properties: { vlan: 'strip' } });
    assert.equal(netns.link(name).mtu, 1300);
  });
});
