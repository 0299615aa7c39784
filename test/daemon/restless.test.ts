/** Overlays that are at rest cost nothing, and none of them sleeps through what is to be done. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Overlay } from '../../src/daemon/overlay/overlay.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { daemonFixture, MAC, OTHER_MAC } from './fixture.js';

const UNKNOWN = 'de:ad:be:ef:00:77';

describe('an overlay at rest', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  let ticks: ReturnType<typeof countTicks>;
  beforeEach(async () => {
    ticks = countTicks();
    await fixture().daemon.createOverlay(fixture().overlay());
    await untilAtRest();
  });
  afterEach(() => mock.restoreAll());

  /** Names of the overlays that the next tick looks at. */
  function looked(): string[] {
    ticks.splice(0);
    fixture().daemon.tick();
    return ticks.splice(0);
  }

  /** Names of those that are looked at in the course of an action, or by the next tick. */
  async function lookedDuring(action: () => Promise<unknown>): Promise<string[]> {
    ticks.splice(0);
    await action();
    fixture().daemon.tick();
    return [...new Set(ticks)];
  }

  const untilAtRest = () => until(() => looked().length === 0);
  const events = () => fixture().daemon.events({ overlay: [] }).events;
  const find = (kind: string, now: string) => events().findLast((event) => event.kind === kind && event.new === now);

  it('is looked at while an answer of its plugin is to be forgotten, and others are not', async () => {
    const { daemon, running } = fixture();
    await daemon.createOverlay(fixture().direct({ name: 'overlay1', vni: 24 }));
    await daemon.modifyOverlay('overlay0', { properties: { 'lookup/negative_ttl': '60000' } });
    await untilAtRest();
    const during = await lookedDuring(() => daemon.lookup('overlay0', UNKNOWN));
    assert.ok(during.includes('overlay0'));
    await until(() => looked().join() === 'overlay0');
    running.pass(61_000);
    looked();
    assert.equal((await daemon.lookup('overlay0', UNKNOWN)).cached, false, 'it was forgotten');
    running.pass(61_000);
    await untilAtRest();
  });

  it('is looked at when its configuration is another, and when it has somebody else to send to', async () => {
    const { daemon } = fixture();
    const modify = () => daemon.modifyOverlay('overlay0', { properties: { mtu: '1300' } });
    assert.deepEqual(await lookedDuring(modify), ['overlay0']);
    await untilAtRest();
    assert.deepEqual(await lookedDuring(() => daemon.lookup('overlay0', OTHER_MAC)), ['overlay0']);
    await untilAtRest();
  });

  it('is looked at for as long as it is DEGRADED, and both changes are told', async () => {
    const { daemon, hosts, running } = fixture();
    writeFileSync(hosts, '{');
    await until(() => daemon.overlay('overlay0').status === 'DEGRADED');
    assert.deepEqual([looked(), looked()], [['overlay0'], ['overlay0']]);
    assert.ok(find('overlay_status', 'DEGRADED') !== undefined);
    const from = daemon.events({ overlay: [] }).last;
    writeFileSync(hosts, JSON.stringify({ [OTHER_MAC]: { ip: '127.0.0.9' } }));
    await until(() => (find('overlay_status', 'ONLINE')?.id ?? 0) > from);
    running.pass(1000); // the log says so once a second
    await untilAtRest();
    assert.equal(running.log.lines.filter((line) => line === 'info overlay is ONLINE again').length, 1);
  });

  it('hears of a VNIC that goes down, and that it is up again', async () => {
    const { daemon, netns } = fixture();
    const { name } = await daemon.createVnic(fixture().vnic({ mac: MAC }));
    await untilAtRest();
    netns.exec('ip', 'link', 'set', name, 'down');
    await until(() => daemon.overlay('overlay0').status === 'DEGRADED');
    netns.exec('ip', 'link', 'set', name, 'up');
    await until(() => daemon.overlay('overlay0').status === 'ONLINE');
  });

  it('is told as deleted and made, when another has its name a moment later', async () => {
    const { daemon } = fixture();
    const from = daemon.events({ overlay: [] }).last;
    await daemon.deleteOverlay('overlay0');
    await daemon.createOverlay(fixture().direct());
    const told = events().filter(({ id, kind }) => id > from && /^overlay_(created|deleted)/.test(kind));
    assert.deepEqual(
      told.map(({ kind, old, new: now }) => [kind, old, now]),
      [
        ['overlay_deleted', 'files', null],
        ['overlay_created', null, 'direct'],
      ],
    );
  });
});

/** The names of overlays that are ticked from now on. */
function countTicks(): string[] {
  const names: string[] = [];
  const { tick } = Overlay.prototype;
  mock.method(Overlay.prototype, 'tick', function (this: Overlay, nowMs: number) {
    names.push(this.name);
    tick.call(this, nowMs);
  });
  return names;
}
