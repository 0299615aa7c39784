/** `vxlane events` against a real daemon socket: what is kept, and what comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHarness } from '../control/harness.js';
import { until } from '../support/until.js';
import { outcomeOf, start, vxlaneAt } from './vxlane.js';

test('events: prints what is kept, of one overlay, as JSON lines', async () => {
  await using harness = await startHarness();
  const { eventLog } = harness.controller;
  for (const overlay of ['a', 'b'])
    eventLog.tell('overlay_created', { object: `overlay ${overlay}`, overlay, new: 'files' });
  const all = await vxlaneAt(harness.socket)('events');
  assert.deepEqual([all.status, all.stderr], [0, '']);
  assert.deepEqual(
    all.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    eventLog.after(null),
  );
  const one = await vxlaneAt(harness.socket)('events', '--overlay', 'b');
  assert.deepEqual(JSON.parse(one.stdout), eventLog.after(null)[1]);
});

test('events --follow: goes on until Ctrl-C, and ends well then', async () => {
  await using harness = await startHarness();
  const { eventLog } = harness.controller;
  const child = start(['events', '--follow'], { VXLANE_SOCKET: harness.socket });
  const outcome = outcomeOf(child);
  let said = '';
  child.stdout.on('data', (part) => {
    said += part;
  });
  await until(() => eventLog.listeners === 1);
  eventLog.tell('vnic_created', { object: 'vnic foo0', overlay: 'a', new: 'de:ad:be:ef:00:01' });
  await until(() => said.includes('\n'));
  child.kill('SIGINT');
  const { status, stdout, stderr } = await outcome;
  assert.deepEqual([status, stderr, JSON.parse(stdout)], [0, '', eventLog.after(null)[0]]);
});

test('events --follow: says when the daemon ends', async () => {
  const harness = await startHarness();
  const child = start(['events', '--follow'], { VXLANE_SOCKET: harness.socket });
  const outcome = outcomeOf(child);
  await until(() => harness.controller.eventLog.listeners === 1);
  await harness.close();
  const { status, stderr } = await outcome;
  assert.notEqual(status, 0);
  assert.match(stderr, /^vxlane: talking to the vxlane daemon on .* failed: /);
});
