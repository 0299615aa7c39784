/** The search plugin is swapped a hundred times while traffic flows: nothing is lost, doubled or out of order. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '../../src/control/client.js';
import type { ModifyOverlay } from '../../src/control/protocol.js';
import { buildSeed, SEED_FILE, SEED_HOSTS, type SeedMachine } from '../../src/demo/seed.js';
import { needsEtcd } from '../support/etcd.js';
import { ENDPOINT, PREFIX, STORE, Store } from './etcd-store.js';
import { eventually, type Host, type LabTest, labTest, pingAll, untilUsable } from './support.js';

const SWAPS = 100;
/** Streams are begun anew until all swaps are done, so that no swap has to be quick. */
const STREAM_S = 6;

/** 250 small datagrams a second: iperf3's own socket holds a second of them, however busy the machine. */
const STEADY = ['-b', '400k', '--length', '200'];

/** A plugin as a user writes it, with the seed's table in its code. */
const OWN_PLUGIN = `
  const hosts = ${JSON.stringify(SEED_HOSTS)};
  export default {
    name: 'own', mode: 'dynamic', properties: [],
    create: () => ({
      start() {}, stop() {},
      async lookup({ mac }) {
        const host = hosts.find((each) => each.mac === mac);
        return host === undefined ? null : { target: { ip: host.underlay, port: 4789 } };
      },
      arp: (ip) => hosts.find((each) => each.ipv4 === ip) ?? null,
      ndp: (ip) => hosts.find((each) => each.ipv6 === ip) ?? null,
    }),
  };`;

interface UdpReport {
  end: { sum: { lost_packets: number; packets: number }; streams: { udp: { out_of_order: number } }[] };
}

interface TcpReport {
  end: { sum_sent: { retransmits: number; bytes: number }; sum_received: { bytes: number } };
}

async function stream<T>(from: Host, to: Host, address: string, port: number, ...options: string[]): Promise<T> {
  const listener = to.spawn(['iperf3', '--server', '--one-off', '--forceflush', '--port', `${port}`]);
  await listener.printed(/Server listening/);
  const argv = ['iperf3', '--client', address, '--port', `${port}`, '--json', '--time', `${STREAM_S}`, ...options];
  const { code, stdout, stderr } = await from.try(argv);
  assert.equal(code, 0, stdout + stderr);
  await listener.stop();
  return JSON.parse(stdout) as T;
}

/** Segments of TCP that came before an earlier one: what a loss or a change of order leaves at the receiver. */
async function outOfOrder(host: Host): Promise<number> {
  const lines = (await host.exec('cat', '/proc/net/netstat')).split('\n').filter((line) => line.startsWith('TcpExt:'));
  const [names, values] = lines.map((line) => line.split(' ')) as [string[], string[]];
  return Number(values[names.indexOf('TCPOFOQueue')]);
}

async function hundredSwaps({ lab, note }: LabTest): Promise<void> {
  const { machines, file } = await buildSeed(lab);
  const [zlan, zlan2] = machines as [SeedMachine, SeedMachine];
  await Promise.all(machines.map(({ host, seed }) => untilUsable(host, seed.vnic)));
  await pingAll(zlan.host, zlan2.seed.ipv4);
  const own = join(lab.dir, 'own.mjs');
  writeFileSync(own, OWN_PLUGIN);
  const store = new Store(await lab.addHost('store', { addresses: [`${STORE}/24`] }));
  await store.start();
  const entries = Object.entries(JSON.parse(SEED_FILE) as Record<string, object>);
  for (const [mac, entry] of entries) await store.put(mac, entry);
  const plugins: ModifyOverlay[] = [
    { search: 'etcd', properties: { 'etcd/endpoints': ENDPOINT, 'etcd/prefix': PREFIX } },
    { search: own },
    { search: 'files', properties: { 'files/config': file } },
  ];

  const hosts = [zlan.host, zlan2.host];
  const clients = hosts.map((host) => createClient(host.socket));
  /** But for the multicast that Linux sends by itself. */
  const lostSoFar = async () => {
    const all = await Promise.all(clients.map((client) => client.stats()));
    return all.map(({ drops }) =>
      drops.filter(({ reason }) => reason !== 'host_chatter' && reason !== 'no_flood_list'),
    );
  };
  const before = await lostSoFar();
  let swaps = 0;
  const times: number[] = [];
  const swap = async (): Promise<void> => {
    while (swaps < SWAPS) {
      const startedMs = performance.now();
      const [client, plugin] = [clients[swaps % 2]!, plugins[(swaps >> 1) % plugins.length]!];
      await client.modifyOverlay('overlay0', plugin);
      times.push(performance.now() - startedMs);
      swaps += 1;
    }
  };
  const flow = async (): Promise<void> => {
    do {
      const [udp, tcp] = await Promise.all([
        stream<UdpReport>(zlan.host, zlan2.host, zlan2.seed.ipv4, 5201, '--udp', ...STEADY),
        stream<TcpReport>(zlan2.host, zlan.host, zlan.seed.ipv4, 5202, '-b', '20M'),
      ]);
      const { lost_packets, packets } = udp.end.sum;
      note(`${packets} datagrams, ${tcp.end.sum_received.bytes} bytes of TCP, ${swaps} swaps so far`);
      assert.deepEqual(
        { lost_packets, out_of_order: udp.end.streams[0]?.udp.out_of_order },
        { lost_packets: 0, out_of_order: 0 },
      );
      note(`TCP sent ${tcp.end.sum_sent.retransmits} segments twice: it is impatient when the machine is busy`);
    } while (swaps < SWAPS);
  };
  await Promise.all([swap(), flow()]);

  assert.deepEqual(await lostSoFar(), before, 'frames were dropped');
  for (const host of hosts) assert.equal(await outOfOrder(host), 0, `${host.name}: a hole in TCP, or a turn`);
  await eventually('what one daemon sent, the other received', async () => {
    const [here, there] = await Promise.all(clients.map(async (client) => (await client.stats()).totals));
    return here!.encapOut === there!.decapIn && there!.encapOut === here!.decapIn;
  });
  for (const client of clients) {
    assert.equal((await client.daemon()).workerRestarts, 0);
    assert.equal((await client.overlay('overlay0')).status, 'ONLINE');
  }
  note(`a swap takes ${Math.round(times.sort((a, b) => a - b)[times.length >> 1]!)} ms (median)`);
}

const missing = needsEtcd();
if (missing !== false) test('a hundred swaps under traffic', { skip: missing }, () => {});
else labTest('a hundred swaps under traffic', hundredSwaps);
