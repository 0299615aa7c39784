/** What a daemon tells of itself: each kind, provoked, with old, new and reason. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import type { EventView } from '../../src/control/protocol.js';
import { eventsDocument } from '../../src/daemon/events/document.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { daemonFixture, MAC, OTHER_MAC } from './fixture.js';

test('docs/events.md is that of this version (else: npm run events)', () => {
  assert.equal(readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8'), eventsDocument());
});

describe('events of a daemon', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  /** What happened since, without ids and times: `kind object old new`. */
  const since = (after: number) =>
    fixture()
      .daemon.events({ overlay: [], after })
      .events.map(({ kind, object, old, new: now }) => [kind, object, old, now]);
  const last = () => fixture().daemon.events({ overlay: [] }).last;
  const find = (after: number, kind: EventView['kind']) =>
    fixture()
      .daemon.events({ overlay: [], after })
      .events.find((event) => event.kind === kind);

  it('an overlay and its VNIC come, change and go', async () => {
    const { daemon } = fixture();
    const from = last();
    const [overlay, vnic] = [fixture().overlay(), fixture().vnic()];
    await daemon.createOverlay(overlay);
    await daemon.createVnic(vnic);
    // What is made and changed between two looks is told as made.
    await until(() => find(from, 'vnic_created') !== undefined);
    await daemon.modifyOverlay('overlay0', { properties: { mtu: '1300' } });
    await until(() => find(from, 'overlay_modified') !== undefined);
    // Of what comes in one tenth of a second overlays are told first.
    assert.deepEqual(since(from).sort(), [
      ['overlay_created', 'overlay overlay0', null, 'files'],
      ['overlay_modified', 'overlay overlay0', null, null],
      ['plugin_serves', 'overlay overlay0', null, 'files'],
      ['vnic_created', `vnic ${vnic.name}`, null, MAC],
    ]);
    assert.equal(find(from, 'overlay_modified')?.reason, 'mtu');
    const before = last();
    await daemon.modifyOverlay('overlay0', { search: 'direct', properties: { 'direct/dest_ip': '127.0.0.9' } });
    const swapped = since(before).filter(([kind]) => kind === 'plugin_swapped' || kind === 'endpoint_appeared');
    assert.deepEqual(swapped, [
      ['endpoint_appeared', 'endpoint 127.0.0.9', null, null],
      ['plugin_swapped', 'overlay overlay0', 'files', 'direct'],
    ]);
    await daemon.modifyVnic(vnic.name, { ratePps: 1000, protection: ['mac-nospoof'] });
    await until(() => find(before, 'vnic_modified') !== undefined);
    assert.equal(find(before, 'vnic_modified')?.reason, 'protection, ratePps');
    const end = last();
    await daemon.deleteVnic(vnic.name);
    await daemon.deleteOverlay('overlay0');
    const gone = since(end).filter(([kind]) => kind?.endsWith('_deleted'));
    assert.deepEqual(gone, [
      ['vnic_deleted', `vnic ${vnic.name}`, MAC, null],
      ['overlay_deleted', 'overlay overlay0', 'direct', null],
    ]);
  });

  it('a VNIC whose interface is set down is down, the overlay DEGRADED, and both come back', async () => {
    const { daemon, netns } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const vnic = fixture().vnic();
    await daemon.createVnic(vnic);
    const from = last();
    netns.exec('ip', 'link', 'set', vnic.name, 'down');
    await until(() => find(from, 'overlay_status') !== undefined && find(from, 'vnic_status') !== undefined);
    assert.deepEqual(
      [find(from, 'vnic_status'), find(from, 'overlay_status')].map((event) => [event?.old, event?.new]),
      [
        ['up', 'down'],
        ['ONLINE', 'DEGRADED'],
      ],
    );
    assert.match(find(from, 'overlay_status')!.reason, new RegExp(`${vnic.name}: .+`));
    const down = last();
    netns.exec('ip', 'link', 'set', vnic.name, 'up');
    await until(() => find(down, 'vnic_status')?.new === 'up' && find(down, 'overlay_status')?.new === 'ONLINE');
  });

  it('a VTEP appears with the first MAC behind it, and leaves with the last', async () => {
    const { daemon } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const from = last();
    await daemon.lookup('overlay0', OTHER_MAC);
    assert.equal(find(from, 'endpoint_appeared')?.object, 'endpoint 127.0.0.9');
    await daemon.flushTargets('overlay0');
    assert.equal(find(from, 'endpoint_left')?.object, 'endpoint 127.0.0.9');
  });

  it('a search plugin that dies says why', async () => {
    const { daemon, directory } = fixture();
    const path = `${directory.path}/dying.mjs`;
    writeFileSync(
      path,
      `export default { name: 'dying', mode: 'dynamic', properties: [], create: () => ({
        start() {}, stop() {}, lookup() { setTimeout(() => { throw new Error('enough'); }, 1); return null; } }) };`,
    );
    await daemon.createOverlay(fixture().module(path));
    const from = last();
    await daemon.lookup('overlay0', OTHER_MAC);
    await until(() => find(from, 'plugin_died') !== undefined);
    assert.equal(find(from, 'plugin_died')?.old, path);
    assert.match(find(from, 'plugin_died')!.reason, /enough/);
    fixture().running.log.lines.length = 0; // that it ended is an error of the log, as it should be
  });
});
