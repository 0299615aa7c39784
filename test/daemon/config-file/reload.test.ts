/** What a reload of the configuration file changes, and above all what it leaves alone. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BACKOFF_FIRST_MS } from '../../../src/daemon/health/backoff.js';
import { uniqueName } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { declaring, FAR_MAC, MAC, OTHER_MAC } from '../declaring.js';

describe('a configuration file that is read again', { skip: needsRoot() }, () => {
  const daemon = declaring();

  it('read again unchanged changes nothing', async () => {
    const on = daemon();
    on.addAddress();
    const [before, plugins, views] = [on.link(), on.pluginsStarted, on.daemon.overlays()];
    await on.reload();
    assert.deepEqual(on.link(), before);
    assert.equal(on.pluginsStarted, plugins);
    assert.deepEqual(on.daemon.overlays(), views);
  });

  it('with another overlay and another VNIC leaves those that are there alone', async () => {
    const on = daemon();
    on.addAddress();
    const [before, plugins] = [on.link(), on.pluginsStarted];
    const second = uniqueName('v');
    on.file.overlays.overlay1 = on.newOverlay(24);
    on.file.vnics[second] = on.newVnic(MAC, 'overlay1');
    await on.reload();
    assert.deepEqual(on.names, ['overlay0', 'overlay1']);
    assert.equal(on.netns.link(second)?.address, MAC);
    assert.deepEqual(on.done, { overlay1: 'added', [second]: 'added' });
    assert.deepEqual([on.link(), on.pluginsStarted], [before, plugins + 1]);

    delete on.file.overlays.overlay1;
    delete on.file.vnics[second];
    await on.reload();
    assert.deepEqual(on.names, ['overlay0']);
    assert.equal(on.netns.link(second), undefined);
    assert.deepEqual(on.directory.files(), ['overlays/overlay0.json', `vnics/${on.vnic}.json`]);
    assert.deepEqual(on.link(), before);
  });

  it('with a changed property changes that alone, and back to its default without it', async () => {
    const on = daemon();
    const [before, plugins] = [on.link(), on.pluginsStarted];
    on.overlay.properties.mtu = 1280;
    on.overlay.targets = { [OTHER_MAC]: '127.0.0.7', 'de:ad:be:ef:00:03': 'drop' };
    await on.reload();
    assert.deepEqual(on.link(), { ...before, mtu: 1280 });
    assert.deepEqual(on.targets, [`${MAC} vnic ${on.vnic}`, `${OTHER_MAC} 127.0.0.7:4789`, 'de:ad:be:ef:00:03 drop']);
    delete on.overlay.properties.mtu;
    on.overlay.targets = { [OTHER_MAC]: '127.0.0.8' };
    await on.reload();
    assert.deepEqual(on.targets, [`${MAC} vnic ${on.vnic}`, `${OTHER_MAC} 127.0.0.8:4789`]);
    assert.notEqual(on.property('mtu'), '1280');
    assert.equal(String(on.link().mtu), on.property('mtu'));
    assert.equal(on.pluginsStarted, plugins);
  });

  it('with another search plugin swaps it; the interface and the socket stay', async () => {
    const on = daemon();
    on.addAddress();
    const before = on.link();
    const { 'files/config': _, ...general } = on.overlay.properties;
    on.file.overlays.overlay0 = {
      vni: 23,
      search: 'direct',
      properties: { ...general, 'direct/dest_ip': '127.0.0.9', mtu: 1290 },
    };
    await on.reload();
    assert.equal(on.daemon.overlay('overlay0').search, 'direct');
    assert.deepEqual(on.link(), { ...before, mtu: 1290 });
    assert.deepEqual(on.done, { overlay0: 'changed (search, mtu)' });
    await on.restart();
    assert.equal(on.daemon.overlay('overlay0').search, 'direct');
    assert.equal(on.daemon.overlay('overlay0').status, 'ONLINE');
  });

  it('whose new plugin cannot start keeps the old one, says so, and swaps as soon as it can', async () => {
    const on = daemon();
    const hosts = join(on.directory.path, 'other.json');
    on.overlay.properties['files/config'] = 'other.json';
    await on.reload();
    const { status, details } = on.daemon.overlay('overlay0');
    assert.equal(status, 'DEGRADED');
    assert.match(details, /^not as declared: overlay overlay0: search plugin files: start: .*other\.json/);
    assert.equal(on.configuration?.status, 'incomplete');
    assert.match(on.configuration?.text ?? '', /^overlay0: /);
    assert.equal(on.property('files/config'), join(on.directory.path, 'hosts.json'));
    assert.equal((await on.daemon.lookup('overlay0', FAR_MAC)).destination, '127.0.0.9:4789');
    writeFileSync(hosts, JSON.stringify({ [FAR_MAC]: { ip: '127.0.0.8' } }));
    on.running.pass(BACKOFF_FIRST_MS);
    await until(() => on.configuration?.status === 'applied');
    assert.equal(on.property('files/config'), hosts);
    assert.equal(on.daemon.overlay('overlay0').status, 'ONLINE');
  });

  it('with another VNI or listening port makes the overlay anew; VNICs join it with their addresses', async () => {
    const on = daemon();
    on.addAddress();
    const before = on.link();
    on.overlay.vni = 25;
    on.overlay.properties['vxlan/listen_port'] = freePort();
    await on.reload();
    assert.equal(on.daemon.overlay('overlay0').vni, 25);
    assert.equal(on.daemon.vnics()[0]?.state, 'up');
    assert.deepEqual(on.link(), before);
    assert.deepEqual(on.done, { overlay0: 'made anew (vni, vxlan/listen_port)' });
  });

  it('in which two overlays change places makes both anew', async () => {
    const on = daemon();
    on.file.overlays.overlay1 = on.newOverlay(24);
    await on.reload();
    [on.overlay.vni, on.file.overlays.overlay1.vni] = [24, 23];
    await on.reload();
    assert.deepEqual(
      on.daemon.overlays().map(({ name, vni, status }) => `${name} ${vni} ${status}`),
      ['overlay0 24 ONLINE', 'overlay1 23 ONLINE'],
    );
  });

  it('with another overlay for a VNIC keeps its interface, with another MAC makes a new one', async () => {
    const on = daemon();
    on.addAddress();
    const before = on.link();
    on.file.overlays.overlay1 = on.newOverlay(24);
    on.file.vnics[on.vnic]!.overlay = 'overlay1';
    await on.reload();
    assert.deepEqual(on.link(), before);
    assert.equal(on.daemon.vnics()[0]?.overlay, 'overlay1');
    assert.equal(on.daemon.vnics()[0]?.state, 'up');
    on.file.vnics[on.vnic]!.mac = OTHER_MAC;
    await on.reload();
    assert.equal(on.netns.link(on.vnic)?.address, OTHER_MAC);
    assert.notEqual(on.link().ifindex, before.ifindex);
  });

  it('may name a plugin of somebody else by a path from its folder', async () => {
    const on = daemon();
    const target = "{ target: { ip: '127.0.0.6', port: 4789 } }";
    const code = `{ start() {}, stop() {}, lookup: () => (${target}) }`;
    const module = `export default { name: 'mine', mode: 'dynamic', properties: [], create: () => (${code}) };`;
    writeFileSync(join(on.directory.path, 'mine.mjs'), module);
    const { 'files/config': _, ...general } = on.overlay.properties;
    on.file.overlays.overlay0 = { vni: 23, search: './mine.mjs', properties: general };
    await on.reload();
    assert.deepEqual(on.done, { overlay0: 'changed (search)' });
    assert.equal((await on.daemon.lookup('overlay0', FAR_MAC)).destination, '127.0.0.6:4789');
    await on.restart();
    assert.equal(on.daemon.overlay('overlay0').status, 'ONLINE');
    await on.reload();
    assert.equal(on.done, undefined, 'nothing differs');
    on.overlay.search = './nobody.mjs';
    on.file.overlays.overlay0 = on.overlay;
    await on.reload();
    assert.match(on.configuration?.text ?? '', /:4:13: overlays\.overlay0\.search: .*nobody\.mjs/);
  });
});
