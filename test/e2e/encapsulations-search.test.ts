/**
 * Geneve between two daemons over IPv6, with each search plugin that has many VTEPs. Nobody says a port: that of the
 * encapsulation is meant. The overlay that floods has another port than IANA's.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsEtcd } from '../support/etcd.js';
import { vxlaneArgv } from './captured.js';
import { ENDPOINT, PREFIX, STORE, Store } from './etcd-store.js';
import { eventually, type Host, iperf, type Lab, labTest, mac, pingAll, rate } from './support.js';

const UNDERLAY = ['fd88::1', 'fd88::2'] as const;
const missing = needsEtcd();
const ETCD = 2;
const PLUGINS = ['files', 'flood', ...(missing === false ? ['etcd'] : [])];
const insideOf = (index: number, host: number): string => `10.${80 + index}.0.${host + 1}`;
const macOf = (index: number, host: number): string => mac(16 * (index + 1) + host);

/** A daemon with an overlay of each plugin, and a VNIC. */
async function startWithOverlays(host: Host, number: number): Promise<void> {
  await host.startDaemon();
  const table = join(host.dir, 'hosts.json');
  const entries = UNDERLAY.map((ip, other) => [macOf(0, other), { ip, arp: insideOf(0, other) }]);
  writeFileSync(table, JSON.stringify(Object.fromEntries(entries)));
  const properties = [
    [`files/config=${table}`],
    [`flood/endpoints=${UNDERLAY[1 - number]}`, 'flood/port=7000', 'geneve/listen_port=7000'],
    [`etcd/endpoints=${ENDPOINT}`, `etcd/prefix=${PREFIX}`],
  ];
  for (const [index, plugin] of PLUGINS.entries()) {
    const given = [`geneve/listen_ip=${UNDERLAY[number]}`, ...properties[index]!].flatMap((each) => ['-p', each]);
    await host.vxlane(
      'create-overlay',
      '-v',
      String(100 + index),
      '-e',
      'geneve',
      '-s',
      plugin,
      ...given,
      `ov${index}`,
    );
    const address = ['-a', `${insideOf(index, number)}/24`];
    await host.vxlane('create-vnic', '-m', macOf(index, number), '-l', `ov${index}`, ...address, `v${index}`);
  }
}

async function startStore(lab: Lab): Promise<void> {
  const store = new Store(await lab.addHost('store', { addresses: [`${STORE}/24`] }));
  await store.start();
  for (const [other, ip] of UNDERLAY.entries()) {
    await store.put(macOf(ETCD, other), { ip, arp: insideOf(ETCD, other) });
  }
}

if (missing !== false) test('Geneve over IPv6, with etcd', { skip: missing }, () => {});

labTest(`Geneve over IPv6, with ${PLUGINS.join(', ')}, which name no port`, async ({ lab, step, note }) => {
  if (missing === false) await startStore(lab);
  const hosts: Host[] = [];
  for (const [number, ip] of UNDERLAY.entries()) {
    const host = await lab.addHost(`host${number}`, { addresses: [`10.88.88.${number + 1}/24`, `${ip}/64`] });
    hosts.push(host);
    await startWithOverlays(host, number);
  }
  const [one, two] = hosts as [Host, Host];

  for (const [index, plugin] of PLUGINS.entries()) {
    await step(`${plugin}: ping, a stream, and lookup says the port`, async () => {
      const far = insideOf(index, 1);
      const argv = vxlaneArgv(one, 'capture', '--overlay', `ov${index}`, '--json');
      const captured = one.spawn(argv, { timeoutMs: 120_000 });
      await eventually('it is captured', async () => {
        await pingAll(one, far);
        return captured.stdout.includes('VNI');
      });
      note(`${plugin}: ${rate(await iperf(one, two, far, '--bytes', '16M'))}`);
      const { stdout } = await captured.stop('SIGINT');
      const port = plugin === 'flood' ? 7000 : 6081;
      // As lines of the capture have it, whatever the port is.
      const sent = new RegExp(`\\[fd88::2\\]:${port} VNI ${100 + index}: .* TCP .*super-frame of \\d+ frames`);
      assert.match(stdout, sent);
      const said = await one.vxlane('lookup', `ov${index}`, macOf(index, 1));
      assert.match(said, new RegExp(`go to \\[fd88::2\\]:${port}: `));
    });
  }
});
