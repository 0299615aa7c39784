/** Overlays whose datagrams may be fragmented: the sockets for them, and what changing one's mind does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WATCH_EVERY_MS } from '../../../src/daemon/clockwork.js';
import { run, uniqueName } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture } from '../fixture.js';
import '../../support/each-engine.js';

/** Of no real network, and of this process alone. */
const ADDRESS = `198.19.${(process.pid >> 8) & 255}.${process.pid & 255}`;

describe('vxlan/df', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const sockets = () => fixture().leftBehind().descriptors.length;
  const df = (name: string, value: string) =>
    fixture().daemon.modifyOverlay(name, { properties: { 'vxlan/df': value } });

  it('opens sockets when the first overlay that shares them wants it, and the last one closes them', async (t) => {
    const { daemon, running } = fixture();
    const told = t.mock.method(running.datapath, 'setFragmentable');
    const configured = t.mock.method(running.datapath, 'prepareOverlay');
    const listen = { 'vxlan/listen_port': String(freePort()), 'vxlan/source_ports': '4' };
    await daemon.createOverlay(fixture().direct({ properties: listen }));
    await daemon.createOverlay(fixture().direct({ name: 'overlay1', vni: 24, properties: listen }));
    assert.equal(told.mock.callCount(), 0);
    const before = sockets();
    await df('overlay0', 'inherit');
    assert.equal(configured.mock.calls.at(-1)!.arguments[1].outer.df, 'inherit');
    const [, sources] = told.mock.calls.at(-1)!.arguments;
    assert.deepEqual(
      sources.map((ports) => ports.length),
      Array(running.datapath.workers).fill(4),
    );
    const added = sockets() - before;
    assert.equal(added, 4 * running.datapath.workers);
    await df('overlay1', 'unset');
    assert.deepEqual(told.mock.calls.at(-1)!.arguments[1], sources, 'the same ones');
    for (const name of ['overlay0', 'overlay1']) await df(name, 'set');
    assert.equal(sockets() - before, added);
  });

  it('is refused when no such sockets can be had, and then nothing has changed', async () => {
    run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo');
    try {
      const { daemon } = fixture();
      const listen = { 'vxlan/listen_ip': ADDRESS, 'vxlan/listen_port': String(freePort()) };
      await daemon.createOverlay(fixture().direct({ properties: listen }));
      run('ip', 'address', 'del', `${ADDRESS}/32`, 'dev', 'lo');
      const before = sockets();
      await assert.rejects(df('overlay0', 'unset'), /EADDRNOTAVAIL/);
      assert.equal(sockets(), before);
      const property = daemon.overlay('overlay0').properties.find(({ name }) => name === 'vxlan/df');
      assert.equal(property?.value, 'set');
    } finally {
      run('ip', 'address', 'flush', 'to', `${ADDRESS}/32`, 'dev', 'lo');
    }
  });

  it('has its sockets opened anew with the others, on an interface that was made anew', async (t) => {
    const device = uniqueName('df');
    const make = () => {
      run('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}p`);
      run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', device);
      for (const end of [device, `${device}p`]) run('ip', 'link', 'set', end, 'up');
    };
    make();
    try {
      const { daemon, running } = fixture();
      const replaced = t.mock.method(running.datapath, 'replaceSocket');
      const listen = { 'vxlan/listen_ip': ADDRESS, 'vxlan/listen_port': String(freePort()) };
      const properties = { ...listen, 'vxlan/underlay_dev': device, 'vxlan/df': 'unset' };
      await daemon.createOverlay(fixture().direct({ properties }));
      const before = sockets();
      run('ip', 'link', 'del', device);
      make();
      await until(() => {
        running.pass(WATCH_EVERY_MS);
        return replaced.mock.callCount() > 0 && sockets() === before;
      });
      const { sources, fragmentable } = replaced.mock.calls.at(-1)!.arguments[1];
      const own = new Set(sources.flat().flatMap((port) => Object.values(port)));
      const more = fragmentable!.flat().map(({ withChecksum }) => withChecksum);
      assert.equal(more.length, 16 * running.datapath.workers);
      assert.ok(more.every((fd) => !own.has(fd)));
    } finally {
      run('ip', 'link', 'del', device);
    }
  });

  it('unset lets an MTU be that does not fit, and goes only when that does', async () => {
    const device = uniqueName('df');
    run('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}p`);
    try {
      run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', device);
      for (const end of [device, `${device}p`]) run('ip', 'link', 'set', end, 'mtu', '1500', 'up');
      const { daemon } = fixture();
      const properties = {
        'vxlan/listen_ip': ADDRESS,
        'vxlan/listen_port': String(freePort()),
        ...{ mtu: '1500', 'vxlan/df': 'inherit' },
      };
      const doesNotFit = { message: /^mtu 1500 does not fit: .* so at most 1450$/ };
      await assert.rejects(daemon.createOverlay(fixture().direct({ properties })), doesNotFit);
      const view = await daemon.createOverlay(fixture().direct({ properties: { ...properties, 'vxlan/df': 'unset' } }));
      assert.equal(view.properties.find(({ name }) => name === 'mtu')?.possible, '576-8900');
      assert.equal(view.properties.find(({ name }) => name === 'tagged-mtu')?.value, null);
      assert.equal(daemon.overlay('overlay0').status, 'ONLINE');
      for (const value of ['set', 'inherit']) await assert.rejects(df('overlay0', value), doesNotFit);
      await daemon.modifyOverlay('overlay0', { properties: { mtu: '1450', 'vxlan/df': 'set' } });
      await assert.rejects(daemon.modifyOverlay('overlay0', { properties: { mtu: '1500' } }), doesNotFit);
    } finally {
      run('ip', 'link', 'del', device);
    }
  });
});
