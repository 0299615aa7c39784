/**
 * What does a flood of a stranger cost a known VTEP, beside what it costs that of the kernel?
 *
 *   npm run bench:flood -- [--rounds N] [--rate N] [--train N,...] [--family 4|6] [--only WORD,...]
 *
 * A kernel's vxlan device sends 20,000 datagrams a second to another host, while a stranger sends the VTEP's port there
 * RATE (300,000) datagrams a second of one kind. That host is, in turns, one with the kernel's vxlan device, and two
 * with a daemon, one for each border. The flood comes in trains of 60, as a network card joins datagrams of one flow,
 * and datagram by datagram. Prints the share of the peer's datagrams that was lost, the median of the rounds and the
 * most, and how many the stranger reached. What the kernel loses, the machine was too slow to receive at all: on few
 * processors, sender, network and receiver share them. Needs root and a build.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient } from '../src/control/client.js';
import type { Host } from '../src/demo/host.js';
import { Lab } from '../src/demo/lab.js';
import type { Running } from '../src/demo/processes.js';
import { requireLab } from '../src/demo/requirements.js';
import { commandFailed } from '../src/errors.js';
import { textTable } from '../src/table.js';
import { steadyRate } from './e2e/udp-rate.js';
import { describe, environment } from './environment.js';
import { median, writeResult } from './results.js';

const SENDER = fileURLToPath(new URL('./e2e/flood-sender.js', import.meta.url));
const MAC = { ours: 'de:ad:be:ef:00:01', peer: 'de:ad:be:ef:00:02', stranger: 'de:ad:be:ef:00:09' };
const NOBODY = 'de:ad:be:ef:00:77';
const VNI_NOBODYS = 7;
const PEER_RATE = 20_000;
const PAYLOAD = 200;
const SECONDS = 2;
/** The flood goes on so much longer, in which the peer's programs start. */
const START_SECONDS = 2;
const BORDERS = ['kernel', 'socket', 'tap'] as const;

type Border = (typeof BORDERS)[number];

/** One that receives. Each has a VNI of its own, as the peer has all three. */
interface Receiver {
  readonly border: Border;
  readonly host: Host;
  readonly vni: number;
  readonly ip: string;
  /** Inside the tunnel. */
  readonly inner: string;
}

interface Testbed {
  readonly receivers: readonly Receiver[];
  readonly peer: Host;
  readonly stranger: Host;
}

interface Datagram {
  readonly flags?: number;
  readonly vni: number;
  readonly to?: string;
  readonly from?: string;
  /** Bytes of it that are sent. */
  readonly length?: number;
}

/** A VXLAN header, and a frame of 60 bytes. */
function datagram({ flags = 8, vni, to = MAC.ours, from = MAC.stranger, length = 68 }: Datagram): string {
  const bytes = Buffer.alloc(68);
  bytes[0] = flags;
  bytes.writeUInt32BE(vni * 256, 4);
  bytes.set(Buffer.from([to, from, '88b5'].join('').replaceAll(':', ''), 'hex'), 8);
  return bytes.subarray(0, length).toString('hex');
}

/** What the stranger sends a host whose overlay has that VNI. */
const KINDS: Readonly<Record<string, (vni: number) => readonly string[]>> = {
  'no flood': () => [],
  'too short': (vni) => [datagram({ vni, length: 12 })],
  'I flag not set': (vni) => [datagram({ vni, flags: 0 })],
  'unknown VNI': () => [datagram({ vni: VNI_NOBODYS })],
  'to a known MAC': (vni) => [datagram({ vni })],
  'from a known MAC': (vni) => [datagram({ vni, from: MAC.peer })],
  'to an unknown MAC': (vni) => [datagram({ vni, to: NOBODY })],
  'many VNIs': () => Array.from({ length: 64 }, (_, n) => datagram({ vni: VNI_NOBODYS + (n << 12) })),
  'VNIs in turns': (vni) => [datagram({ vni: VNI_NOBODYS }), datagram({ vni })],
};

async function build(lab: Lab, family: 4 | 6): Promise<Testbed> {
  const ip = (n: number) => (family === 4 ? `10.88.88.${n}` : `fd88::${n}`);
  const add = (name: string, n: number) => lab.addHost(name, { addresses: [`${ip(n)}/${family === 4 ? 24 : 64}`] });
  const [peer, stranger] = [await add('peer', 2), await add('stranger', 9)];
  const receivers: Receiver[] = [];
  for (const [n, border] of BORDERS.entries()) {
    const host = await add(border, 11 + n);
    const receiver = { border, host, vni: 42 + n, ip: ip(11 + n), inner: `10.9.${n}.1` };
    if (border === 'kernel') await addDevice(host, receiver, 'v0', MAC.ours, receiver.ip, ip(2));
    else await startDaemon(receiver, ip(2));
    await addDevice(peer, receiver, border, MAC.peer, ip(2), receiver.ip);
    await address(host, 'v0', receiver.inner, `10.9.${n}.2`, MAC.peer);
    await address(peer, border, `10.9.${n}.2`, receiver.inner, MAC.ours);
    receivers.push(receiver);
  }
  return { receivers, peer, stranger };
}

