import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findPlugin } from '../../src/search/find.js';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { direct } from '../../src/search/plugins/direct/direct.js';
import { parseChanges, parseProperties } from '../../src/search/props.js';
import { plugins } from '../../src/search/registry.js';
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

describe('finding a plugin', () => {
  const deadlines = new Deadlines(() => 0);

  test('finds the built-in ones by name', async () => {
    for (const [name, plugin] of plugins) {
      const { location, manifest } = await findPlugin(name, 'thread', deadlines);
      assert.deepEqual(location, { kind: 'built-in', name });
      assert.equal(manifest, plugin);
    }
  });

  test('an unknown one is refused with what is known', async () => {
    await assert.rejects(findPlugin('etdc', 'thread', deadlines), ({ code, message }) => {
      assert.equal(code, 'unknown_search_plugin');
      assert.match(message, /^unknown search plugin "etdc": expected one of direct, .*files.*, the path of a module/);
      return true;
    });
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
