import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DynamicInstance } from '../../src/search/api.js';
import { flood } from '../../src/search/plugins/flood/flood.js';
import { LIST_BYTES_MAX, LIST_MAX } from '../../src/search/plugins/flood/list.js';
import { parseChanges, parseProperties } from '../../src/search/props.js';
import { query, recordingContext } from './context.js';

function instance(given: Record<string, string>): DynamicInstance {
  return flood.create(recordingContext(), parseProperties(flood.properties, given));
}

const at = (ip: string, port = 4789) => ({ ip, port });

describe('flood', () => {
  test('floods to its list and its group, and learns for 300 s, unless told otherwise', async () => {
    const given = { 'flood/endpoints': '10.0.0.2, 10.0.0.3:8472,10.0.0.2', 'flood/group': '239.1.1.1' };
    const some = instance(given);
    await some.start();
    assert.deepEqual(await some.flood?.(), {
      endpoints: [at('10.0.0.2'), at('10.0.0.3', 8472), at('239.1.1.1')],
      unknown: true,
      learn: {
        ...{ ageing: 300_000, max: 16_384, port: 4789 },
        moves: { limit: 5, window: 180_000, freeze: null, exempt: ['00:00:5e:00:01', '00:00:5e:00:02'] },
      },
    });
    const moves = { 'flood/move_limit': '2', 'flood/move_window': '9', 'flood/freeze': '60' };
    const exempt = { 'flood/move_exempt': '02:00:00:00:00:AA, 00-00-5e' };
    const own = { 'flood/port': '8472', 'flood/ageing': '1', 'flood/learning_max': '7', ...moves, ...exempt };
    const other = instance({ ...own, 'flood/endpoints': 'fd00::2,[fd00::3]:4789' });
    await other.start();
    assert.deepEqual(await other.flood?.(), {
      endpoints: [at('fd00::2', 8472), at('fd00::3')],
      unknown: true,
      learn: {
        ...{ ageing: 1000, max: 7, port: 8472 },
        moves: { limit: 2, window: 9000, freeze: 60_000, exempt: ['02:00:00:00:00:aa', '00:00:5e'] },
      },
    });
    await some.stop();
  });

  test('has requests answered for hosts elsewhere when told so, which needs learning', async () => {
    const given = { 'flood/endpoints': '10.0.0.2', 'flood/arp_suppress': 'true' };
    const some = instance({ ...given, 'flood/arp_ageing': '9', 'flood/learning_max': '7' });
    await some.start();
    assert.deepEqual((await some.flood?.())?.suppress, { ageing: 9000, max: 7 });
    const other = instance({ ...given, 'flood/learning': 'false' });
    assert.throws(() => other.start(), /^Error: flood\/arp_suppress=true: .*without flood\/learning/);
  });

  test('learns nothing when told so', async () => {
    const some = instance({ 'flood/group': 'ff05::1', 'flood/learning': 'false' });
    await some.start();
    assert.deepEqual(await some.flood?.(), { endpoints: [at('ff05::1')], unknown: true });
  });

  test('knows no MAC', async () => {
    assert.equal(await instance({ 'flood/group': 'ff05::1' }).lookup(query('02:00:00:00:00:01')), null);
  });

  test('follows a change, and a bad one changes nothing', async () => {
    const some = instance({ 'flood/endpoints': '10.0.0.2' });
    await some.start();
    await some.change?.(parseChanges(flood.properties, { 'flood/endpoints': '10.0.0.3', 'flood/ageing': '9' }));
    const changed = await some.flood?.();
    assert.deepEqual(changed?.endpoints, [at('10.0.0.3')]);
    assert.equal(changed?.learn?.ageing, 9000);
    await some.change?.(parseChanges(flood.properties, { 'flood/freeze': '5', 'flood/move_exempt': 'none' }));
    await some.change?.(parseChanges(flood.properties, { 'flood/freeze': 'off' }));
    const { learn } = (await some.flood?.())!;
    assert.deepEqual([learn?.moves?.freeze, learn?.moves?.exempt], [null, []]);
    await some.change?.(parseChanges(flood.properties, { 'flood/move_exempt': '00:00:5e:00:01,00:00:5e:00:02' }));
    assert.throws(() => some.change?.({ 'flood/endpoints': '10.0.0.3,' }), {
      message: 'flood/endpoints: "": expected IP, IP:PORT or [IP6]:PORT',
    });
    assert.deepEqual(await some.flood?.(), changed);
  });

  const refused: [given: Record<string, string>, message: string][] = [
    [{}, 'neither flood/endpoints nor flood/group is set: expected one or both'],
    [
      { 'flood/group': '239.1.1.1', 'flood/move_exempt': 'none,02' },
      'flood/move_exempt: "none": expected a MAC, or how MACs begin, as 00:00:5e:00:01; or none',
    ],
    [{ 'flood/group': '10.0.0.1' }, 'flood/group=10.0.0.1: expected a multicast address, as 239.1.1.1 or ff05::1'],
    [{ 'flood/endpoints': '10.0.0.256' }, 'flood/endpoints: "10.0.0.256": expected IP, IP:PORT or [IP6]:PORT'],
    [{ 'flood/endpoints': '10.0.0.1:0' }, 'flood/endpoints: "10.0.0.1:0": expected IP, IP:PORT or [IP6]:PORT'],
    [
      { 'flood/endpoints': '10.0.0.1,239.1.1.1' },
      'flood/endpoints: 239.1.1.1: a multicast group belongs in flood/group',
    ],
    [
      { 'flood/endpoints': '0.0.0.0' },
      'flood/endpoints: 0.0.0.0: the unspecified address; expected the address of one host',
    ],
    [
      { 'flood/endpoints': '10.0.0.1,fd00::1' },
      'flood/endpoints: 10.0.0.1 and fd00::1 are of two families: expected IPv4 or IPv6 alone',
    ],
  ];
  for (const [given, message] of refused) {
    test(`refuses ${JSON.stringify(given)}`, () => assert.throws(() => instance(given).start(), { message }));
  }

  test('takes as many as may be, of the longest, and not one more', async () => {
    const longest = (count: number) =>
      Array.from({ length: count }, (_, n) => `[2001:0db8:0000:0000:0000:0000:0000:${(n + 4096).toString(16)}]:65535`);
    const full = longest(LIST_MAX).join(', ');
    assert.ok(full.length <= LIST_BYTES_MAX);
    const some = instance({ 'flood/endpoints': full });
    await some.start();
    assert.equal((await some.flood?.())?.endpoints.length, LIST_MAX);
    const message = `flood/endpoints: ${LIST_MAX + 1} destinations: expected at most ${LIST_MAX}, the group included`;
    assert.throws(() => instance({ 'flood/endpoints': full, 'flood/group': 'ff05::1' }).start(), { message });
    assert.throws(() => instance({ 'flood/endpoints': 'x'.repeat(LIST_BYTES_MAX + 1) }), {
      message: `flood/endpoints has ${LIST_BYTES_MAX + 1} bytes: expected 1 to ${LIST_BYTES_MAX}`,
    });
  });
});
