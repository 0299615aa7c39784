/**
 * What does a scan of unknown MACs from one VNIC cost another?
 *
 *   node dist/bench/scan.js [ROUNDS]
 *
 * Pings between a VNIC and a kernel vxlan device on another host: while nothing else goes on; while another VNIC of the
 * overlay sends frames to one MAC that drops; and while it sends as many to 100,000 unknown MACs, each a question to
 * the plugin as far as the limits let them. So the last two differ in what the scan costs beyond its frames. Needs root
 * and a build; prints the medians of the rounds' medians and their ratios.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../src/control/client.js';
import type { Host } from '../src/demo/host.js';
import { Lab } from '../src/demo/lab.js';
import { requireLab } from '../src/demo/requirements.js';
import { commandFailed } from '../src/errors.js';
import { describe, environment } from './environment.js';
import { median, writeResult } from './results.js';

const SCAN = fileURLToPath(new URL('./e2e/scan-frames.js', import.meta.url));
const RATES = [1000, 10_000, 100_000];
const PINGS = 200;
const INTERVAL_S = 0.005;
const SECONDS = PINGS * INTERVAL_S + 1;
const MACS = 100_000;
/** What scan-frames.js sends to when it is told of one MAC, number 0. */
const DROPPED = '02:5c:00:00:00:00';
const OVERLAY = 'ov0';
const VNIC_MACS = { scanner: '02:00:00:00:00:03', other: '02:00:00:00:00:01', far: '02:00:00:00:00:02' };

const rounds = Number(process.argv[2] ?? 7);

interface Testbed {
  readonly scanner: Host;
  readonly other: Host;
  readonly client: Client;
}

async function build(lab: Lab): Promise<Testbed> {
  const near = await lab.addHost('near', { addresses: ['10.88.88.1/24'] });
  const far = await lab.addHost('far', { addresses: ['10.88.88.2/24'] });
  const [scanner, other] = [await lab.addMachine('scanner'), await lab.addMachine('other')];
  await near.startDaemon();
  const client = createClient(near.socket);
  const table = join(lab.dir, 'hosts.json');
  writeFileSync(table, JSON.stringify({ [VNIC_MACS.far]: { ip: '10.88.88.2' } }));
  const properties = { 'vxlan/listen_ip': '10.88.88.1', 'files/config': table };
  await client.createOverlay({ name: OVERLAY, vni: 6, encap: 'vxlan', search: 'files', properties });
  await client.setTarget(OVERLAY, DROPPED, { destination: 'drop' });
  const vnic = { overlay: OVERLAY, allowAnyMac: false };
  await client.createVnic({ ...vnic, name: 'scan0', mac: VNIC_MACS.scanner, netns: scanner.netns });
  await client.createVnic({ ...vnic, name: 'v0', mac: VNIC_MACS.other, netns: other.netns });
  const tunnel = ['id', '6', 'local', '10.88.88.2', 'remote', '10.88.88.1', 'dstport', '4789'];
  await far.exec('ip', 'link', 'add', 'vx0', 'address', VNIC_MACS.far, 'type', 'vxlan', ...tunnel);
  await far.exec('ip', 'link', 'set', 'vx0', 'up');
  await address(other, 'v0', '10.6.0.1', '10.6.0.2', VNIC_MACS.far);
  await address(far, 'vx0', '10.6.0.2', '10.6.0.1', VNIC_MACS.other);
  return { scanner, other, client };
}

async function address(host: Host, device: string, own: string, peer: string, mac: string): Promise<void> {
  await host.exec('ip', 'addr', 'add', `${own}/24`, 'dev', device);
  await host.exec('ip', 'neigh', 'replace', peer, 'lladdr', mac, 'dev', device, 'nud', 'permanent');
}

/** Median of the pings of one round, microseconds; each must be answered. */
async function roundTrip({ other }: Testbed): Promise<number> {
  const argv = ['ping', '-n', '-c', String(PINGS), '-i', String(INTERVAL_S), '-W', '5', '10.6.0.2'];
  const { stdout, stderr } = await other.try(argv);
  if (!/ 0% packet loss/.test(stdout)) throw commandFailed(argv, 'lost packets', stdout + stderr);
  return median([...stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000));
}

/** The same while frames go to so many MACs. */
async function besides(testbed: Testbed, macs: number, rate: number): Promise<number> {
  const argv = [process.execPath, SCAN, 'scan0', ...[0, macs, Math.ceil(rate * SECONDS), rate].map(String)];
  const sending = testbed.scanner.spawn(argv, { timeoutMs: 60_000 });
  const microseconds = await roundTrip(testbed);
  const { code, stderr } = await sending.done;
  if (code !== 0) throw commandFailed(argv, `exited with ${code}`, stderr);
  return microseconds;
}

async function questions({ client }: Testbed): Promise<number> {
  return (await client.stats()).overlays[0]!.plugin.questions;
}

async function measure(testbed: Testbed, rate: number) {
  const times: { calm: number; dropped: number; scan: number }[] = [];
  const before = await questions(testbed);
  for (let round = 0; round < rounds; round++) {
    const calm = await roundTrip(testbed);
    const dropped = await besides(testbed, 1, rate);
    times.push({ calm, dropped, scan: await besides(testbed, MACS, rate) });
  }
  return { rate, times, questionsPerRound: Math.round(((await questions(testbed)) - before) / rounds) };
}

function line({ rate, times, questionsPerRound }: Awaited<ReturnType<typeof measure>>): string {
  const of = (name: 'calm' | 'dropped' | 'scan') => median(times.map((time) => time[name]));
  const ratio = (name: 'calm' | 'dropped') => {
    const all = times.map((time) => time.scan / time[name]);
    return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} … ${Math.max(...all).toFixed(2)})`;
  };
  const medians = (['calm', 'dropped', 'scan'] as const).map((name) => `${name} ${of(name).toFixed(0)} µs`).join(', ');
  const ratios = `scan / calm ${ratio('calm')}, scan / dropped ${ratio('dropped')}`;
  return `${rate} frames/s, ${questionsPerRound} questions a round: ${medians}\n    ${ratios}`;
}

requireLab('this bench');
const where = environment();
console.log(describe(where));
const lab = await Lab.create();
try {
  const testbed = await build(lab);
  await roundTrip(testbed); // warm: the destination is known
  const results: Awaited<ReturnType<typeof measure>>[] = [];
  for (const rate of RATES) {
    const measured = await measure(testbed, rate);
    results.push(measured);
    console.log(line(measured));
  }
  console.log(`written to ${writeResult('scan', where.date, { ...where, results })}`);
} finally {
  await lab.close();
}
