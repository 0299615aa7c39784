/** An overlay that floods: what it joins, what it leaves out, and what it says when a group cannot be had. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatEndpoint } from '../../../src/address.js';
import { WATCH_EVERY_MS } from '../../../src/daemon/clockwork.js';
import { vtepMac } from '../../../src/oam/loopback.js';
import { run } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, MAC } from '../fixture.js';

/** Of this process alone. */
const GROUP = `239.77.${(process.pid >> 8) & 255}.${process.pid & 255}`;
/** Of no real network, and of this process alone. */
const ADDRESS = `198.19.${(process.pid >> 8) & 255}.${process.pid & 255}`;
const UNKNOWN = '02:00:00:00:00:77';

describe('an overlay that floods', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const create = (name: string, vni: number, properties: Record<string, string>) => {
    const { 'files/config': _, ...listen } = fixture().overlay({ properties }).properties;
    return fixture().daemon.createOverlay({ ...fixture().overlay({ name, vni, search: 'flood' }), properties: listen });
  };
  /** How many sockets have joined the group. */
  const members = (): number => {
    const bytes = GROUP.split('.').reverse();
    const hex = bytes
      .map((byte) => Number(byte).toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase();
    const row = new RegExp(`^\\s+${hex}\\s+(\\d+)`, 'm').exec(readFileSync('/proc/net/igmp', 'utf8'));
    return Number(row?.[1] ?? 0);
  };

  it('leaves its own endpoint out, and a lookup tells the others without asking', async () => {
    const port = String(freePort());
    const list = `127.0.0.1:${port},127.0.0.1:1,127.0.0.8:${port},127.0.0.9,127.0.0.10`;
    await create('overlay0', 23, { 'vxlan/listen_port': port, 'flood/endpoints': list });
    const { daemon } = fixture();
    for (const mac of [UNKNOWN, 'ff:ff:ff:ff:ff:ff']) {
      const answer = await daemon.lookup('overlay0', mac);
      assert.deepEqual(
        [answer.verdict, answer.destination],
        ['flood', `127.0.0.1:1, 127.0.0.8:${port}, 127.0.0.9:4789 and 1 more`],
      );
    }
    assert.deepEqual(daemon.targets('overlay0').targets, []);
  });

  it('does not learn the MAC of this VTEP behind a VNIC that carries any, nor a VTEP’s own there', async (t) => {
    const { daemon, running } = fixture();
    const added = t.mock.method(running.datapath, 'addOverlay');
    await create('overlay0', 23, { 'vxlan/listen_port': String(freePort()), 'flood/endpoints': '127.0.0.9' });
    await daemon.createVnic(fixture().vnic({ allowAnyMac: true }));
    const overlay = added.mock.calls[0]!.result!;
    const hear = (mac: string, ip: string | null) => running.datapath.onUpcall({ kind: 'learn', overlay, mac, ip });
    hear(vtepMac('127.0.0.1'), null);
    hear(vtepMac('127.0.0.9'), '127.0.0.9');
    hear(UNKNOWN, null);
    hear(vtepMac('10.9.9.9'), null);
    const learned = daemon.targets('overlay0').targets.map(({ mac }) => mac);
    assert.deepEqual(learned.filter((mac) => mac !== MAC).sort(), [UNKNOWN, vtepMac('10.9.9.9')]);
  });

  it('with nobody but itself in the list drops, as no_flood_list', async () => {
    const port = String(freePort());
    await create('overlay0', 23, { 'vxlan/listen_port': port, 'flood/endpoints': `127.0.0.1:${port}` });
    const answer = await fixture().daemon.lookup('overlay0', UNKNOWN);
    assert.deepEqual([answer.verdict, answer.destination], ['drop', 'no_flood_list']);
  });

  it('on all addresses follows them: an endpoint is left out while this host has its address', async (t) => {
    const port = String(freePort());
    const properties = { 'vxlan/listen_ip': '0.0.0.0', 'vxlan/listen_port': port };
    const list = `${ADDRESS}:${port},127.0.0.9:${port}`;
    await create('overlay0', 23, { ...properties, 'flood/endpoints': list });
    const { daemon, running } = fixture();
    const configured = t.mock.method(running.datapath, 'prepareOverlay');
    const watch = () => {
      configured.mock.resetCalls();
      running.pass(WATCH_EVERY_MS);
      daemon.tick();
      return configured.mock.calls.map(({ arguments: [, { flood }] }) => flood?.endpoints.map(formatEndpoint));
    };
    assert.deepEqual(watch(), []);
    run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo');
    try {
      assert.deepEqual(watch(), [[`127.0.0.9:${port}`]]);
      assert.deepEqual(watch(), []);
      run('ip', 'address', 'del', `${ADDRESS}/32`, 'dev', 'lo');
      assert.deepEqual(watch(), [[`${ADDRESS}:${port}`, `127.0.0.9:${port}`]]);
    } finally {
      run('ip', 'address', 'flush', 'to', `${ADDRESS}/32`, 'dev', 'lo');
    }
  });

  it('shares a group with the others of its socket; the last one leaves it', async () => {
    const port = String(freePort());
    const properties = { 'vxlan/listen_port': port, 'flood/group': GROUP, 'flood/port': port };
    await create('overlay0', 23, properties);
    assert.equal(members(), 1);
    await create('overlay1', 24, properties);
    assert.equal(members(), 1);
    await fixture().daemon.deleteOverlay('overlay0');
    assert.equal(members(), 1);
    await fixture().daemon.deleteOverlay('overlay1');
    assert.equal(members(), 0);
  });

  it('whose group cannot be had is DEGRADED and says why, and joins by itself when it can', async () => {
    const [port, groupPort] = [String(freePort()), freePort()];
    const thief = createSocket('udp4');
    thief.bind(groupPort, '0.0.0.0');
    await once(thief, 'listening');
    const { daemon, running } = fixture();
    const properties = { 'flood/group': GROUP, 'flood/port': String(groupPort) };
    const view = await create('overlay0', 23, { 'vxlan/listen_port': port, ...properties });
    assert.equal(view.status, 'DEGRADED');
    assert.match(view.details, new RegExp(`^listen on ${GROUP}:${groupPort}/udp: the port is held by pid`));
    thief.close();
    await once(thief, 'close');
    running.pass(WATCH_EVERY_MS);
    await until(() => daemon.overlay('overlay0').status === 'ONLINE');
    assert.equal(members(), 1);
    await daemon.modifyOverlay('overlay0', { properties: { 'flood/endpoints': '127.0.0.9' } });
    assert.equal(members(), 1, 'a change of something else leaves the group alone');
  });

  it('stops flooding and learning when its plugin is swapped for one that does neither', async () => {
    const port = String(freePort());
    const properties = { 'vxlan/listen_port': port, 'flood/group': GROUP, 'flood/port': port };
    await create('overlay0', 23, properties);
    const { daemon, hosts } = fixture();
    await daemon.modifyOverlay('overlay0', { search: 'files', properties: { 'files/config': hosts } });
    await until(() => members() === 0);
    const answer = await daemon.lookup('overlay0', UNKNOWN);
    assert.deepEqual([answer.verdict, answer.destination], ['drop', 'no_such_mac']);
  });
});
