// Link protection by commands: what is kept, what is refused, and what becomes of a MAC that its interface is given.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, MAC, OTHER_MAC } from '../fixture.js';

describe('link protection', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const made = async (changes: object) => {
    await fixture().daemon.createOverlay(fixture().overlay());
    return fixture().daemon.createVnic(fixture().vnic(changes));
  };
  const stored = (name: string) => JSON.parse(readFileSync(fixture().directory.file('vnics', name), 'utf8'));
  const view = (name: string) =>
    fixture()
      .daemon.vnics()
      .find((each) => each.name === name);

  it('is kept, in a file of a version that says so, and no VNIC without it needs that version', async () => {
    const protection = ['restricted', 'ip-nospoof'];
    const { name } = await made({ addresses: ['10.55.55.2/24'], protection, allowedIps: ['FD00::/64', '10.0.0.9/32'] });
    const lists = { protection: ['ip-nospoof', 'restricted'], allowedIps: ['fd00::/64', '10.0.0.9'] };
    const { version, protection: kept, allowedIps } = stored(name);
    assert.deepEqual([version, { protection: kept, allowedIps }], [3, lists]);
    await fixture().daemon.modifyVnic(name, { protection: [], allowedIps: [] });
    assert.equal(stored(name).version, 2);
    assert.deepEqual([stored(name).protection, stored(name).allowedIps], [undefined, undefined]);
  });

  it('and rate limits are kept likewise, and refused out of their ranges', async () => {
    const { daemon } = fixture();
    const { name } = await made({ rateBps: 100e6, stormPps: 50 });
    const { version, rateBps, ratePps, stormPps } = stored(name);
    assert.deepEqual([version, rateBps, ratePps, stormPps], [3, 100e6, null, 50]);
    await daemon.modifyVnic(name, { rateBps: null, ratePps: 7 });
    assert.deepEqual([view(name)?.rateBps, view(name)?.ratePps, view(name)?.stormPps], [null, 7, 50]);
    for (const request of [{ rateBps: 7999 }, { ratePps: 0 }, { stormPps: 1.5 }, { ratePps: 1e10 }]) {
      await assert.rejects(daemon.modifyVnic(name, request), { code: 'bad_rate_limit' });
    }
    await daemon.modifyVnic(name, { ratePps: null, stormPps: null });
    assert.equal(stored(name).version, 1);
  });

  it('changes by what modify-vnic is given alone, and not at all when that is refused or cannot be kept', async () => {
    const { daemon } = fixture();
    const { name } = await made({ protection: ['ip-nospoof'], allowedIps: ['10.0.0.1'] });
    const lists = () => [view(name)?.protection, view(name)?.allowedIps];
    await daemon.modifyVnic(name, { protection: ['ra-guard', 'ip-nospoof'] });
    assert.deepEqual(lists(), [['ip-nospoof', 'ra-guard'], ['10.0.0.1']]);
    await daemon.modifyVnic(name, { allowedIps: ['10.0.0.2'] });
    for (const request of [{ allowedIps: [] }, { protection: [] }, { protection: ['x'] }, { allowedIps: ['x'] }, {}]) {
      await assert.rejects(daemon.modifyVnic(name, request), { code: /^bad_(protection|modify)$/ });
    }
    await fixture().withUnwritable('vnics', name, async () => {
      await assert.rejects(daemon.modifyVnic(name, { protection: ['restricted'], allowedIps: [] }), {
        code: 'state_not_written',
      });
    });
    assert.deepEqual(lists(), [['ip-nospoof', 'ra-guard'], ['10.0.0.2']]);
    assert.deepEqual(stored(name).allowedIps, ['10.0.0.2']);
  });

  it('that lets no address through makes no VNIC', async () => {
    await fixture().daemon.createOverlay(fixture().overlay());
    const before = fixture().leftBehind();
    const request = fixture().vnic({ protection: ['ip-nospoof'] });
    await assert.rejects(fixture().daemon.createVnic(request), { code: 'bad_protection' });
    assert.deepEqual(fixture().leftBehind(), before);
  });

  it('mac-nospoof keeps the VNIC at its MAC, says so, and gives it back on reload', async () => {
    const { daemon, netns } = fixture();
    const { name } = await made({ protection: ['mac-nospoof'] });
    netns.exec('ip', 'link', 'set', name, 'address', OTHER_MAC);
    const refused = `protection=mac-nospoof keeps it at ${MAC} (vxlane reload gives that back)`;
    await until(() => view(name)?.state.endsWith(refused) === true);
    assert.equal(view(name)?.mac, MAC);
    await daemon.reload();
    assert.equal(netns.link(name).address, MAC);
    await until(() => view(name)?.state === 'up');
  });
});
