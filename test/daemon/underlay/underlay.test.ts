/** The underlay changes while an overlay is up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WATCH_EVERY_MS } from '../../../src/daemon/clockwork.js';
import { run } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { daemonFixture } from '../fixture.js';
import '../../support/each-engine.js';
import { until } from '../../support/until.js';

/** Of no real network, and of this process alone. */
const ADDRESS = `198.18.${(process.pid >> 8) & 255}.${process.pid & 255}`;

describe('the listen address of an overlay', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const properties = () => ({ 'vxlan/listen_ip': ADDRESS, 'vxlan/listen_port': String(freePort()) });

  it('goes: the overlay is DEGRADED and says so; it comes back: all is well', async () => {
    run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo');
    try {
      const { daemon, running } = fixture();
      await daemon.createOverlay(fixture().overlay({ properties: properties() }));
      run('ip', 'address', 'del', `${ADDRESS}/32`, 'dev', 'lo');
      running.pass(WATCH_EVERY_MS);
      await until(() => daemon.overlay('overlay0').status === 'DEGRADED');
      assert.equal(
        daemon.overlay('overlay0').details,
        `no interface that is up has address ${ADDRESS} any more: nothing can be sent`,
      );
      run('ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'lo');
      running.pass(WATCH_EVERY_MS);
      await until(() => daemon.overlay('overlay0').status === 'ONLINE');
    } finally {
      run('ip', 'address', 'flush', 'to', `${ADDRESS}/32`, 'dev', 'lo');
    }
  });

  it('is one that no interface needs to have: a wildcard, or any of 127.0.0.0/8', async () => {
    const { daemon, running } = fixture();
    const wildcard = { ...properties(), 'vxlan/listen_ip': '0.0.0.0' };
    await daemon.createOverlay(fixture().overlay({ properties: wildcard }));
    const loopback = { ...properties(), 'vxlan/listen_ip': '127.66.0.1' };
    await daemon.createOverlay(fixture().overlay({ name: 'overlay1', vni: 24, properties: loopback }));
    running.pass(WATCH_EVERY_MS);
    daemon.tick();
    assert.deepEqual(
      daemon.overlays().map(({ status }) => status),
      ['ONLINE', 'ONLINE'],
    );
  });
});
