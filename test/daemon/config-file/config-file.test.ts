/** A daemon with a configuration file: its start, what is refused, and who may change what. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { BACKOFF_FIRST_MS } from '../../../src/daemon/health/backoff.js';
import { uniqueName } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { declaring, FAR_MAC, MAC, OTHER_MAC } from '../declaring.js';

describe('a configuration file', { skip: needsRoot() }, () => {
  const daemon = declaring();

  it('is there after the start, with relative paths from its folder, and says where everything is declared', () => {
    const on = daemon();
    const view = on.daemon.overlay('overlay0');
    assert.equal(view.status, 'ONLINE', view.details);
    assert.equal(view.declared, `${on.path}:2`);
    assert.equal(on.property('files/config'), join(on.directory.path, 'hosts.json'));
    const [made] = on.daemon.vnics();
    assert.deepEqual([made?.name, made?.state, made?.declared], [on.vnic, 'up', `${on.path}:11`]);
    const { status, details, file } = on.configuration ?? {};
    assert.deepEqual({ status, details, file }, { status: 'applied', details: [], file: on.path });
  });

  it('that is wrong changes nothing, and show-config has every problem until it is right', async () => {
    const on = daemon();
    const before = [on.daemon.overlays(), on.daemon.vnics(), on.link(), on.pluginsStarted];
    const right = stringify(on.file);
    await on.reload(right.replace('vni: 23', 'vni: many').replace(MAC, 'x'));
    const view = on.configuration;
    assert.equal(view?.status, 'refused');
    assert.deepEqual(view.details, [
      `${on.path}:3:10: overlays.overlay0.vni: is the text "many": expected a whole number from 0 to 16777215`,
      `${on.path}:13:10: vnics.${on.vnic}.mac: not a MAC address: "x" ` +
        '(expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
    ]);
    const logged = on.logged('configuration refused: nothing changed');
    assert.deepEqual(logged, { file: on.path, problems: view.details });
    assert.deepEqual([on.daemon.overlays(), on.daemon.vnics(), on.link(), on.pluginsStarted], before);
    await on.reload(right);
    assert.equal(on.configuration?.status, 'applied');
  });

  it('is what changes declared objects: commands are refused, and what they make is left alone', async () => {
    const on = daemon();
    const refused = {
      code: 'declared_in_file',
      message: `overlay0 is declared in ${on.path}:2: change it there, then vxlane reload`,
    };
    await assert.rejects(on.daemon.modifyOverlay('overlay0', { properties: { mtu: '1290' } }), refused);
    await assert.rejects(on.daemon.deleteOverlay('overlay0'), refused);
    await assert.rejects(on.daemon.setTarget('overlay0', OTHER_MAC, { destination: 'drop' }), refused);
    await assert.rejects(on.daemon.deleteVnic(on.vnic), { code: 'declared_in_file' });

    const mine = uniqueName('m');
    const request = { overlay: 'overlay0', mac: OTHER_MAC, netns: on.netns.name, allowAnyMac: false, temporary: false };
    await on.daemon.createVnic({ name: mine, ...request });
    const before = on.link(mine);
    on.overlay.vni = 26;
    await on.reload();
    assert.deepEqual(on.link(mine), before);
    assert(on.daemon.vnics().every(({ state }) => state === 'up'));
    await on.reload('overlays: {}\n');
    assert.match(on.configuration?.text ?? '', new RegExp(`has VNICs that commands made \\(${mine}\\)`));
    await on.daemon.deleteVnic(mine);
    await on.reload('overlays: {}\n');
    assert.deepEqual(on.names, []);
    assert.deepEqual(on.directory.files(), []);
  });

  it('keeps its targets when a command forgets the others', async () => {
    const on = daemon();
    on.overlay.targets = { [OTHER_MAC]: 'drop' };
    await on.reload();
    const macs = () => on.daemon.targets('overlay0').targets.map(({ mac }) => mac);
    await on.daemon.lookup('overlay0', FAR_MAC);
    assert.deepEqual(macs(), [MAC, OTHER_MAC, FAR_MAC]);
    await assert.rejects(on.daemon.deleteTarget('overlay0', OTHER_MAC), { code: 'declared_in_file' });
    await on.daemon.deleteTarget('overlay0', FAR_MAC);
    await on.daemon.lookup('overlay0', FAR_MAC);
    await on.daemon.flushTargets('overlay0');
    assert.deepEqual(macs(), [MAC, OTHER_MAC]);
  });

  it('takes over what a command has made just so', async () => {
    const on = daemon();
    const declared = on.newOverlay(24);
    const properties = Object.fromEntries(
      Object.entries(declared.properties).map(([name, value]) => [name, String(value)]),
    );
    properties['files/config'] = join(on.directory.path, 'hosts.json');
    await on.daemon.createOverlay({
      name: 'overlay1',
      encap: 'vxlan',
      vni: 24,
      search: 'files',
      temporary: false,
      properties,
    });
    const plugins = on.pluginsStarted;
    on.file.overlays.overlay1 = { ...declared, vni: 25 };
    await on.reload();
    assert.match(on.configuration?.text ?? '', /a command has made overlay1 with another vni/);
    on.file.overlays.overlay1 = declared;
    await on.reload();
    assert.equal(on.daemon.overlay('overlay1').declared, `${on.path}:10`);
    assert.equal(on.pluginsStarted, plugins);
    await assert.rejects(on.daemon.deleteOverlay('overlay1'), { code: 'declared_in_file' });
  });

  it('that changed while no daemon ran: what stayed has its addresses, what it declares no more is gone', async () => {
    const on = daemon();
    on.addAddress();
    const second = uniqueName('v');
    on.file.vnics[second] = on.newVnic(OTHER_MAC);
    await on.reload();
    const before = on.link();
    await on.running.stop();
    delete on.file.vnics[second];
    on.overlay.vni = 27;
    await on.start();
    assert.deepEqual(on.link(), before);
    assert.equal(on.netns.link(second), undefined);
    assert.equal(on.daemon.overlay('overlay0').vni, 27);
    assert.deepEqual(on.directory.files(), ['overlays/overlay0.json', `vnics/${on.vnic}.json`]);
  });

  it('gone from the command line leaves what it declared to commands, and can come back', async () => {
    const on = daemon();
    await on.restart(null);
    assert.equal(on.daemon.overlay('overlay0').declared, null);
    assert.equal(on.configuration, null);
    await on.restart();
    assert.equal(on.daemon.overlay('overlay0').declared, `${on.path}:2`);
    await on.restart(null);
    await on.daemon.deleteVnic(on.vnic);
    await on.daemon.deleteOverlay('overlay0');
    assert.deepEqual(on.directory.files(), []);
  });

  it('that cannot go with what commands made keeps the daemon from starting, and nothing is touched', async () => {
    const on = daemon();
    await on.restart(null);
    on.addAddress();
    const before = on.link();
    on.overlay.vni = 28;
    await on.running.stop();
    await assert.rejects(on.start(), {
      code: 'bad_configuration',
      message: /a command has made overlay0 with another vni/,
    });
    assert.deepEqual(on.link(), before);
    on.overlay.vni = 23;
    await on.start();
    assert.deepEqual(on.link(), before);
  });

  it('whose listening address is not there declares it all the same, and it comes up when it can', async () => {
    const on = daemon();
    const thief = createSocket('udp4');
    const port = freePort();
    await new Promise<void>((resolve) => void thief.bind(port, '127.0.0.1', resolve));
    on.file.overlays.overlay1 = on.newOverlay(24);
    on.file.overlays.overlay1.properties['vxlan/listen_port'] = port;
    await on.reload();
    assert.equal(on.daemon.overlay('overlay0').status, 'ONLINE');
    assert.match(on.daemon.overlay('overlay1').details, /the port is held by/);
    await new Promise<void>((resolve) => void thief.close(resolve));
    on.running.pass(BACKOFF_FIRST_MS);
    await until(() => on.daemon.overlay('overlay1').status === 'ONLINE');
  });

  it('does not take an interface that is somebody else’s, and takes the name when that is gone', async () => {
    const on = daemon();
    const taken = uniqueName('t');
    on.netns.exec('ip', 'tuntap', 'add', 'dev', taken, 'mode', 'tap');
    const { address } = on.netns.link(taken);
    on.file.vnics[taken] = on.newVnic(OTHER_MAC);
    await on.reload();
    const state = () => on.daemon.vnics().find(({ name }) => name === taken)?.state ?? '';
    assert.match(state(), /an interface .* exists already/);
    assert.equal(on.netns.link(taken).address, address);
    on.netns.exec('ip', 'link', 'del', taken);
    on.running.pass(BACKOFF_FIRST_MS);
    await until(() => state() === 'up');
    assert.equal(on.netns.link(taken).address, OTHER_MAC);
  });

  it('that cannot be kept is tried again', async () => {
    const on = daemon();
    const blocked = `${on.directory.file('overlays', 'overlay1')}.tmp`;
    mkdirSync(blocked);
    on.file.overlays.overlay1 = on.newOverlay(24);
    await on.reload();
    assert.deepEqual(on.names, ['overlay0']);
    assert.match(on.configuration?.text ?? '', /^overlay1: cannot keep/);
    rmSync(blocked, { recursive: true });
    on.running.pass(BACKOFF_FIRST_MS);
    await until(() => on.configuration?.status === 'applied');
    assert.deepEqual(on.names, ['overlay0', 'overlay1']);
  });
});
