/** The mixed load: what goes on at the same time, each in turns of a few seconds at most. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/host.js';
import { churnOverlay, churnVnic } from './churn.js';
import { mustSucceed } from './must-succeed.js';
import { DEVICE } from './names.js';
import { writeTable } from './table.js';
import type { Testbed } from './testbed.js';

export interface Load {
  readonly name: string;
  /** The n-th turn; it rejects when what must work does not. */
  turn(testbed: Testbed, n: number): Promise<void>;
}

const SENDER = fileURLToPath(new URL('../e2e/udp-sender.js', import.meta.url));
const DISCARD_PORT = '9';
const UDP_RATE = '4000'; // datagrams a second
/** Payloads, bytes: one byte, small, just what fits, and what IP must cut inside the overlay. */
const UDP_SIZES = [1, 64, 18, 512, 1372, 1422, 1000, 3000, 8000];
const STRANGERS = 64;

export const LOADS: readonly Load[] = [
  { name: 'TCP', turn: tcpBothWays },
  { name: 'UDP', turn: udp },
  { name: 'unknown MACs', turn: unknownMacs },
  { name: 'ARP scan', turn: arpScan },
  { name: 'VNICs', turn: churnVnic },
  { name: 'overlays', turn: churnOverlay },
  { name: 'files', turn: reload },
];

/** Each load on its own until `until` (performance.now); a turn that has begun ends. Rejects with the first failure. */
export async function runLoads(testbed: Testbed, until: number, turns: Map<string, number>): Promise<void> {
  let failure: unknown = null;
  await Promise.all(
    LOADS.map(async ({ name, turn }) => {
      for (let n = 0; performance.now() < until && failure === null; n++) {
        try {
          await turn(testbed, n);
        } catch (error) {
          failure ??= error;
        }
        turns.set(name, n + 1);
      }
    }),
  );
  if (failure !== null) throw failure;
}

/** Between any two hosts, both ways at once. */
async function tcpBothWays({ left, right, far }: Testbed, n: number): Promise<void> {
  const pairs: [from: Host, to: Host, number: number][] = [
    [left.host, right.host, 2],
    [far, left.host, 1],
    [right.host, far, 3],
  ];
  const [from, to, number] = pairs[n % pairs.length]!;
  const server = to.spawn(['iperf3', '-s', '-1', '--forceflush'], { timeoutMs: 30_000 });
  try {
    await server.printed(/listening/i);
    const client = ['iperf3', '-c', `10.77.0.${number}`, '-t', '2', '--bidir', '-P', String(1 + (n % 3))];
    mustSucceed(client, await from.try([...client, '--connect-timeout', '10000']));
  } finally {
    await server.stop();
  }
}

async function udp({ left, right, far }: Testbed, n: number): Promise<void> {
  const ways: [from: Host, number: number][] = [
    [left.host, 2],
    [far, 1],
    [right.host, 3],
    [right.host, 1],
    [left.host, 3],
  ];
  const [from, number] = ways[n % ways.length]!;
  const size = String(UDP_SIZES[n % UDP_SIZES.length]);
  const argv = [process.execPath, SENDER, `10.77.0.${number}`, DISCARD_PORT, size, UDP_RATE, '0.5'];
  mustSucceed(argv, await from.try(argv));
}

/** Neighbours that the file does not know: their frames wait for the plugin's answer, and are dropped. */
async function unknownMacs({ lab, left, right }: Testbed, n: number): Promise<void> {
  const { host } = n % 2 === 0 ? left : right;
  const batch = join(lab.dir, `neighbours-${host.name}`);
  const lines = Array.from({ length: STRANGERS }, (_, i) => {
    const mac = `02:ff:${[n >> 8, n, i].map((byte) => (byte & 255).toString(16).padStart(2, '0')).join(':')}:01`;
    return `neigh replace 10.77.200.${i + 1} lladdr ${mac} dev ${DEVICE} nud permanent`;
  });
  writeFileSync(batch, `${lines.join('\n')}\n`);
  await host.exec('ip', '-batch', batch);
  await pingAll(host, '10.77.200');
  await sleep(500);
}

/** Addresses that nobody has: broadcasts for the ARP proxy. */
async function arpScan({ left, right, far }: Testbed, n: number): Promise<void> {
  const host = [left.host, right.host, far][n % 3]!;
  await pingAll(host, `10.77.${201 + (n % 50)}`);
  await sleep(500);
}

/** Nobody answers, and nobody has to. */
async function pingAll(host: Host, prefix: string): Promise<void> {
  const each = `ping -n -q -c 2 -i 0.01 -W 1 ${prefix}.$i >/dev/null 2>&1 &`;
  await host.try(['sh', '-c', `for i in $(seq 1 ${STRANGERS}); do ${each} done; wait`]);
}

async function reload({ table }: Testbed, n: number): Promise<void> {
  writeTable(table, n + 1);
  await sleep(1500);
}
