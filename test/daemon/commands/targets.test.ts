import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { needsRoot } from '../../support/root.js';
import { daemonFixture, MAC, OTHER_MAC } from '../fixture.js';

describe('commands on targets', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('direct: the one destination changes while the overlay runs, but never to itself', async () => {
    const { daemon } = fixture();
    const request = fixture().direct();
    await daemon.createOverlay(request);
    await daemon.modifyOverlay('overlay0', { properties: { 'direct/dest_port': '4790' } });
    const [target] = daemon.targets('overlay0').targets;
    assert.equal(target?.mac, '*:*:*:*:*:*');
    assert.equal(target?.destination, '127.0.0.9:4790');
    const self = { 'direct/dest_ip': '127.0.0.1', 'direct/dest_port': request.properties['vxlan/listen_port']! };
    await assert.rejects(daemon.modifyOverlay('overlay0', { properties: self }), { code: 'points_to_itself' });
    assert.equal(daemon.targets('overlay0').targets[0]?.destination, '127.0.0.9:4790');
    await assert.rejects(daemon.setTarget('overlay0', MAC, { destination: 'drop' }), { code: 'targets_of_point' });
    const lookup = await daemon.lookup('overlay0', 'ff:ff:ff:ff:ff:ff');
    assert.deepEqual([lookup.verdict, lookup.destination], ['forward', '127.0.0.9:4790']);
  });

  it('targets are set, shown, looked up, deleted and flushed', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const { name } = await daemon.createVnic(fixture().vnic());
    const shown = () =>
      daemon.targets('overlay0').targets.map((each) => `${each.mac} ${each.destination} ${each.source}`);
    const own = `${MAC} vnic ${name} vnic`;
    await daemon.setTarget('overlay0', 'de:ad:be:ef:00:09', { destination: '127.0.0.7:4790' });
    await daemon.setTarget('overlay0', 'de:ad:be:ef:00:0a', { destination: 'drop' });
    const asked = await daemon.lookup('overlay0', OTHER_MAC);
    assert.deepEqual(asked, {
      overlay: 'overlay0',
      mac: OTHER_MAC,
      verdict: 'forward',
      destination: '127.0.0.9:4789',
      source: 'files',
      cached: false,
      alternatives: [],
    });
    assert.equal((await daemon.lookup('overlay0', OTHER_MAC)).cached, true);
    const statics = ['de:ad:be:ef:00:09 127.0.0.7:4790 static', 'de:ad:be:ef:00:0a drop static'];
    assert.deepEqual(shown(), [own, `${OTHER_MAC} 127.0.0.9:4789 files`, ...statics]);

    const verdicts = ['de:ad:be:ef:00:0a', 'de:ad:be:ef:00:77', 'ff:ff:ff:ff:ff:ff', MAC].map(async (mac) => {
      const { verdict, destination, source } = await daemon.lookup('overlay0', mac);
      return `${verdict} ${destination} ${source}`;
    });
    const expected = ['drop drop_entry static', 'drop no_such_mac files', 'drop no_flood_list files'];
    assert.deepEqual(await Promise.all(verdicts), [...expected, `local vnic ${name} vnic`]);
    assert.deepEqual(shown().length, 4, 'what has no answer is no target');

    await daemon.deleteTarget('overlay0', 'de:ad:be:ef:00:09');
    await assert.rejects(daemon.deleteTarget('overlay0', 'de:ad:be:ef:00:09'), { code: 'no_such_target' });
    await assert.rejects(daemon.deleteTarget('overlay0', MAC), { code: 'target_is_vnic' });
    await daemon.flushTargets('overlay0');
    assert.deepEqual(shown(), [own]);
    const stored = JSON.parse(readFileSync(fixture().directory.file('overlays', 'overlay0'), 'utf8'));
    assert.deepEqual(stored.targets, {});
  });

  it('targets that cannot be are refused, each with its reason', async () => {
    const { daemon } = fixture();
    const request = fixture().overlay();
    await daemon.createOverlay(request);
    await daemon.createVnic(fixture().vnic());
    const port = request.properties['vxlan/listen_port'];
    const cases: [string, string, string][] = [
      ['ff:ff:ff:ff:ff:ff', '127.0.0.7:4789', 'bad_target_mac'],
      [MAC, '127.0.0.7:4789', 'target_is_vnic'],
      [OTHER_MAC, 'nowhere', 'bad_destination'],
      [OTHER_MAC, '127.0.0.7:0', 'bad_destination'],
      [OTHER_MAC, '0.0.0.0:4789', 'bad_destination'],
      [OTHER_MAC, '[fd00::1]:4789', 'wrong_family'],
      [OTHER_MAC, `127.0.0.1:${port}`, 'points_to_itself'],
    ];
    for (const [mac, destination, code] of cases) {
      await assert.rejects(daemon.setTarget('overlay0', mac, { destination }), { code }, `${mac}=${destination}`);
    }
    await daemon.setTarget('overlay0', OTHER_MAC, { destination: '127.0.0.7' });
    const twin = daemon.createVnic(fixture().vnic({ mac: OTHER_MAC }));
    await assert.rejects(twin, { code: 'mac_is_target' });
  });
});
