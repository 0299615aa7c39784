/** What other tools do to the interfaces of VNICs is followed, or said; nothing is dead and silent. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { netnsInode } from '../../../src/system/netns-holders.js';
import { run, TestNetns, uniqueName } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { declaring, MAC, OTHER_MAC } from '../declaring.js';
import { daemonFixture } from '../fixture.js';
import { startDaemon } from '../running.js';

const NEW_MAC = 'de:ad:be:ef:00:77';
const containers = new Set<ChildProcess>();

/** A process in a network namespace that has no name. */
async function container(): Promise<{ readonly pid: string; readonly path: string; end(): void }> {
  const child = spawn('unshare', ['-n', 'sleep', '60'], { stdio: 'ignore' });
  containers.add(child);
  const path = `/proc/${child.pid}/ns/net`;
  await until(() => ![0, netnsInode(null)].includes(netnsInode(path)));
  return { pid: String(child.pid), path, end: () => void child.kill('SIGKILL') };
}

describe('the interface of a VNIC that other tools handle', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  afterEach(() => {
    for (const child of containers) child.kill('SIGKILL');
    containers.clear();
  });

  async function made(changes: Parameters<ReturnType<typeof fixture>['vnic']>[0] = {}) {
    const { daemon, netns } = fixture();
    if (daemon.overlays().length === 0) await daemon.createOverlay(fixture().direct({ properties: { mtu: '1300' } }));
    const { name } = await daemon.createVnic(fixture().vnic(changes));
    const view = () => daemon.vnics().find((vnic) => vnic.name === name)!;
    const set = (...what: string[]) => netns.exec('ip', 'link', 'set', name, ...what);
    return { name, view, set, health: () => daemon.overlay('overlay0').details };
  }

  it('is given another MAC: the VNIC has it from then on, in the FDB and in the state file', async () => {
    const { name, view, set, health } = await made();
    set('address', NEW_MAC);
    await until(() => view().mac === NEW_MAC);
    const { daemon, running } = fixture();
    assert.deepEqual([view().state, health()], ['up', '']);
    const targets = daemon.targets('overlay0').targets.map(({ mac, destination }) => `${mac} ${destination}`);
    assert.deepEqual(targets.slice(1), [`${NEW_MAC} vnic ${name}`]);
    assert.equal(running.datapath.fdbCount, 1);
    assert(running.log.lines.includes('warn a VNIC has the MAC that its interface was given'));
  });

  it('is given the MAC of another VNIC: both say so until it has one of its own', async () => {
    const { name, view, set, health } = await made();
    const other = await made({ mac: OTHER_MAC });
    set('address', OTHER_MAC);
    await until(() => view().state !== 'up');
    assert.match(view().state, new RegExp(`given the MAC ${OTHER_MAC}, and no frame flows: .* VNIC ${other.name}`));
    assert.match(health(), new RegExp(`^1 of 2 VNICs is down: ${name}: its interface was given the MAC`));
    assert.equal(other.view().state, 'up');
    set('address', MAC);
    await until(() => view().state === 'up' && health() === '');
    assert.equal(view().mac, MAC);
  });

  it('is set down, has too long an MTU, is the port of a bridge: each is said, and then is over', async () => {
    const { name, view, set, health } = await made();
    set('down');
    await until(() => view().state === 'its interface was set down');
    assert.equal(health(), `1 of 1 VNIC is down: ${name}: its interface was set down`);
    set('up', 'mtu', '1400');
    await until(() => view().state === "its MTU is 1400, its overlay's 1300: what is longer is dropped");
    assert.match(health(), new RegExp(`^VNIC ${name}: its MTU is 1400`));
    set('mtu', '1200');
    await until(() => view().state === 'up' && view().mtu === 1200);
    fixture().netns.exec('ip', 'link', 'add', 'br0', 'type', 'bridge');
    set('master', 'br0');
    await until(() => /^a bridge has its interface/.test(view().state));
    set('nomaster');
    set('carrier', 'off');
    await until(() => view().state === 'its interface has no carrier');
    set('carrier', 'on');
    await until(() => view().state === 'up' && health() === '');
    fixture().netns.exec('ip', 'link', 'del', 'br0');
  });

  it('is renamed and moved, also into a namespace without a name: that is where the VNIC is', async () => {
    const { view, set, name } = await made();
    const eth = uniqueName('eth');
    set('down', 'name', eth);
    await until(() => view().interface === eth);
    const { pid, path } = await container();
    fixture().netns.exec('ip', 'link', 'set', eth, 'netns', pid);
    await until(() => view().netns === path);
    run('nsenter', '-n', '-t', pid, 'ip', 'link', 'set', eth, 'up');
    await until(() => view().state === 'up');
    await fixture().daemon.deleteVnic(name);
    assert.equal(run('nsenter', '-n', '-t', pid, 'ip', '-o', 'link').split('\n').length, 2, 'lo alone is left');
  });

  /** Ends when the namespace ends. */
  function tied(netns: string): () => boolean {
    const [here, there] = [uniqueName('h'), uniqueName('t')];
    run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', netns);
    return () => !run('ip', '-o', 'link').includes(`${here}@`);
  }

  it('is in a namespace that is deleted: that goes, and the VNIC says so once, until SIGHUP', async () => {
    const far = new TestNetns();
    const { name, view, health } = await made({ netns: far.name });
    const isGone = tied(far.name);
    run('ip', 'netns', 'del', far.name);
    await until(() => isGone() && view().state !== 'up');
    assert.match(view().state, new RegExp(`^its interface is gone with its network namespace \\(${far.name}\\)`));
    assert.match(health(), new RegExp(`^1 of 1 VNIC is down: ${name}: its interface is gone with its`));
    const { daemon, running } = fixture();
    const said = running.log.lines.filter((line) => /gone with its network namespace/.test(line));
    assert.equal(said.length, 1);
    run('ip', 'netns', 'add', far.name);
    await daemon.reload();
    assert.deepEqual([view().state, view().netns], ['up', far.name]);
    await daemon.deleteVnic(name);
    far.delete();
  });

  it('is in a container that ends: its namespace goes, and the VNIC says so', async () => {
    const { pid, path, end } = await container();
    const { view } = await made({ netns: path });
    const isGone = tied(pid);
    assert.equal(view().netns, path);
    end();
    await until(() => isGone() && view().state !== 'up');
    assert.match(view().state, /^its interface is gone with its network namespace/);
  });

  it('was moved out of a namespace that is deleted then: that goes all the same, and the VNIC stays up', async () => {
    const far = new TestNetns();
    const { name, view } = await made({ netns: far.name });
    const isGone = tied(far.name);
    const home = fixture().netns;
    far.exec('ip', 'link', 'set', name, 'netns', home.name);
    await until(() => view().netns === home.name);
    home.exec('ip', 'link', 'set', name, 'up');
    far.delete();
    await until(isGone);
    await until(() => view().state === 'up');
    assert(home.link(name).flags.includes('LOWER_UP'));
  });

  it('was deleted, and is not found in what has its MAC alone: delete-vnic destroys nothing else', async () => {
    const { name, view } = await made();
    const { netns, daemon } = fixture();
    netns.exec('ip', 'link', 'del', name);
    await until(() => view().state.startsWith('its interface was deleted'));
    netns.exec('ip', 'tuntap', 'add', 'theirs', 'mode', 'tap');
    netns.exec('ip', 'link', 'set', 'theirs', 'address', MAC);
    await daemon.deleteVnic(name);
    assert.equal(netns.link('theirs').address, MAC);
    netns.exec('ip', 'link', 'del', 'theirs');
  });

  it('was made anew by somebody else after it was deleted: SIGHUP takes that one', async () => {
    const { name, view } = await made();
    const { netns, daemon } = fixture();
    netns.exec('ip', 'link', 'del', name);
    await until(() => view().state.startsWith('its interface was deleted'));
    netns.exec('ip', 'tuntap', 'add', name, 'mode', 'tap');
    const { ifindex } = netns.link(name);
    await daemon.reload();
    assert.deepEqual([view().state, netns.link(name).address, netns.link(name).ifindex], ['up', MAC, ifindex]);
  });
});

