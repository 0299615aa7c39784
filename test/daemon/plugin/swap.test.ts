/** modify-overlay --search: what becomes of the targets, of what is kept, and of the old plugin when the new fails. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture } from '../fixture.js';
import { startDaemon } from '../running.js';

const MACS = Array.from({ length: 4 }, (_, i) => `02:00:00:00:00:0${i}`);

/** A plugin module that answers from a table of MAC to last byte of 127.0.0.x; `extra` is more of its instance. */
function moduleText(table: Record<string, number>, extra = ''): string {
  return `const table = new Map(Object.entries(${JSON.stringify(table)}));
    const answer = (mac) => ({ target: { ip: '127.0.0.' + table.get(mac), port: 4789 } });
    export default { name: 'mine', mode: 'dynamic', properties: [],
      create: (context, values) => ({ start() {}, stop() {},
        lookup: ({ mac }) => table.has(mac) ? answer(mac) : null, ${extra} }) };`;
}

describe('swapping the search plugin', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();
  const [same, other, gone, added] = MACS as [string, string, string, string];
  let count = 0;

  const write = (text: string) => {
    const path = join(fixture().directory.path, `mine-${count++}.mjs`);
    writeFileSync(path, text);
    return path;
  };
  const tables = () =>
    Object.fromEntries(
      fixture()
        .daemon.targets('overlay0')
        .targets.map(({ mac, destination, source }) => [mac, `${destination} ${source}`]),
    );
  const stored = () => JSON.parse(readFileSync(fixture().directory.file('overlays', 'overlay0'), 'utf8'));
  const start = async () => {
    const entries = { [same]: { ip: '127.0.0.5' }, [other]: { ip: '127.0.0.5' }, [gone]: { ip: '127.0.0.5' } };
    const hosts = write(JSON.stringify(entries));
    await fixture().daemon.createOverlay(fixture().overlay({ properties: { 'files/config': hosts } }));
    for (const mac of [same, other, gone]) await fixture().daemon.lookup('overlay0', mac);
    await fixture().daemon.setTarget('overlay0', '02:00:00:00:00:99', { destination: '127.0.0.7:1' });
  };

  it('leaves what is the same, replaces what is not, withdraws what is gone, and fills in what is told', async () => {
    await start();
    const { daemon, running } = fixture();
    const written: string[] = [];
    const put = running.datapath.fdbPut.bind(running.datapath);
    running.datapath.fdbPut = (overlay, mac, ...rest) => {
      written.push(mac);
      return put(overlay, mac, ...rest);
    };
    const entries = `*entries() { for (const mac of table.keys()) yield { mac, ...answer(mac) }; }`;
    const module = write(moduleText({ [same]: 5, [other]: 6, [added]: 7 }, entries));
    const view = await daemon.modifyOverlay('overlay0', { search: module });
    assert.equal(view.search, module);
    assert.equal(view.status, 'ONLINE');
    await until(() => Object.hasOwn(tables(), added));
    assert.deepEqual(tables(), {
      [same]: '127.0.0.5:4789 mine',
      [other]: '127.0.0.6:4789 mine',
      [added]: '127.0.0.7:4789 mine',
      '02:00:00:00:00:99': '127.0.0.7:1 static',
    });
    assert.deepEqual(written, [other, added]);
    assert.equal(stored().search, module);
    assert.deepEqual(Object.keys(stored().properties).sort(), ['vxlan/listen_ip', 'vxlan/listen_port']);
  });

  it('survives a restart of the daemon', async () => {
    await start();
    const module = write(moduleText({ [other]: 6 }));
    await fixture().daemon.modifyOverlay('overlay0', { search: module, properties: { mtu: '1280' } });
    await fixture().running.stop();
    fixture().running = await startDaemon(fixture().directory.path);
    const view = fixture().daemon.overlay('overlay0');
    assert.deepEqual([view.search, view.status, view.details], [module, 'ONLINE', '']);
    assert.equal(view.properties.find(({ name }) => name === 'mtu')?.value, '1280');
    assert.equal((await fixture().daemon.lookup('overlay0', other)).destination, '127.0.0.6:4789');
  });

  const broken: [what: string, text: string, message: RegExp][] = [
    ['is no plugin', 'export default 7;', /cannot be used: its default export is no search plugin/],
    ['does not start', moduleText({}, 'start() { throw new Error("no backend"); }'), /start: no backend$/],
    ['exits as it starts', moduleText({}, 'start() { process.exit(3); }'), /ended its process with exit code 3$/],
    ['cannot say where a MAC is', moduleText({}, 'lookup() { throw new Error("empty"); }'), /lookup of .*: empty$/],
    ['tells nonsense', moduleText({}, 'entries: () => [{ mac: "x" }]'), /entries: /],
  ];
  for (const [what, text, message] of broken) {
    it(`that ${what} changes nothing, and the command says why`, async () => {
      await start();
      const { daemon } = fixture();
      const [view, targets, kept] = [daemon.overlay('overlay0'), tables(), stored()];
      await assert.rejects(daemon.modifyOverlay('overlay0', { search: write(text) }), { message });
      assert.deepEqual([daemon.overlay('overlay0'), tables(), stored()], [view, targets, kept]);
      assert.equal((await daemon.lookup('overlay0', added)).destination, 'no_such_mac');
    });
  }

  it('is refused with every wrong property, also one of the old plugin', async () => {
    await start();
    const { daemon } = fixture();
    const properties = { 'files/config': '/nowhere', 'vxlan/listen_port': '1' };
    const swap = daemon.modifyOverlay('overlay0', { search: 'direct', properties });
    await assert.rejects(swap, { message: /vxlan\/listen_port cannot change/ });
    const wrong = daemon.modifyOverlay('overlay0', { search: 'direct', properties: { 'files/config': '/nowhere' } });
    await assert.rejects(wrong, { message: /unknown property "files\/config".*direct\/dest_ip is required/ });
  });

  it('to the same plugin keeps its properties but for those that are given', async () => {
    await start();
    const hosts = write(JSON.stringify({ [added]: { ip: '127.0.0.8' } }));
    const { daemon } = fixture();
    await daemon.modifyOverlay('overlay0', { search: 'files', properties: { 'files/config': hosts } });
    assert.deepEqual(Object.keys(tables()), ['02:00:00:00:00:99']);
    assert.equal((await daemon.lookup('overlay0', added)).destination, '127.0.0.8:4789');
    await daemon.modifyOverlay('overlay0', { search: 'files' });
    assert.equal(stored().properties['files/config'], hosts);
  });

  it('to a plugin with one endpoint and back', async () => {
    await start();
    const { daemon } = fixture();
    const direct = { search: 'direct', properties: { 'direct/dest_ip': '127.0.0.9' } };
    await assert.rejects(daemon.modifyOverlay('overlay0', direct), { code: 'swap_loses_targets' });
    await daemon.deleteTarget('overlay0', '02:00:00:00:00:99');
    await daemon.modifyOverlay('overlay0', direct);
    assert.deepEqual(tables(), { '*:*:*:*:*:*': '127.0.0.9:4789 direct' });
    await daemon.modifyOverlay('overlay0', { search: write(moduleText({ [other]: 6 })) });
    assert.deepEqual(tables(), {});
    assert.equal((await daemon.lookup('overlay0', other)).destination, '127.0.0.6:4789');
  });

  it('is refused when the overlay changed while the new plugin started', async () => {
    await start();
    const { daemon } = fixture();
    const started = write('');
    const slow = moduleText(
      {},
      'start: () => { writeFileSync(started, "x"); return new Promise((go) => setTimeout(go, 500)); }',
    );
    const head = `import { writeFileSync } from 'node:fs'; const started = '${started}';`;
    const properties = { 'plugin-isolation': 'thread' }; // a process could not write that it has started
    const swap = daemon.modifyOverlay('overlay0', { search: write(head + slow), properties });
    await until(() => readFileSync(started, 'utf8') !== '');
    await daemon.modifyOverlay('overlay0', { properties: { mtu: '1280' } });
    await assert.rejects(swap, { code: 'changed_meanwhile' });
    assert.equal(daemon.overlay('overlay0').search, 'files');
  });

  it('that cannot be kept changes nothing', async () => {
    await start();
    const { daemon } = fixture();
    const before = tables();
    await fixture().withUnwritable('overlays', 'overlay0', async () => {
      await assert.rejects(daemon.modifyOverlay('overlay0', { search: write(moduleText({ [other]: 6 })) }));
    });
    assert.equal(daemon.overlay('overlay0').search, 'files');
    assert.deepEqual(tables(), before);
  });

  it('a plugin that dies is started again, and asked anew about what is known', async () => {
    const flag = write('');
    const module = write(
      `import { readFileSync } from 'node:fs';
       ${moduleText(
         { [same]: 5 },
         `start() { table.set('${other}', readFileSync('${flag}', 'utf8') === '' ? 6 : 7); },
          lookup({ mac }) { if (mac === '${gone}') process.exit(1); return table.has(mac) ? answer(mac) : null; }`,
       )}`,
    );
    const { daemon, running } = fixture();
    await daemon.createOverlay(fixture().module(module));
    for (const mac of [same, other]) await daemon.lookup('overlay0', mac);
    writeFileSync(flag, 'x');
    assert.equal((await daemon.lookup('overlay0', gone)).destination, 'lookup_failed');
    const { status, details } = daemon.overlay('overlay0');
    assert.deepEqual([status, details], ['DEGRADED', 'search plugin mine ended its process with exit code 1']);
    assert.deepEqual(tables(), { [same]: '127.0.0.5:4789 mine', [other]: '127.0.0.6:4789 mine' });
    running.pass(1000);
    await until(() => tables()[other] === '127.0.0.7:4789 mine');
    assert.equal(daemon.overlay('overlay0').status, 'ONLINE');
    assert.equal(running.log.lines.filter((line) => line.startsWith('error search plugin ended')).length, 1);
    running.log.lines.length = 0; // it is an error, and it was meant to be one
  });
});
