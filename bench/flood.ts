/**
 * What does a flood of a stranger cost a known VTEP?
 *
 *   node dist/bench/flood.js [ROUNDS] [RATE]
 *
 * A kernel's vxlan device sends a VNIC 20,000 datagrams a second while a stranger sends the VTEP's port RATE (300,000)
 * datagrams a second of one kind. Prints, for each border and family, the share of the peer's datagrams that was lost:
 * the median of the rounds, and the most. Needs root and a build.
 */
import { fileURLToPath } from 'node:url';
import { createClient } from '../src/control/client.js';
import type { Host } from '../src/demo/host.js';
import { Lab } from '../src/demo/lab.js';
import { requireLab } from '../src/demo/requirements.js';
import { steadyRate } from './e2e/udp-rate.js';
import { describe, environment } from './environment.js';
import { median } from './results.js';

const SENDER = fileURLToPath(new URL('./e2e/flood-sender.js', import.meta.url));
const UNDERLAY = { 4: ['10.88.88.1', '10.88.88.2', '10.88.88.9'], 6: ['fd88::1', 'fd88::2', 'fd88::9'] } as const;
const PREFIX = { 4: 24, 6: 64 } as const;
const VNI = 42;
const MAC = { ours: 'de:ad:be:ef:00:01', peer: 'de:ad:be:ef:00:02', stranger: 'de:ad:be:ef:00:09' };
const INNER = ['10.9.0.1', '10.9.0.2'] as const;
const PEER_RATE = 20_000;
const PAYLOAD = 200;
const SECONDS = 3;

/** A VXLAN header, and a frame of 60 bytes for the VNIC. */
function datagram(flags: number, vni: number): string {
  const bytes = Buffer.alloc(68);
  bytes[0] = flags;
  bytes.writeUInt32BE(vni * 256, 4);
  bytes.set(Buffer.from([MAC.ours, MAC.stranger, '88b5'].join('').replaceAll(':', ''), 'hex'), 8);
  return bytes.toString('hex');
}

const KINDS: Readonly<Record<string, string | null>> = {
  'no flood': null,
  'I flag not set': datagram(0, VNI),
  'unknown VNI': datagram(8, VNI + 1),
  'unknown sender': datagram(8, VNI),
};

interface Hosts {
  readonly ours: Host;
  readonly peer: Host;
  readonly stranger: Host;
}

async function build(lab: Lab, family: 4 | 6, border: string): Promise<Hosts> {
  const [own, at, strange] = UNDERLAY[family];
  const add = (name: string, ip: string) => lab.addHost(name, { addresses: [`${ip}/${PREFIX[family]}`] });
  const [ours, peer, stranger] = [await add('ours', own), await add('peer', at), await add('stranger', strange)];
  await ours.startDaemon('--underlay', border);
  const client = createClient(ours.socket);
  const properties = { 'vxlan/listen_ip': own, 'direct/dest_ip': at, mtu: '1400' };
  await client.createOverlay({ name: 'ov0', vni: VNI, encap: 'vxlan', search: 'direct', properties });
  await client.createVnic({ name: 'v0', overlay: 'ov0', mac: MAC.ours, allowAnyMac: false });
  const tunnel = ['id', String(VNI), 'local', at, 'remote', own, 'dstport', '4789'];
  await peer.exec('ip', 'link', 'add', 'vx0', 'address', MAC.peer, 'type', 'vxlan', ...tunnel);
  await peer.exec('ip', 'link', 'set', 'vx0', 'mtu', '1400', 'up');
  await address(ours, 'v0', 0, MAC.peer);
  await address(peer, 'vx0', 1, MAC.ours);
  return { ours, peer, stranger };
}

async function address(host: Host, device: string, n: 0 | 1, other: string): Promise<void> {
  await host.exec('ip', 'addr', 'add', `${INNER[n]}/24`, 'dev', device);
  await host.exec('ip', 'neigh', 'replace', INNER[1 - n]!, 'lladdr', other, 'dev', device, 'nud', 'permanent');
}

/** The share of the peer's datagrams that was lost, and how many the stranger sent in a second. */
async function lossUnder({ ours, peer, stranger }: Hosts, to: string, kind: string | null, rate: number) {
  const argv = [process.execPath, SENDER, to, '4789', kind ?? '', String(rate), String(SECONDS + 1)];
  const flood = kind === null ? null : stranger.spawn(argv, { timeoutMs: 60_000 });
  const tunnel = { right: INNER[0], daemons: [] };
  const { sent, received } = await steadyRate({ left: peer, right: ours }, tunnel, PAYLOAD, PEER_RATE, SECONDS);
  const flooded = flood === null ? 0 : Number((await flood.done).stdout);
  return { loss: Math.max(0, 1 - received / sent), flooded };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

async function main(rounds: number, rate: number): Promise<void> {
  requireLab('this bench');
  process.stdout.write(`${describe(environment())}\n`);
  for (const border of ['socket', 'tap']) {
    for (const family of [4, 6] as const) {
      const lab = await Lab.create({});
      try {
        const hosts = await build(lab, family, border);
        const seen = new Map<string, Awaited<ReturnType<typeof lossUnder>>[]>();
        for (let round = 0; round < rounds; round++) {
          for (const [name, kind] of Object.entries(KINDS)) {
            const one = await lossUnder(hosts, UNDERLAY[family][0], kind, rate);
            seen.set(name, [...(seen.get(name) ?? []), one]);
          }
        }
        for (const [name, all] of seen) {
          const losses = all.map(({ loss }) => loss);
          const flooded = Math.round(median(all.map((one) => one.flooded)) / 1000);
          const shares = `${percent(median(losses))} (most ${percent(Math.max(...losses))})`;
          process.stdout.write(`${border}, IPv${family}, ${name}, ${flooded} k/s: ${shares} lost\n`);
        }
      } finally {
        await lab.close();
      }
    }
  }
}

await main(Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 300_000));
