/** The connection to a real GoBGP that stops answering while it is asked. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { settingsOf } from '../../src/search/plugins/evpn/settings.js';
import { Speaker } from '../../src/search/plugins/evpn/speaker.js';
import { GoBgp } from '../support/gobgp.js';
import { needsPrograms } from '../support/server-process.js';

describe('a GoBGP that stops', { skip: needsPrograms('gobgpd'), timeout: 120_000 }, () => {
  it('while its table is read is given up', async () => {
    const gobgp = await GoBgp.start();
    after(() => gobgp.remove());
    const speaker = new Speaker(settingsOf({ 'evpn/gobgp': gobgp.endpoint }, 23, { ip: '192.0.2.1', port: 4789 }), 300);
    after(() => speaker.close());
    await speaker.identity(60_000);
    gobgp.freeze();
    const list = async () => {
      for await (const _ of speaker.list());
    };
    await assert.rejects(list(), /no answer within 0.3 s/);
    gobgp.thaw();
  });
});
