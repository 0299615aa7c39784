/** `vxlane trace` where the search plugin says nothing: a refusal in one line, and no bug in the log. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needsRoot } from '../support/root.js';
import { daemonFixture } from './fixture.js';

describe('a trace of a ping', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('to an address that the plugin fails to say anything of is refused, with its reason', async () => {
    const { daemon, directory } = fixture();
    const plugin = join(directory.path, 'broken.mjs');
    writeFileSync(
      plugin,
      `export default { name: 'broken', mode: 'dynamic', properties: [], create: () => ({
         start() {}, stop() {}, lookup: () => null, arp() { throw new Error('no table'); } }) };`,
    );
    await daemon.createOverlay(fixture().module(plugin));
    const { name } = await daemon.createVnic(fixture().vnic());
    await assert.rejects(daemon.trace('overlay0', { from: name, ping: '10.55.55.3' }), {
      code: 'bad_trace',
      message: /^bad trace: nobody says who has 10\.55\.55\.3, trace --to MAC: .*no table/,
    });
  });
});
