/** Many overlays on one host, whose search plugins share threads: all work, none has a thread to itself. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { INSTANCES_MAX } from '../../src/search/host/threads.js';
import { eventually, type Host, labTest, mac, pingAll } from './support.js';

/** More than three threads take. */
const OVERLAYS = 3 * INSTANCES_MAX + 8;
/** It answers when all of them are made, which a busy machine takes its time for. */
const READY_MS = 60_000;
const threadsOf = (host: Host) => readdirSync(`/proc/${host.daemonPid}/task`).length;

interface OverlayJson {
  readonly name: string;
  readonly status: string;
}

labTest(`${OVERLAYS} overlays of one file`, async ({ lab, step, note }) => {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  const hosts = join(lab.dir, 'hosts.json');
  const entry = (number: number) => [mac(number), { ip: `10.88.88.${number}`, arp: `10.55.55.${number}` }];
  writeFileSync(hosts, JSON.stringify(Object.fromEntries([entry(1), entry(2)])));

  const declare = (host: Host, number: number, overlays: number) => {
    const properties = { 'vxlan/listen_ip': `10.88.88.${number}`, 'files/config': hosts };
    const names = Array.from({ length: overlays }, (_, at) => at + 1);
    const last = `o${overlays}`;
    const file = {
      overlays: Object.fromEntries(names.map((vni) => [`o${vni}`, { vni, search: 'files', properties }])),
      vnics: { foo0: { overlay: last, mac: mac(number) } },
    };
    const path = join(host.dir, 'vxlane.yaml');
    writeFileSync(path, stringify(file));
    return path;
  };
  const online = async (host: Host) => {
    const { stdout } = await host.tryVxlane('show-overlay', '-f', '--json');
    return (JSON.parse(stdout) as OverlayJson[]).filter(({ status }) => status === 'ONLINE').length;
  };
  const start = async (host: Host, number: number, overlays: number) => {
    host.readyTimeoutMs = READY_MS;
    await host.startDaemon('--config', declare(host, number, overlays));
    await eventually('all are ONLINE', async () => (await online(host)) === overlays, 60_000);
  };

  await start(one, 1, OVERLAYS);
  await start(two, 2, OVERLAYS);
  await one.exec('ip', 'addr', 'add', '10.55.55.1/24', 'dev', 'foo0');
  await two.exec('ip', 'addr', 'add', '10.55.55.2/24', 'dev', 'foo0');

  await step('the last of them carries frames', () => pingAll(one, '10.55.55.2'));

  await step('they share threads, as many as they need', async () => {
    const many = threadsOf(one);
    await one.stopDaemon();
    await start(one, 1, 1);
    const alone = threadsOf(one);
    note(`${many} threads with ${OVERLAYS} overlays, ${alone} with one`);
    // Node has a few of its own, which come and go.
    assert.ok(many - alone < OVERLAYS / 8, `${many} threads with ${OVERLAYS} overlays, ${alone} with one`);
  });
});
