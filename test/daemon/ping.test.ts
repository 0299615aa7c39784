/** Whom `vxlane ping` asks: an endpoint without a port is at that of the overlay's encapsulation. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PingRequest } from '../../src/control/requests.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
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
