import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { direct } from '../../src/search/plugins/direct/direct.js';
import { parseChanges, parseProperties } from '../../src/search/props.js';
import { findPlugin, plugins } from '../../src/search/registry.js';
import { recordingContext } from './context.js';

function instance(given: Record<string, string>) {
  return direct.create(recordingContext(), parseProperties(direct.properties, given));
}

describe('direct', () => {
  test('sends everything to its one endpoint, port 4789 unless told otherwise', async () => {
    const point = instance({ 'direct/dest_ip': '10.88.88.70' });
    await point.start();
    assert.deepEqual(point.target(), { ip: '10.88.88.70', port: 4789 });
    assert.ok(Object.isFrozen(point.target()));
    await point.stop();
  });

  test('follows a change of either property', async () => {
    const point = instance({ 'direct/dest_ip': 'fd00::1', 'direct/dest_port': '4790' });
    await point.start();
    await point.change?.(parseChanges(direct.properties, { 'direct/dest_ip': 'fd00:0::2' }));
    assert.deepEqual(point.target(), { ip: 'fd00::2', port: 4790 });
    await point.change?.(parseChanges(direct.properties, { 'direct/dest_port': '1' }));
    assert.deepEqual(point.target(), { ip: 'fd00::2', port: 1 });
  });

  const refused: [ip: string, reason: string][] = [
    ['0.0.0.0', 'direct/dest_ip=0.0.0.0: the unspecified address; expected the address of one host'],
    ['::', 'direct/dest_ip=::: the unspecified address; expected the address of one host'],
    ['224.0.0.251', 'direct/dest_ip=224.0.0.251: a multicast address; expected the address of one host'],
    ['ff02::1', 'direct/dest_ip=ff02::1: a multicast address; expected the address of one host'],
    ['255.255.255.255', 'direct/dest_ip=255.255.255.255: the broadcast address; expected the address of one host'],
    ['::ffff:239.1.1.1', 'direct/dest_ip=239.1.1.1: a multicast address; expected the address of one host'],
  ];
  for (const [ip, message] of refused) {
    test(`refuses ${ip}, at start and as a change, which changes nothing`, async () => {
      const bad = instance({ 'direct/dest_ip': ip });
      assert.throws(() => bad.start(), { message });
      const good = instance({ 'direct/dest_ip': '10.0.0.1' });
      assert.throws(() => good.change?.(parseChanges(direct.properties, { 'direct/dest_ip': ip })), { message });
      assert.deepEqual(good.target(), { ip: '10.0.0.1', port: 4789 });
    });
  }

  test('names its missing address', () => {
    const message = 'direct/dest_ip is required: underlay address of the far end';
    assert.throws(() => instance({}), { message });
  });
});

describe('registry', () => {
  test('finds the built-in plugins by name', () => {
    assert.deepEqual([...plugins.keys()], ['direct', 'files']);
    for (const [name, plugin] of plugins) assert.equal(findPlugin(name), plugin);
  });

  test('an unknown plugin is refused with the names of those there are', () => {
    const message = 'unknown search plugin "etdc": expected one of direct, files';
    assert.throws(() => findPlugin('etdc'), { code: 'unknown_search_plugin', message });
  });

  test('every property belongs to its plugin and has help', () => {
    for (const [name, plugin] of plugins) {
      for (const spec of plugin.properties) {
        assert.ok(spec.name.startsWith(`${name}/`), spec.name);
        assert.notEqual(spec.help, '');
      }
    }
  });
});