describe('declared VNICs', { skip: needsRoot() }, () => {
  const daemon = declaring();

  it('whose namespace is not there leave the file incomplete and their overlay DEGRADED', async () => {
    const on = daemon();
    const lost = uniqueName('v');
    on.file.vnics[lost] = { overlay: 'overlay0', mac: OTHER_MAC, netns: 'nosuchns' };
    await on.reload();
    assert.equal(on.configuration?.status, 'incomplete');
    assert.match(on.configuration?.text ?? '', new RegExp(`^${lost}: network namespace nosuchns: .* does not exist`));
    assert.match(
      on.daemon.overlay('overlay0').details,
      new RegExp(`^1 of 2 VNICs is down: ${lost}: network namespace`),
    );
    delete on.file.vnics[lost];
    await on.reload();
    assert.deepEqual([on.configuration?.status, on.daemon.overlay('overlay0').status], ['applied', 'ONLINE']);
  });

  it('whose MAC somebody changes follow that, say so, and have their own again by SIGHUP', async () => {
    const on = daemon();
    const { ifindex } = on.link();
    on.netns.exec('ip', 'link', 'set', on.vnic, 'address', NEW_MAC);
    await until(() => on.daemon.vnics()[0]?.mac === NEW_MAC);
    assert.match(on.daemon.vnics()[0]?.state ?? '', new RegExp(`MAC was changed to ${NEW_MAC}, declared is ${MAC}`));
    await on.reload();
    await until(() => on.daemon.vnics()[0]?.state === 'up');
    assert.deepEqual([on.daemon.vnics()[0]?.mac, on.netns.link(on.vnic).address], [MAC, MAC]);
    assert.equal(on.link().ifindex, ifindex);
  });

  it('in a container, under another name there, are found after a restart and get no twins', async () => {
    const on = daemon();
    const { pid, path, end } = await container();
    await on.running.stop();
    on.netns.exec('ip', 'link', 'set', on.vnic, 'netns', pid, 'name', 'eth0');
    await on.start();
    const [found] = on.daemon.vnics();
    assert.deepEqual([found?.state, found?.netns, found?.interface], ['up', path, 'eth0']);
    assert.equal(on.netns.link(on.vnic), undefined, 'no second one was made');
    end();
  });

  it('without room in the datapath leave no interface behind, and the file incomplete', async () => {
    const on = daemon();
    const second = uniqueName('v');
    on.file.vnics[second] = on.newVnic(OTHER_MAC);
    await on.reload();
    await on.running.stop();
    for (const name of [on.vnic, second]) on.netns.exec('ip', 'link', 'del', name);
    on.running = await startDaemon(on.directory.path, 1, on.path); // one FDB entry
    const states = on.daemon.vnics().map(({ state }) => state);
    assert.equal(states.filter((state) => state === 'up').length, 1, states.join());
    assert.equal(on.netns.json('link', 'show').length, 2, 'lo, and that of the VNIC that has room');
    assert.match(on.daemon.overlay('overlay0').details, /^1 of 2 VNICs is down: /);
    assert.equal(on.configuration?.status, 'incomplete');
  });
});
