/** Whom `vxlane ping` asks: an endpoint without a port is at that of the overlay's encapsulation. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PingRequest } from '../../src/control/requests.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { daemonFixture } from './fixture.js';

describe('a ping of an endpoint without a port', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('asks at the port that the overlay listens on', async () => {
    const port = freePort();
    const properties = { 'geneve/listen_ip': '::1', 'geneve/listen_port': String(port), 'direct/dest_ip': 'fd00::9' };
    await fixture().daemon.createOverlay({ ...fixture().direct({ encap: 'geneve' }), properties });
    await assert.rejects(fixture().daemon.ping('overlay0', PingRequest.parse({ to: '[::1]' })), {
      code: 'bad_ping',
      message: `bad ping: [::1]:${port} is this VTEP itself`,
    });
  });
});

describe('a ping whose client is gone', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const REQUEST = PingRequest.parse({ size: 64, timeoutMs: 300, discover: true });
  const questions = () => fixture().daemon.stats({ overlay: [] }).totals.injected!;

  it('asks nothing more: neither for sizes nor other VTEPs', async () => {
    const { daemon, direct } = fixture();
    await daemon.createOverlay(direct());
    const before = questions();
    const gone = new AbortController();
    const asked = daemon.ping('overlay0', REQUEST, gone.signal);
    await until(() => questions() === before + 1);
    gone.abort();
    await asked;
    assert.equal(questions(), before + 1);
    assert.equal((await daemon.ping('overlay0', REQUEST, gone.signal)).left, 1);
    await daemon.ping('overlay0', REQUEST);
    assert.equal(questions(), before + 1 + 3, 'whoever waits has sizes asked for');
  });
});