async function addDevice(on: Host, { vni }: Receiver, device: string, mac: string, local: string, remote: string) {
  const tunnel = ['id', String(vni), 'local', local, 'remote', remote, 'dstport', '4789', 'nolearning'];
  await on.exec('ip', 'link', 'add', device, 'address', mac, 'type', 'vxlan', ...tunnel);
  await on.exec('ip', 'link', 'set', device, 'mtu', '1400', 'up');
}

async function startDaemon({ border, host, vni, ip }: Receiver, peer: string): Promise<void> {
  await host.startDaemon('--underlay', border);
  const client = createClient(host.socket);
  const properties = { 'vxlan/listen_ip': ip, 'direct/dest_ip': peer, mtu: '1400' };
  await client.createOverlay({ name: 'ov0', vni, encap: 'vxlan', search: 'direct', properties });
  await client.createVnic({ name: 'v0', overlay: 'ov0', mac: MAC.ours, allowAnyMac: false });
}

async function address(host: Host, device: string, own: string, other: string, mac: string): Promise<void> {
  await host.exec('ip', 'addr', 'add', `${own}/24`, 'dev', device);
  await host.exec('ip', 'neigh', 'replace', other, 'lladdr', mac, 'dev', device, 'nud', 'permanent');
}

/** The share of the peer's datagrams that was lost, and how many the stranger sent in a second. */
async function lossUnder({ peer, stranger }: Testbed, to: Receiver, flood: readonly string[], given: string[]) {
  const argv = [process.execPath, SENDER, to.ip, '4789', ...given, String(SECONDS + START_SECONDS), ...flood];
  const flooding = flood.length === 0 ? null : stranger.spawn(argv, { timeoutMs: 60_000 });
  await flooding?.printed(/begins/);
  const tunnel = { right: to.inner, daemons: [] };
  const { sent, received } = await steadyRate({ left: peer, right: to.host }, tunnel, PAYLOAD, PEER_RATE, SECONDS);
  return { loss: Math.max(0, 1 - received / sent), reached: flooding === null ? 0 : await reachedBy(flooding) };
}

/** How many a second it sent. Throws if it failed, or was no flood any more when the peer had sent all. */
async function reachedBy(flooding: Running): Promise<number> {
  const isOver = flooding.ended;
  const { code, stdout, stderr } = await flooding.done;
  if (code !== 0) throw commandFailed(flooding.argv, 'failed', stderr);
  if (isOver) throw commandFailed(flooding.argv, 'ended too early', stdout);
  return Number(/\d+/.exec(stdout)![0]);
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '300000' },
    train: { type: 'string', default: '60,1' },
    family: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
  },
});
requireLab('this bench');
const where = environment();
console.log(describe(where));
const wanted = values.only.split(',');
const kinds = Object.entries(KINDS).filter(([name]) => wanted.some((word) => name.includes(word)));
const lab = await Lab.create({});
try {
  const testbed = await build(lab, values.family === '6' ? 6 : 4);
  const results: object[] = [];
  for (const train of values.train.split(',')) {
    const seen = new Map<string, Awaited<ReturnType<typeof lossUnder>>[]>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, kind] of kinds) {
        for (const receiver of testbed.receivers) {
          const one = await lossUnder(testbed, receiver, kind(receiver.vni), [train, values.rate]);
          const key = `${name} ${receiver.border}`;
          seen.set(key, [...(seen.get(key) ?? []), one]);
        }
      }
    }
    const rows = kinds.map(([name]) => {
      const cells = BORDERS.map((border) => {
        const all = seen.get(`${name} ${border}`)!;
        const losses = all.map(({ loss }) => loss);
        const reached = Math.round(median(all.map((one) => one.reached)) / 1000);
        results.push({ train: Number(train), name, border, all });
        return `${percent(median(losses))} (${percent(Math.max(...losses))}) ${reached} k/s`;
      });
      return [name, ...cells];
    });
    console.log(`\ntrains of ${train}`);
    console.log(textTable(['flood', ...BORDERS.map((border) => `${border}: lost (most) of`)], rows, 0));
  }
  console.log(`written to ${writeResult('flood', where.date, { ...where, results })}`);
} finally {
  await lab.close();
}
