import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CreateOverlay, CreateVnic } from '../../src/control/protocol.js';
import { BACKOFF_FIRST_MS } from '../../src/daemon/health/backoff.js';
import { STATE_VERSION } from '../../src/daemon/state/stored.js';
import { openTap } from '../../src/system/tap.js';
import { run, TestNetns, uniqueName } from '../support/netns.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { until } from '../support/until.js';
import { type Running, StateDirectory, startDaemon, tunnelDescriptors } from './running.js';

const MAC = 'de:ad:be:ef:00:01';
const OTHER_MAC = 'de:ad:be:ef:00:02';

describe('after a restart', { skip: needsRoot() }, () => {
  let directory: StateDirectory;
  let running: Running;
  let netns: TestNetns;
  let hosts: string;
  let descriptors: string[];

  beforeEach(async () => {
    descriptors = tunnelDescriptors();
    directory = new StateDirectory();
    netns = new TestNetns();
    hosts = join(directory.path, 'hosts.json');
    writeFileSync(hosts, JSON.stringify({ [OTHER_MAC]: { ip: '127.0.0.9' } }));
    running = await startDaemon(directory.path);
  });
  afterEach(async () => {
    await running.stop();
    netns.delete();
    directory.delete();
    assert.deepEqual(tunnelDescriptors(), descriptors);
  });

  async function restart(meanwhile: () => void = () => {}): Promise<void> {
    await running.stop();
    assert.deepEqual(tunnelDescriptors(), descriptors, 'an orderly end closes everything');
    meanwhile();
    running = await startDaemon(directory.path);
  }

  function overlay(changes: Partial<CreateOverlay> = {}): CreateOverlay {
    const properties = {
      'vxlan/listen_ip': '127.0.0.1',
      'vxlan/listen_port': String(freePort()),
      'files/config': hosts,
      mtu: '1300',
    };
    return { name: 'overlay0', encap: 'vxlan', vni: 23, search: 'files', temporary: false, properties, ...changes };
  }

  function vnic(changes: Partial<CreateVnic> = {}): CreateVnic {
    const name = uniqueName('v');
    return { name, overlay: 'overlay0', mac: MAC, netns: netns.name, allowAnyMac: false, temporary: false, ...changes };
  }

  const names = () => running.daemon.overlays().map(({ name }) => name);

  it('overlays, static targets and VNICs are as they were, and the interface never went', async () => {
    const before = await running.daemon.createOverlay(overlay());
    const made = await running.daemon.createVnic(vnic());
    await running.daemon.setTarget('overlay0', 'de:ad:be:ef:00:09', { destination: '127.0.0.7:4790' });
    netns.exec('ip', 'addr', 'add', '10.55.55.3/24', 'dev', made.name);
    const { ifindex } = netns.link(made.name);
    const fileNumber = () => statSync(directory.file('vnics', made.name)).ino;
    let number = 0;
    await restart(() => {
      assert.equal(netns.link(made.name).ifindex, ifindex);
      number = fileNumber();
    });
    assert.deepEqual(running.daemon.overlays(), [before]);
    assert.deepEqual(running.daemon.vnics(), [made]);
    assert.equal(netns.link(made.name).ifindex, ifindex);
    assert.match(netns.exec('ip', '-br', 'addr', 'show', made.name), /10\.55\.55\.3/);
    const targets = running.daemon.targets('overlay0').targets.map((each) => `${each.mac} ${each.destination}`);
    assert.deepEqual(targets, [`${MAC} vnic ${made.name}`, 'de:ad:be:ef:00:09 127.0.0.7:4790']);
    await restart(() => assert.equal(fileNumber(), number, 'what is as it was is not written again'));
  });

  it('a VNIC is found in the namespace its interface was moved to', async () => {
    await running.daemon.createOverlay(overlay());
    const { name } = await running.daemon.createVnic(vnic());
    const elsewhere = new TestNetns();
    try {
      netns.exec('ip', 'link', 'set', name, 'netns', elsewhere.name);
      await restart();
      const [found] = running.daemon.vnics();
      assert.equal(found?.state, 'up');
      assert.equal(found?.netns, elsewhere.name);
      assert.equal(netns.link(name), undefined, 'no second one was made');
    } finally {
      elsewhere.delete();
    }
  });

  it('a VNIC whose interface is gone, as after a boot, is made again', async () => {
    await running.daemon.createOverlay(overlay());
    const { name } = await running.daemon.createVnic(vnic());
    await restart(() => netns.exec('ip', 'link', 'del', name));
    assert.equal(running.daemon.vnics()[0]?.state, 'up');
    assert.equal(netns.link(name).address, MAC);
  });

  it('a VNIC whose namespace is gone says so, and is up when SIGHUP finds it again', async () => {
    await running.daemon.createOverlay(overlay());
    const { name } = await running.daemon.createVnic(vnic());
    const gone = netns.name;
    await restart(() => netns.delete());
    assert.match(running.daemon.vnics()[0]?.state ?? '', new RegExp(`network namespace ${gone}: .* does not exist`));
    run('ip', 'netns', 'add', gone);
    try {
      await running.daemon.reload();
      assert.equal(running.daemon.vnics()[0]?.state, 'up');
      assert.match(run('ip', '-n', gone, 'link', 'show', name), new RegExp(MAC));
    } finally {
      run('ip', 'netns', 'delete', gone);
    }
  });

  it('a VNIC whose interface was renamed and has another MAC is found, and follows that', async () => {
    await running.daemon.createOverlay(overlay());
    const { name } = await running.daemon.createVnic(vnic());
    const renamed = uniqueName('ren');
    await restart(() => netns.exec('ip', 'link', 'set', name, 'down', 'name', renamed, 'address', OTHER_MAC));
    await until(() => running.daemon.vnics()[0]?.mac === OTHER_MAC);
    const [found] = running.daemon.vnics();
    assert.deepEqual([found?.state, found?.interface, found?.name], ['up', renamed, name]);
    assert.equal(netns.link(name), undefined, 'no twin was made');
    await running.daemon.deleteVnic(name);
    assert.equal(netns.link(renamed), undefined);
  });

  it('the interface of a VNIC of the same MAC on another overlay is not taken for a renamed one', async () => {
    await running.daemon.createOverlay(overlay());
    await running.daemon.createOverlay(overlay({ name: 'overlay1', vni: 24 }));
    const lost = await running.daemon.createVnic(vnic());
    await running.daemon.createVnic(vnic({ overlay: 'overlay1' }));
    await restart(() => netns.exec('ip', 'link', 'del', lost.name));
    assert(running.daemon.vnics().every(({ state }) => state === 'up'));
  });

  it('a VNIC whose interface another process holds cannot be deleted, and can when that lets go', async () => {
    await running.daemon.createOverlay(overlay());
    const { name, mac, netns: where } = await running.daemon.createVnic(vnic({ netns: netns.path }));
    await running.stop();
    const thief = openTap({ name, mac, mtu: 1300, netns: where, persist: true, ...PLAIN_TAP });
    running = await startDaemon(directory.path);
    await assert.rejects(running.daemon.deleteVnic(name), { code: 'interface_stays', message: /holds this TAP/ });
    assert.match(running.daemon.vnics()[0]?.state ?? '', /holds this TAP/);
    thief.close();
    await running.daemon.deleteVnic(name);
    assert.equal(netns.link(name), undefined);
    assert.deepEqual(directory.files(), ['overlays/overlay0.json']);
  });

  it('a VNIC whose namespace is gone can be deleted', async () => {
    await running.daemon.createOverlay(overlay());
    const { name } = await running.daemon.createVnic(vnic());
    await restart(() => netns.delete());
    await running.daemon.deleteVnic(name);
    assert.deepEqual(directory.files(), ['overlays/overlay0.json']);
  });

  it('what is temporary is gone, interfaces included', async () => {
    await running.daemon.createOverlay(overlay({ temporary: true }));
    await running.daemon.createOverlay(overlay({ name: 'overlay1', vni: 24 }));
    const onTemporary = await running.daemon.createVnic(vnic());
    const temporary = await running.daemon.createVnic(vnic({ overlay: 'overlay1', temporary: true }));
    assert.equal(onTemporary.temporary, true, 'a VNIC cannot outlive its overlay');
    await restart(() => {
      assert.equal(netns.link(onTemporary.name), undefined);
      assert.equal(netns.link(temporary.name), undefined);
    });
    assert.deepEqual(names(), ['overlay1']);
    assert.deepEqual(running.daemon.vnics(), []);
  });

  it('an overlay whose plugin cannot start is DEGRADED with its VNICs up, and well again by SIGHUP', async () => {
    const { name: overlayName } = await running.daemon.createOverlay(overlay());
    await running.daemon.createVnic(vnic());
    await restart(() => writeFileSync(hosts, '{ broken'));
    const degraded = running.daemon.overlay(overlayName);
    assert.equal(degraded.status, 'DEGRADED');
    assert.match(degraded.details, /^search plugin files: start: /);
    assert.equal(running.daemon.vnics()[0]?.state, 'up');
    const asked = await running.daemon.lookup(overlayName, OTHER_MAC);
    assert.equal(asked.destination, 'lookup_failed');

    writeFileSync(hosts, JSON.stringify({ [OTHER_MAC]: { ip: '127.0.0.9' } }));
    await running.daemon.reload();
    assert.equal(running.daemon.overlay(overlayName).status, 'ONLINE');
    const again = await running.daemon.lookup(overlayName, OTHER_MAC);
    assert.equal(again.destination, '127.0.0.9:4789', 'the failure is not remembered beyond its cause');
  });

  it('an overlay whose port is taken is DEGRADED and says by whom; it comes up with its VNICs by itself', async () => {
    const request = overlay();
    await running.daemon.createOverlay(request);
    await running.daemon.createVnic(vnic());
    const { createSocket } = await import('node:dgram');
    const thief = createSocket('udp4');
    await running.stop();
    await new Promise<void>((resolve) => {
      thief.bind(Number(request.properties['vxlan/listen_port']), '127.0.0.1', resolve);
    });
    running = await startDaemon(directory.path);
    assert.match(running.daemon.overlay('overlay0').details, /the port is held by/);
    assert.match(running.daemon.vnics()[0]?.state ?? '', /overlay overlay0 is not up: .*the port is held by/);
    await assert.rejects(running.daemon.lookup('overlay0', OTHER_MAC), { code: 'overlay_not_up' });
    const { details } = running.daemon.overlay('overlay0');
    for (let times = 0; times < 2; times++) await running.daemon.reload(); // all is tried again
    assert.equal(running.daemon.overlay('overlay0').details, details, 'its words are no reason of its own');
    await new Promise<void>((resolve) => {
      thief.close(resolve);
    });
    running.pass(BACKOFF_FIRST_MS);
    await until(() => running.daemon.overlay('overlay0').status === 'ONLINE');
    assert.equal(running.daemon.vnics()[0]?.state, 'up');
  });

  it('an overlay of a plugin that is no more keeps its properties and can be deleted', async () => {
    const { 'files/config': _, ...general } = overlay().properties;
    const properties = { ...general, 'gone/host': 'somewhere' };
    const stored = { version: STATE_VERSION, name: 'overlay0', vni: 23, encap: 'vxlan', search: 'gone', properties };
    await restart(() =>
      writeFileSync(directory.file('overlays', 'overlay0'), JSON.stringify({ ...stored, targets: {} })),
    );
    assert.match(running.daemon.overlay('overlay0').details, /^unknown search plugin "gone": expected one of /);
    await running.daemon.modifyOverlay('overlay0', { properties: { mtu: '1280' } });
    await restart();
    const mtu = running.daemon.overlay('overlay0').properties.find(({ name }) => name === 'mtu');
    assert.equal(mtu?.value, '1280');
    await running.daemon.deleteOverlay('overlay0');
    assert.deepEqual(directory.files(), []);
  });

  it('a corrupt overlay is not loaded; its VNICs wait and join the one that is made in its place', async () => {
    const request = overlay();
    await running.daemon.createOverlay(request);
    await running.daemon.createOverlay(overlay({ name: 'overlay1', vni: 24 }));
    const { name } = await running.daemon.createVnic(vnic());
    await restart(() => writeFileSync(directory.file('overlays', 'overlay0'), '{"version":1'));
    assert.deepEqual(names(), ['overlay0', 'overlay1']);
    assert.match(
      running.daemon.vnics()[0]?.state ?? '',
      /^overlay overlay0 is not loaded: .*overlay0\.json: it is no JSON/,
    );
    assert(running.log.lines.some((line) => /^error a state file cannot be used and stays as it is/.test(line)));
    await running.daemon.createOverlay(request);
    assert.equal(running.daemon.vnics()[0]?.state, 'up');
    assert.equal(netns.link(name).address, MAC);
  });

  it('two overlays with one VNI, or with a property that cannot be, do not keep the daemon from starting', async () => {
    await running.daemon.createOverlay(overlay());
    const stored = { version: STATE_VERSION, vni: 23, encap: 'vxlan', search: 'files', targets: {} };
    const { properties } = overlay();
    await restart(() => {
      const twin = { ...stored, name: 'overlay1', properties };
      writeFileSync(directory.file('overlays', 'overlay1'), JSON.stringify(twin));
      const bad = { ...stored, name: 'overlay2', vni: 25, properties: { ...properties, mtu: 'large' } };
      writeFileSync(directory.file('overlays', 'overlay2'), JSON.stringify(bad));
    });
    const states = running.daemon.status().overlays.map(({ name, state }) => [name, state]);
    assert.deepEqual(states, [['overlay0', 'serving'], ...['overlay1', 'overlay2'].map((name) => [name, 'unloaded'])]);
    const reasons = running.log.lines.filter((line) => line.startsWith('error')).join('\n');
    assert.match(reasons, /virtual network id 23 is in use by overlay overlay0: choose another/);
    assert.match(reasons, /mtu is \\"large\\"/);
  });

  it('frames flow between VNICs of one overlay', async () => {
    await running.daemon.createOverlay(overlay());
    const far = new TestNetns();
    try {
      const near = await running.daemon.createVnic(vnic());
      const away = await running.daemon.createVnic(vnic({ mac: OTHER_MAC, netns: far.name }));
      netns.exec('ip', 'addr', 'add', '10.55.55.3/24', 'dev', near.name);
      far.exec('ip', 'addr', 'add', '10.55.55.4/24', 'dev', away.name);
      await restart();
      const { execFile } = await import('node:child_process');
      const { promisify } = await import('node:util');
      const ping = ['netns', 'exec', netns.name, 'ping', '-c', '2', '-i', '0.2', '-W', '3', '10.55.55.4'];
      const { stdout } = await promisify(execFile)('ip', ping, { timeout: 10_000 });
      assert.match(stdout, /2 received, 0% packet loss/);
      const [stats] = running.daemon.stats({ overlay: [] }).vnics.filter(({ name }) => name === near.name);
      assert(stats !== undefined && stats.tx.frames >= 3 && stats.rx.frames >= 3);
    } finally {
      far.delete();
    }
  });
});
