/** What a search plugin last said outlives a restart while its source is away, until that is back. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { REMEMBER_EVERY_MS } from '../../src/daemon/commands/remember.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { Fixture, OTHER_MAC } from './fixture.js';
import { startDaemon } from './running.js';

const GONE_MAC = 'de:ad:be:ef:00:03';
const MOVED_MAC = 'de:ad:be:ef:00:04';
const AT_9 = { ip: '127.0.0.9' };

/** A datagram of VNI 24 with a frame inside. */
async function sendFrom(ip: string, port: number): Promise<void> {
  const socket = createSocket('udp4').bind(0, ip);
  await once(socket, 'listening');
  const datagram = Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, 24, 0]), Buffer.alloc(60, 2)]);
  await new Promise((resolve) => socket.send(datagram, port, '127.0.0.1', resolve));
  await once(socket.close(), 'close');
}

describe('what a search plugin last said', { skip: needsRoot() }, () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = new Fixture();
    writeFileSync(fixture.hosts, JSON.stringify({ [OTHER_MAC]: AT_9, [GONE_MAC]: AT_9, [MOVED_MAC]: AT_9 }));
    await fixture.start();
    await fixture.daemon.createOverlay(fixture.overlay());
    await known(OTHER_MAC, GONE_MAC, MOVED_MAC);
  });
  afterEach(() => fixture.end());

  const file = () => join(fixture.directory.path, 'remembered', 'overlay0');
  const targets = () =>
    fixture.daemon.targets('overlay0').targets.map(({ mac, destination, source }) => [mac, destination, source]);
  async function known(...macs: string[]): Promise<void> {
    for (const mac of macs) await fixture.daemon.lookup('overlay0', mac);
    await until(() => fixture.daemon.targets('overlay0').targets.length === macs.length);
  }
  async function restart(meanwhile: () => void, fdbSize?: number): Promise<void> {
    await fixture.running.stop();
    meanwhile();
    fixture.running = await startDaemon(fixture.directory.path, fdbSize);
  }

  it('is in place after a start without its source, and is asked about again when that is back', async () => {
    await restart(() => writeFileSync(fixture.hosts, '{ broken'));
    const { status, details } = fixture.daemon.overlay('overlay0');
    assert.equal(status, 'DEGRADED');
    assert.match(details, /^search plugin files: start: /);
    assert.deepEqual(
      targets(),
      [OTHER_MAC, GONE_MAC, MOVED_MAC].map((mac) => [mac, '127.0.0.9:4789', 'stale']),
    );
    assert.equal((await fixture.daemon.lookup('overlay0', OTHER_MAC)).destination, '127.0.0.9:4789');
    await fixture.daemon.setTarget('overlay0', OTHER_MAC, { destination: '127.0.0.7:4790' });

    writeFileSync(fixture.hosts, JSON.stringify({ [OTHER_MAC]: AT_9, [MOVED_MAC]: { ip: '127.0.0.8' } }));
    await fixture.daemon.reload();
    await until(() => targets().length === 2 && !targets().flat().includes('stale'));
    assert.deepEqual(targets(), [
      [OTHER_MAC, '127.0.0.7:4790', 'static'],
      [MOVED_MAC, '127.0.0.8:4789', 'files'],
    ]);
    assert.equal(fixture.daemon.overlay('overlay0').status, 'ONLINE');
  });

  it('is put in place once, not again whenever the plugin is to start', async () => {
    await restart(() => writeFileSync(fixture.hosts, '{ broken'));
    await fixture.daemon.reload();
    const recalled = fixture.running.log.lines.filter((line) => line.endsWith('of before the restart are in place'));
    assert.equal(recalled.length, 1);
  });

  it('is still known after a second start without it', async () => {
    await restart(() => writeFileSync(fixture.hosts, '{ broken'));
    await restart(() => {});
    assert.equal(targets().length, 3);
  });

  it('is kept while the daemon runs, when it has changed', async () => {
    assert.equal(existsSync(file()), false);
    fixture.running.pass(REMEMBER_EVERY_MS);
    await until(() => existsSync(file()));
    const lines = readFileSync(file(), 'utf8').split('\n');
    assert.deepEqual(lines.slice(0, 5), [
      '{"version":1,"vni":23,"search":"files"}',
      'vtep 127.0.0.9',
      ...[OTHER_MAC, GONE_MAC, MOVED_MAC].map((mac) => `${mac} 127.0.0.9:4789`),
    ]);
    writeFileSync(file(), 'nothing has changed since');
    fixture.running.pass(REMEMBER_EVERY_MS);
    await until(() => fixture.running.log.lines.length > 0);
    await fixture.daemon.createOverlay(fixture.overlay({ name: 'overlay1', vni: 24 }));
    assert.equal(readFileSync(file(), 'utf8'), 'nothing has changed since');
  });

  it('lets VTEPs in that it flooded to, or listed, until it says otherwise', async () => {
    const path = join(fixture.directory.path, 'flooding.mjs');
    const far = join(fixture.directory.path, 'far');
    // Away while there is no such file.
    const text = `import { readFileSync } from 'node:fs';
      export default {
        name: 'flooding', mode: 'dynamic', properties: [],
        create(context) {
          let ip = '';
          return {
            start() { ip = readFileSync('${far}', 'utf8'); context.vteps(['127.0.0.8']); },
            stop() {},
            lookup: () => null,
            flood: () => ({ endpoints: [{ ip, port: 4789 }], unknown: true }),
          };
        },
      };`;
    writeFileSync(path, text);
    writeFileSync(far, '127.0.0.9');
    const overlay = fixture.module(path, { 'plugin-isolation': 'thread' });
    await fixture.daemon.createOverlay({ ...overlay, name: 'overlay1', vni: 24 });
    const port = Number(overlay.properties['vxlan/listen_port']);
    const letIn = async () => {
      const those: string[] = [];
      for (const ip of ['127.0.0.7', '127.0.0.8', '127.0.0.9']) {
        const stats = () => fixture.daemon.stats({ overlay: ['overlay1'] }).overlays[0]!;
        const refused = () => stats().drops.source_unknown ?? 0;
        const [before, refusedBefore] = [stats().decap.frames, refused()];
        await sendFrom(ip, port);
        await until(() => stats().decap.frames + refused() > before + refusedBefore);
        if (refused() === refusedBefore) those.push(ip);
      }
      return those;
    };
    assert.deepEqual(await letIn(), ['127.0.0.8', '127.0.0.9']);
    const many = Array.from({ length: 40 }, (_, at) => `de:ad:be:ef:01:${(at + 16).toString(16)}`);
    writeFileSync(fixture.hosts, JSON.stringify(Object.fromEntries(many.map((mac) => [mac, AT_9]))));
    await fixture.daemon.reload();
    await until(() => fixture.daemon.targets('overlay0').targets.length === 0);
    await known(...many);
    // The last time overlay0 leaves no room for anything else.
    for (const fdbSize of [1024, 1024, 16]) {
      await restart(() => rmSync(far, { force: true }), fdbSize);
      assert.equal(fixture.daemon.overlay('overlay1').status, 'DEGRADED');
      assert.deepEqual(await letIn(), ['127.0.0.8', '127.0.0.9']);
    }
    await restart(() => writeFileSync(far, '127.0.0.7'));
    assert.equal(fixture.daemon.overlay('overlay1').status, 'ONLINE');
    assert.deepEqual(await letIn(), ['127.0.0.7', '127.0.0.8']);
  });

  it('is believed as a whole or not at all', async () => {
    await fixture.running.stop();
    const right = readFileSync(file(), 'utf8');
    const damaged: Record<string, string> = {
      'one bit': right.replace('127.0.0.9', '127.0.0.8'),
      torn: right.slice(0, right.length / 2),
      empty: '',
      'without its last line': right.replace(/sha256.*\n$/, ''),
      'for another VNI': right.replace('"vni":23', '"vni":24'),
    };
    writeFileSync(fixture.hosts, '{ broken');
    for (const [what, text] of Object.entries(damaged)) {
      writeFileSync(file(), text);
      fixture.running = await startDaemon(fixture.directory.path);
      assert.deepEqual(targets(), [], what);
      const warning = fixture.running.log.fields.find(({ message }) => message.endsWith('is not believed'));
      assert.deepEqual(warning?.fields, { file: file(), reason: 'it is not as it was written' }, what);
      await fixture.running.stop();
    }
    fixture.running = await startDaemon(fixture.directory.path);
  });

  it('goes with its overlay', async () => {
    await restart(() => {});
    assert.equal(existsSync(file()), true);
    await fixture.daemon.deleteOverlay('overlay0');
    assert.equal(existsSync(file()), false);
  });

  it('is of no use to another overlay of its name', async () => {
    await fixture.running.stop();
    const before = readFileSync(file(), 'utf8');
    fixture.running = await startDaemon(fixture.directory.path);
    const hosts = readFileSync(fixture.hosts, 'utf8');
    const { properties } = fixture.overlay();
    const geneve = { 'geneve/listen_ip': '127.0.0.1', 'files/config': properties['files/config']! };
    for (const other of [
      fixture.overlay({ vni: 24 }),
      { ...fixture.overlay({ encap: 'geneve' }), properties: geneve },
    ]) {
      writeFileSync(fixture.hosts, hosts);
      await fixture.daemon.deleteOverlay('overlay0');
      await fixture.daemon.createOverlay(other);
      await restart(() => {
        writeFileSync(file(), before);
        writeFileSync(fixture.hosts, '{ broken');
      });
      assert.deepEqual(targets(), [], other.encap);
    }
  });

  it('is kept of an encapsulation other than VXLAN, too', async () => {
    const { properties } = fixture.overlay();
    const geneve = { 'geneve/listen_ip': '127.0.0.1', 'files/config': properties['files/config']! };
    await fixture.daemon.deleteOverlay('overlay0');
    await fixture.daemon.createOverlay({ ...fixture.overlay({ encap: 'geneve' }), properties: geneve });
    await known(OTHER_MAC);
    await restart(() => writeFileSync(fixture.hosts, '{ broken'));
    assert.deepEqual(
      targets().map(([mac, , source]) => [mac, source]),
      [[OTHER_MAC, 'stale']],
    );
  });
});
