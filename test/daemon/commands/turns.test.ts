/** Commands take turns: what one may do is decided when its turn comes, not when it is asked for. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModifyOverlay } from '../../../src/control/protocol.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { declaring } from '../declaring.js';

const plugin = (instance: string) => `
  export default { name: 'mine', mode: 'dynamic', properties: [],
    create: () => ({ start() {}, stop() {}, lookup: () => null, ${instance} }) };`;

describe('an overlay that a file declares while a command waits for its turn', { skip: needsRoot() }, () => {
  const fixture = declaring();

  const write = (name: string, instance: string) => {
    const path = join(fixture().directory.path, name);
    writeFileSync(path, plugin(instance));
    return path;
  };
  const make = (name: string, vni: number, search: string, own: Record<string, unknown> = {}) => {
    const { 'files/config': _, ...general } = { ...fixture().newOverlay(vni).properties, ...own };
    const properties = Object.fromEntries(Object.entries(general).map(([key, value]) => [key, String(value)]));
    return fixture().daemon.createOverlay({ name, encap: 'vxlan', vni, search, temporary: false, properties });
  };
  const declare = (name: string, vni: number, search: string) => {
    const { properties } = fixture().daemon.overlay(name);
    const given = ['mtu', 'vxlan/listen_ip', 'vxlan/listen_port', 'direct/dest_ip', 'plugin-isolation'];
    const kept = properties.filter((each) => given.includes(each.name)).map((each) => [each.name, each.value]);
    fixture().file.overlays[name] = { vni, search, properties: Object.fromEntries(kept) };
  };

  it('is not changed by the command', async () => {
    const { daemon, running } = fixture();
    await make('overlay1', 24, 'direct', { 'direct/dest_ip': '127.0.0.9' });
    await make('overlay2', 25, write('hangs.mjs', 'stop: () => new Promise(() => {})'));
    declare('overlay1', 24, 'direct');
    const deleting = daemon.deleteOverlay('overlay2');
    const reloading = fixture().reload();
    await sleep(300); // the file has been read by now, and its turn waits for the one that hangs
    const modifying = assert.rejects(daemon.modifyOverlay('overlay1', { properties: { mtu: '1280' } }), {
      code: 'declared_in_file',
    });
    running.pass(10_000);
    await Promise.all([deleting, reloading, modifying]);
    assert.equal(daemon.overlay('overlay1').properties.find(({ name }) => name === 'mtu')?.value, '1300');
  });

  it('keeps its search plugin, though another was about to take its place', async () => {
    const { daemon } = fixture();
    const search = write('first.mjs', '');
    const started = join(fixture().directory.path, 'started');
    // A process could not write that it has started.
    await make('overlay1', 24, search, { 'plugin-isolation': 'thread' });
    declare('overlay1', 24, search);
    const second: ModifyOverlay = {
      search: write(
        'second.mjs',
        `start: async () => {
           const { existsSync, writeFileSync } = await import('node:fs');
           writeFileSync('${started}', '');
           while (existsSync('${started}.wait')) await new Promise((resolve) => setTimeout(resolve, 5));
         }`,
      ),
    };
    writeFileSync(`${started}.wait`, '');
    const swapping = assert.rejects(daemon.modifyOverlay('overlay1', second), { code: 'declared_in_file' });
    await until(() => existsSync(started));
    await fixture().reload();
    rmSync(`${started}.wait`);
    await swapping;
    assert.equal(daemon.overlay('overlay1').search, search);
  });
});
