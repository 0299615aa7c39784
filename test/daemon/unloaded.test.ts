/** What is kept and cannot be used: shown with the reason, in nobody's way, and untouched until somebody deletes it. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openTap } from '../../src/system/tap.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { until } from '../support/until.js';
import { Fixture, MAC, OTHER_MAC } from './fixture.js';
import { startDaemon } from './running.js';

type Kind = 'overlays' | 'vnics';

describe('what cannot be loaded', { skip: needsRoot() }, () => {
  let fixture: Fixture;
  /** The VNIC of `overlay0`, which every test begins with. */
  let vnic: string;

  beforeEach(async () => {
    fixture = new Fixture();
    await fixture.start();
    await fixture.daemon.createOverlay(fixture.overlay());
    const guarded = { ratePps: 1000, protection: ['restricted'] };
    vnic = (await fixture.daemon.createVnic(fixture.vnic(guarded))).name;
  });
  afterEach(() => fixture.end());

  async function restart(meanwhile: () => void, config: string | null = null): Promise<void> {
    await fixture.running.stop();
    meanwhile();
    fixture.running = await startDaemon(fixture.directory.path, 1024, config);
  }

  const path = (kind: Kind, name: string) => fixture.directory.file(kind, name);
  const damaged = (kind: Kind, name: string) => `${path(kind, name)}.damaged`;
  const textOf = (kind: Kind, name: string) => readFileSync(path(kind, name), 'utf8');
  const alter = (kind: Kind, name: string, change: (text: string) => string) =>
    writeFileSync(path(kind, name), change(textOf(kind, name)));
  const newer = (text: string) => JSON.stringify({ ...JSON.parse(text), version: 5, colour: 'red' });
  const torn = (text: string) => text.slice(0, 40);

  it('after a downgrade is all there again after the upgrade, and its interface never went', async () => {
    const { ifindex } = fixture.netns.link(vnic);
    const [overlays, vnics] = [fixture.daemon.overlays(), fixture.daemon.vnics()];
    const texts = () => [textOf('overlays', 'overlay0'), textOf('vnics', vnic)];
    const before = texts();
    await restart(() => {
      alter('overlays', 'overlay0', newer);
      alter('vnics', vnic, newer);
    });
    const downgraded = texts();
    const why = (kind: Kind, name: string) =>
      `not loaded: ${path(kind, name)}: it is of version 5, and this vxlane reads versions 1 to 4: upgrade vxlane`;
    const [overlay] = fixture.daemon.overlays();
    assert.deepEqual(
      [overlay?.name, overlay?.vni, overlay?.search, overlay?.status, overlay?.details],
      ['overlay0', 23, 'files', 'DEGRADED', why('overlays', 'overlay0')],
    );
    assert.deepEqual(fixture.daemon.overlay('overlay0'), overlay);
    const [shown] = fixture.daemon.vnics();
    assert.deepEqual([shown?.mac, shown?.overlay, shown?.state], [MAC, 'overlay0', why('vnics', vnic)]);
    assert.deepEqual([shown?.rateBps, shown?.ratePps, shown?.protection], [null, 1000, ['restricted']]);
    const status = fixture.daemon.status();
    assert.deepEqual([status.overlays[0]?.state, status.overlays[0]?.details], ['unloaded', overlay?.details]);
    assert.deepEqual(
      status.problems.map(({ severity, text, command }) => [severity, text, command]),
      [
        ['bad', `overlay overlay0 is ${why('overlays', 'overlay0')}`, 'vxlane show-overlay -f overlay0'],
        ['bad', `VNIC ${vnic} is ${why('vnics', vnic)}`, `vxlane show-vnic ${vnic}`],
      ],
    );
    assert.equal(fixture.daemon.summary(), 'overlays: 1, DEGRADED: 1; VNICs: 1, down: 1');
    await fixture.daemon.reload();
    assert.deepEqual(texts(), downgraded, 'nothing was touched');
    assert.equal(fixture.netns.link(vnic).ifindex, ifindex);
    await restart(() => {
      writeFileSync(path('overlays', 'overlay0'), before[0]!);
      writeFileSync(path('vnics', vnic), before[1]!);
    });
    assert.deepEqual([fixture.daemon.overlays(), fixture.daemon.vnics()], [overlays, vnics]);
    assert.equal(fixture.netns.link(vnic).ifindex, ifindex);
  });

  it('keeps its name, its VNI and its MAC, and a refusal names the file and what frees them', async () => {
    await restart(() => {
      alter('overlays', 'overlay0', newer);
      alter('vnics', vnic, newer);
    });
    const { daemon } = fixture;
    const overlayFile = path('overlays', 'overlay0');
    const overlayHow = `${overlayFile}: mend it, or vxlane delete-overlay overlay0`;
    await assert.rejects(daemon.createOverlay(fixture.overlay({ vni: 24 })), {
      message: `the name overlay0 is that of overlay overlay0, which is not loaded (${overlayHow}): choose another`,
    });
    const overlay = `overlay overlay0, which is not loaded (${overlayHow})`;
    await assert.rejects(daemon.createOverlay(fixture.overlay({ name: 'other' })), {
      message: `virtual network id 23 is in use by ${overlay}: choose another`,
    });
    await daemon.createOverlay(fixture.overlay({ name: 'other', vni: 24 }));
    const vnicHow = `${path('vnics', vnic)}: mend it, or vxlane delete-vnic ${vnic}`;
    await assert.rejects(daemon.createVnic(fixture.vnic({ name: vnic, overlay: 'other' })), {
      message: `the name ${vnic} is that of VNIC ${vnic}, which is not loaded (${vnicHow}): choose another`,
    });
    await assert.rejects(daemon.createVnic(fixture.vnic()), {
      message: /^overlay overlay0 is not loaded: .*overlay0\.json: it is of version 5/,
    });
    writeFileSync(overlayFile, newer(textOf('overlays', 'other')).replace('"other"', '"overlay0"').replace('24', '23'));
    await daemon.reload();
    await daemon.deleteOverlay('overlay0');
    await daemon.createOverlay(fixture.overlay());
    await assert.rejects(daemon.createVnic(fixture.vnic()), {
      message: `${MAC} is that of VNIC ${vnic}, which is not loaded (${vnicHow}): choose another`,
    });
  });

  it('is refused to every other command, in words that say why', async () => {
    await restart(() => alter('overlays', 'overlay0', torn));
    const { daemon } = fixture;
    const refusal = {
      code: 'not_loaded',
      message: /^overlay overlay0 is not loaded: .*\/overlay0\.json: it is no JSON/,
    };
    await assert.rejects(daemon.modifyOverlay('overlay0', { properties: { mtu: '1280' } }), refusal);
    await assert.rejects(daemon.setTarget('overlay0', OTHER_MAC, { destination: 'drop' }), refusal);
    await assert.rejects(daemon.lookup('overlay0', OTHER_MAC), refusal);
    assert.throws(() => daemon.targets('overlay0'), refusal);
    assert.throws(() => daemon.moves('overlay0'), refusal);
    assert.throws(() => daemon.stats({ overlay: ['overlay0'] }), refusal);
    assert.deepEqual(daemon.stats({ overlay: [] }).overlays, []);
  });

  it('comes back by a reload when its file has been mended', async () => {
    const text = textOf('overlays', 'overlay0');
    await restart(() => alter('overlays', 'overlay0', torn));
    assert.match(fixture.daemon.vnics()[0]?.state ?? '', /^overlay overlay0 is not loaded: /);
    writeFileSync(path('overlays', 'overlay0'), text);
    const { overlays, problems } = await fixture.daemon.reload();
    const bad = problems.filter(({ severity }) => severity === 'bad');
    assert.deepEqual([overlays[0]?.state, overlays[0]?.vnicsUp, bad], ['serving', 1, []]);
  });

  it('of a VNIC is in the health of its overlay', async () => {
    const second = await fixture.daemon.createVnic(fixture.vnic({ mac: OTHER_MAC }));
    await restart(() => alter('vnics', second.name, newer));
    const { details } = fixture.daemon.overlay('overlay0');
    assert.match(
      details,
      new RegExp(`^1 of 2 VNICs is down: ${second.name}: not loaded: .*${second.name}\\.json: it is of`),
    );
  });

  it('of a VNIC is deleted with its interface, though its file says nothing', async () => {
    await restart(() => alter('vnics', vnic, torn));
    const [shown] = fixture.daemon.vnics();
    assert.deepEqual([shown?.name, shown?.mac, shown?.overlay], [vnic, '', '']);
    await fixture.daemon.deleteVnic(vnic);
    assert.equal(fixture.netns.link(vnic), undefined);
    assert.deepEqual(fixture.directory.files(), ['overlays/overlay0.json']);
    await fixture.daemon.createVnic(fixture.vnic({ name: vnic }));
  });

  it('of which nothing is left but the name gives way to a command, and its file is kept', async () => {
    const { ifindex } = fixture.netns.link(vnic);
    const tornTexts = (['overlays', 'vnics'] as const).map((kind) =>
      torn(textOf(kind, kind === 'vnics' ? vnic : 'overlay0')),
    );
    await restart(() => {
      alter('overlays', 'overlay0', torn);
      alter('vnics', vnic, torn);
    });
    const { daemon } = fixture;
    await assert.rejects(daemon.createOverlay(fixture.overlay({ properties: { 'files/config': '/nowhere' } })));
    await assert.rejects(daemon.createVnic(fixture.vnic({ name: vnic, overlay: 'nosuch' })));
    const before = [textOf('overlays', 'overlay0'), textOf('vnics', vnic)];
    assert.deepEqual(before, tornTexts, 'what is refused leaves it');
    await daemon.createOverlay(fixture.overlay());
    writeFileSync(damaged('vnics', vnic), 'of an earlier life');
    const { netns: _, ...unplaced } = fixture.vnic({ name: vnic, mac: '02:55:00:00:00:07' });
    const other = new TestNetns();
    await assert.rejects(daemon.createVnic(fixture.vnic({ name: vnic, netns: other.name })), {
      message: new RegExp(`^an interface ${vnic} exists already in network namespace `),
    });
    other.delete();
    await daemon.createVnic(unplaced);
    const link = fixture.netns.link(vnic);
    assert.deepEqual([link.ifindex, link.address], [ifindex, '02:55:00:00:00:07'], 'its interface was never away');
    const kept = [damaged('overlays', 'overlay0'), `${damaged('vnics', vnic)}-2`].map((file) =>
      readFileSync(file, 'utf8'),
    );
    assert.deepEqual(kept, tornTexts);
    await restart(() => {});
    assert.deepEqual(
      [fixture.daemon.overlays(), fixture.daemon.vnics()].map((all) => all.map((each) => each.name)),
      [['overlay0'], [vnic]],
    );
    const bad = fixture.daemon.status().problems.filter(({ severity }) => severity === 'bad');
    assert.deepEqual(bad, []);
  });

  it('gives way to an object of its kind and name alone, while it is cut off', async () => {
    const text = textOf('vnics', vnic);
    await restart(() => {
      alter('overlays', 'overlay0', torn);
      alter('vnics', vnic, torn);
    });
    const { daemon } = fixture;
    const taken = (name: string) => ({ message: new RegExp(`^the name ${name} is that of .*, which is not loaded`) });
    await assert.rejects(daemon.createOverlay(fixture.overlay({ name: vnic, vni: 24 })), taken(vnic));
    await daemon.createOverlay(fixture.overlay({ name: 'other', vni: 24 }));
    await assert.rejects(daemon.createVnic(fixture.vnic({ name: 'overlay0', overlay: 'other' })), taken('overlay0'));
    const here = { name: vnic, overlay: 'other' };
    writeFileSync(path('vnics', vnic), text);
    await assert.rejects(daemon.createVnic(fixture.vnic(here)), { message: /: vxlane reload looks at it again$/ });
    for (const wrong of [
      text.replace('"mac"', 'mac"'),
      text.replace(/\n}\s*$/, ',\n}\n'),
      text.replace(/}\s*$/, ']\n'),
    ]) {
      writeFileSync(path('vnics', vnic), wrong);
      await daemon.reload();
      await assert.rejects(daemon.createVnic(fixture.vnic(here)), taken(vnic));
    }
    for (const empty of ['', '\0'.repeat(200), text.slice(0, -60) + '\0'.repeat(60)]) {
      await restart(() => writeFileSync(path('vnics', vnic), empty));
      await fixture.daemon.createVnic(fixture.vnic({ ...here, temporary: empty === '' }));
      assert.equal(readFileSync(damaged('vnics', vnic), 'utf8'), empty);
      await fixture.daemon.deleteVnic(vnic);
      assert.deepEqual(
        fixture.directory.files().filter((file) => file.startsWith('vnics/')),
        [`vnics/${vnic}.json.damaged`],
      );
      rmSync(damaged('vnics', vnic));
    }
  });

  it('is as it was where a command that would replace it fails', async () => {
    await restart(() => alter('vnics', vnic, torn));
    const before = fixture.daemon.vnics();
    const text = textOf('vnics', vnic);
    const { ifindex } = fixture.netns.link(vnic);
    const held = openTap({ ...PLAIN_TAP, name: vnic, netns: fixture.netns.name, mac: MAC, mtu: 1400, persist: true });
    await assert.rejects(fixture.daemon.createVnic(fixture.vnic({ name: vnic })));
    held.close();
    assert.deepEqual([fixture.daemon.vnics(), textOf('vnics', vnic)], [before, text]);
    assert.deepEqual(fixture.directory.files(), ['overlays/overlay0.json', `vnics/${vnic}.json`]);
    await fixture.daemon.createVnic(fixture.vnic({ name: vnic }));
    assert.equal(fixture.netns.link(vnic).ifindex, ifindex);
  });

  it('is not taken for a renamed one of another VNIC with its MAC', async () => {
    await fixture.daemon.createOverlay(fixture.overlay({ name: 'other', vni: 24 }));
    const twin = await fixture.daemon.createVnic(fixture.vnic({ overlay: 'other' }));
    await restart(() => {
      alter('vnics', vnic, torn);
      fixture.netns.exec('ip', 'link', 'set', vnic, 'alias', "the operator's own");
      fixture.netns.exec('ip', 'link', 'del', twin.name);
    });
    assert.equal(fixture.netns.link(twin.name).address, MAC, 'it was made anew');
  });

  it('holds up what a configuration file declares, until it is deleted', async () => {
    const config = join(fixture.directory.path, 'vxlane.yaml');
    const { vni, search, properties } = fixture.overlay();
    writeFileSync(config, JSON.stringify({ overlays: { overlay0: { vni, search, properties } } }));
    await restart(() => alter('overlays', 'overlay0', torn), config);
    const { configuration } = fixture.daemon.daemon();
    assert.equal(configuration?.status, 'incomplete');
    assert.match(configuration?.details[0] ?? '', /^overlay0: .*which is not loaded \(.*overlay0\.json: mend it/);
    await fixture.daemon.deleteOverlay('overlay0');
    const { overlays } = await fixture.daemon.reload();
    assert.deepEqual([overlays[0]?.name, overlays[0]?.state], ['overlay0', 'serving']);
  });

  it('and a VNIC whose deletion a crash has cut short is gone after the next start, with its interface', async () => {
    await restart(() => renameSync(path('vnics', vnic), `${path('vnics', vnic)}.deleting`));
    assert.equal(fixture.netns.link(vnic), undefined);
    assert.deepEqual(fixture.daemon.vnics(), []);
    assert.deepEqual(fixture.directory.files(), ['overlays/overlay0.json']);
  });

  it('and is there again when its interface cannot go', async () => {
    await fixture.running.stop();
    renameSync(path('vnics', vnic), `${path('vnics', vnic)}.deleting`);
    const at = { name: vnic, mac: MAC, netns: fixture.netns.path };
    const thief = openTap({ ...at, mtu: 1300, persist: true, ...PLAIN_TAP });
    fixture.running = await startDaemon(fixture.directory.path);
    assert.match(fixture.daemon.vnics()[0]?.state ?? '', /holds this TAP/);
    thief.close();
    await fixture.daemon.reload();
    await until(() => fixture.daemon.vnics()[0]?.state === 'up');
  });
});
