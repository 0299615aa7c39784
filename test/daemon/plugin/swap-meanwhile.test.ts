/** While a search plugin is swapped: the table is full, the old one dies, targets come, the daemon ends. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tableFull } from '../../../src/errors.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, Fixture } from '../fixture.js';

const MAC = '02:00:00:00:00:01';
const OTHER = '02:00:00:00:00:02';
const DIRECT = { search: 'direct', properties: { 'direct/dest_ip': '127.0.0.9' } };

/** `instance`: more of it. */
const dynamic = (instance: string) => `
  export default { name: 'mine', mode: 'dynamic', properties: [],
    create: () => ({ start() {}, stop() {},
      lookup: ({ mac }) => mac === '${MAC}' ? { target: { ip: '127.0.0.5', port: 4789 } } : null, ${instance} }) };`;

const point = (instance: string) => `
  export default { name: 'mine', mode: 'point', properties: [],
    create: () => ({ start() {}, stop() {}, target: () => ({ ip: '127.0.0.6', port: 4789 }), ${instance} }) };`;

let count = 0;

function write({ directory }: Fixture, text: string): string {
  const path = join(directory.path, `meanwhile-${count++}.mjs`);
  writeFileSync(path, text);
  return path;
}

describe('while the search plugin is swapped', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const create = (text: string) => fixture().daemon.createOverlay(fixture().module(write(fixture(), text)));
  /** But how much memory the plugin's process has. */
  const state = () => {
    const { daemon, directory } = fixture();
    const { properties, ...overlay } = daemon.overlay('overlay0');
    const named = properties.map(({ value, ...property }) => ({ ...property, value: value?.replace(/\d+ MiB/, '') }));
    return [overlay, named, readFileSync(directory.file('overlays', 'overlay0'), 'utf8')];
  };

  it('the datapath has no room for the destination: all is as it was, and the old one serves', async () => {
    await create(dynamic(''));
    const { daemon, running } = fixture();
    const before = state();
    const { prepareOverlay } = running.datapath;
    running.datapath.prepareOverlay = () => {
      throw tableFull('endpoints', 65_535);
    };
    await assert.rejects(daemon.modifyOverlay('overlay0', DIRECT), { message: /too many endpoints/ });
    running.datapath.prepareOverlay = prepareOverlay;
    assert.deepEqual(state(), before);
    assert.equal((await daemon.lookup('overlay0', MAC)).destination, '127.0.0.5:4789');
  });

  it('the datapath has no room for the destination: what was learned stays', async (t) => {
    const { daemon, running } = fixture();
    const added = t.mock.method(running.datapath, 'addOverlay');
    const properties = { 'flood/endpoints': '127.0.0.8' };
    const { 'files/config': _, ...general } = fixture().overlay().properties;
    await daemon.createOverlay({
      ...fixture().overlay({ search: 'flood' }),
      properties: { ...general, ...properties },
    });
    const overlay = added.mock.calls[0]!.result!;
    running.datapath.onUpcall({ kind: 'learn', overlay, mac: OTHER, ip: '127.0.0.8' });
    const learned = daemon.targets('overlay0').targets.map(({ mac, source }) => `${mac} ${source}`);
    assert.deepEqual(learned, [`${OTHER} learned`]);
    const full = t.mock.method(running.datapath, 'prepareOverlay', () => {
      throw tableFull('endpoints', 65_535);
    });
    await assert.rejects(daemon.modifyOverlay('overlay0', DIRECT), { message: /too many endpoints/ });
    full.mock.restore();
    assert.deepEqual(
      daemon.targets('overlay0').targets.map(({ mac, source }) => `${mac} ${source}`),
      learned,
    );
  });

  it('the old one dies and is started again: the new one takes over all the same', async () => {
    await create(dynamic('lookup: () => process.exit(1)'));
    const { daemon, running } = fixture();
    const started = () => running.log.lines.filter((line) => line === 'info search plugin serves').length;
    const before = started();
    const swapping = daemon.modifyOverlay('overlay0', {
      search: write(fixture(), point(`start: () => new Promise((resolve) => setTimeout(resolve, 3000))`)),
    });
    await daemon.lookup('overlay0', OTHER);
    await until(() => started() > before);
    await swapping;
    assert.equal((await daemon.lookup('overlay0', OTHER)).destination, '127.0.0.6:4789');
    running.log.lines.splice(0); // that it died is an error, and meant
  });

  it('a static target is set: a plugin that would lose it is refused', async () => {
    await create(dynamic(''));
    const { daemon } = fixture();
    const slow = write(fixture(), point(`start: () => new Promise((resolve) => setTimeout(resolve, 500))`));
    const swapping = assert.rejects(daemon.modifyOverlay('overlay0', { search: slow }), {
      message: /flush them first/,
    });
    await sleep(200); // the plugin is starting by now, or about to
    await daemon.setTarget('overlay0', OTHER, { destination: '127.0.0.7:1' });
    await swapping;
    assert.equal((await daemon.lookup('overlay0', OTHER)).destination, '127.0.0.7:1');
  });

  it('a VNIC cannot take its MTU: the new one serves, and the VNIC and the overlay say what is wrong', async () => {
    await create(dynamic(''));
    const { daemon, running, netns } = fixture();
    const vnic = await daemon.createVnic(fixture().vnic());
    const gone: number[] = [];
    const { onVnicGone } = running.datapath;
    running.datapath.onVnicGone = (index) => void gone.push(index); // it comes later than the swap
    netns.exec('ip', 'link', 'delete', vnic.name);
    const search = write(fixture(), point(''));
    const swapped = await daemon.modifyOverlay('overlay0', { search, properties: { mtu: '1280' } });
    assert.equal(swapped.search, search);
    assert.match(swapped.details, new RegExp(`VNIC.* ${vnic.name}: `));
    assert.notEqual(daemon.vnics()[0]?.state, 'up');
    assert.equal((await daemon.lookup('overlay0', OTHER)).destination, '127.0.0.6:4789');
    running.datapath.onVnicGone = onVnicGone;
    for (const index of gone) onVnicGone(index);
    await until(() => daemon.vnics()[0]?.state.startsWith('its interface was deleted') === true);
    assert.match(daemon.overlay('overlay0').details, /^1 of 1 VNIC is down: .*: its interface was deleted/);
  });

  it('the old one is reading its source again: that it was stopped is no trouble of the new one', async () => {
    await create(dynamic('reload: () => new Promise(() => {})'));
    const { daemon } = fixture();
    const reloading = daemon.reload();
    await daemon.modifyOverlay('overlay0', DIRECT);
    await reloading;
    const { status, details } = daemon.overlay('overlay0');
    assert.deepEqual([status, details], ['ONLINE', '']);
  });
});

describe('the end of a daemon', { skip: needsRoot() }, () => {
  it('comes to plugins too whose overlay is made while it begins', async () => {
    const fixture = new Fixture();
    await fixture.start();
    const { daemon, running } = fixture;
    const beats = write(fixture, '');
    const alive = write(
      fixture,
      `import { appendFileSync } from 'node:fs';
      setInterval(() => appendFileSync('${beats}', '.'), 20); ${dynamic('')}`,
    );
    const slowToStop = write(fixture, dynamic('stop: () => new Promise(() => {})'));
    await daemon.createOverlay({ ...fixture.module(slowToStop), name: 'overlay1', vni: 24 });
    const deleting = daemon.deleteOverlay('overlay1');
    // In a thread, which may write what shows that it lives; a process has its own test.
    const creating = daemon.createOverlay(fixture.module(alive, { 'plugin-isolation': 'thread' })).catch(() => {});
    await until(() => statSync(beats).size > 0);
    await running.stop();
    await Promise.all([deleting, creating]);
    const size = () => statSync(beats).size;
    const before = size();
    await sleep(200);
    assert.equal(size(), before, 'its thread has ended');
    fixture.netns.delete();
    fixture.directory.delete();
  });
});
