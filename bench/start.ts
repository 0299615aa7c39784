/**
 * How long is a host without its tunnel when its daemon dies?
 *
 *   npm run bench:start -- [ROUNDS]
 *
 * A kernel's vxlan device pings a VNIC every millisecond; the daemon is killed (SIGKILL) and started again at once, as
 * a supervisor does. Prints, for an overlay of `direct`, one of `files`, and one of `files` with 300 VNICs, of which
 * the last answers, the medians of the rounds and the longest: from the start of the process to the first answer, the
 * gap between two answers, and until the control socket answers. Beside it what `node -e 0` takes, to which the others
 * are in proportion on slower machines. Needs root.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../src/control/client.js';
import type { Host } from '../src/demo/host.js';
import { Lab } from '../src/demo/lab.js';
import { requireLab } from '../src/demo/requirements.js';
import { textTable } from '../src/table.js';
import { describe, environment } from './environment.js';
import { median, writeResult } from './results.js';

const UNDERLAY = ['10.88.88.1', '10.88.88.2'] as const;
const INNER = ['10.9.0.1', '10.9.0.2'] as const;
const MAC = ['de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'] as const;
const VNI = 42;
const SETTLE_MS = 1000;
const MANY_VNICS = 300;

interface Round {
  readonly firstMs: number;
  readonly gapMs: number;
  readonly readyMs: number;
}

function nodeMs(): number {
  const start = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  return performance.now() - start;
}

/** `others`: VNICs that come before the one that answers. */
async function build(lab: Lab, search: string, others: number): Promise<{ ours: Host; peer: Host }> {
  const [ours, peer] = [
    await lab.addHost('ours', { addresses: [`${UNDERLAY[0]}/24`] }),
    await lab.addHost('peer', { addresses: [`${UNDERLAY[1]}/24`] }),
  ];
  const table = join(lab.dir, 'hosts.json');
  writeFileSync(table, JSON.stringify({ [MAC[1]]: { ip: UNDERLAY[1] } }), { mode: 0o600 });
  const [name, value] = search === 'files' ? ['files/config', table] : ['direct/dest_ip', UNDERLAY[1]];
  const properties = { 'vxlan/listen_ip': UNDERLAY[0], [name]: value };
  await ours.startDaemon();
  const client = createClient(ours.socket);
  await client.createOverlay({ name: 'ov0', vni: VNI, encap: 'vxlan', search, properties });
  // Each of the kernel's interfaces with IPv6 speaks when it comes, to all the others.
  await ours.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  for (let n = 0; n < others; n++) {
    const mac = `de:ad:be:ee:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 0xff).toString(16).padStart(2, '0')}`;
    await client.createVnic({ name: `u${n}`, overlay: 'ov0', mac, allowAnyMac: false });
  }
  await client.createVnic({ name: 'v0', overlay: 'ov0', mac: MAC[0], allowAnyMac: false });
  const tunnel = ['id', String(VNI), 'local', UNDERLAY[1], 'remote', UNDERLAY[0], 'dstport', '4789'];
  await peer.exec('ip', 'link', 'add', 'vx0', 'address', MAC[1], 'type', 'vxlan', ...tunnel);
  await peer.exec('ip', 'link', 'set', 'vx0', 'mtu', '1400', 'up');
  for (const [host, device, n] of [[ours, 'v0', 0] as const, [peer, 'vx0', 1] as const]) {
    await host.exec('ip', 'addr', 'add', `${INNER[n]}/24`, 'dev', device);
    await host.exec('ip', 'neigh', 'replace', INNER[1 - n]!, 'lladdr', MAC[1 - n]!, 'dev', device, 'nud', 'permanent');
  }
  return { ours, peer };
}

/** Milliseconds of the wall clock, one an answer. */
function answersOf(said: string): number[] {
  return [...said.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, seconds]) => Number(seconds) * 1000);
}

async function killed({ ours, peer }: { ours: Host; peer: Host }): Promise<Round> {
  const ping = peer.spawn(['ping', '-D', '-n', '-i', '0.001', INNER[0]], { timeoutMs: 60_000 });
  await sleep(SETTLE_MS);
  await ours.stopDaemon('SIGKILL');
  const startedMs = Date.now();
  await ours.startDaemon();
  const readyMs = Date.now() - startedMs;
  await sleep(SETTLE_MS);
  ping.signal('SIGINT');
  const answers = answersOf((await ping.done).stdout);
  const gaps = answers.slice(1).map((at, before) => at - answers[before]!);
  return { firstMs: answers.find((at) => at > startedMs)! - startedMs, gapMs: Math.max(...gaps), readyMs };
}

async function measure(search: string, rounds: number, others = 0): Promise<Round[]> {
  const lab = await Lab.create();
  try {
    const hosts = await build(lab, search, others);
    const all: Round[] = [];
    for (let round = 0; round < rounds; round++) all.push(await killed(hosts));
    return all;
  } finally {
    await lab.close();
  }
}

const shown = (times: readonly number[]) => `${median(times).toFixed(0)} (${Math.max(...times).toFixed(0)})`;

requireLab('this bench');
const where = environment();
const rounds = Number(process.argv[2] ?? 10);
console.log(describe(where));
const node = Array.from({ length: rounds }, nodeMs);
const rows = {
  direct: await measure('direct', rounds),
  files: await measure('files', rounds),
  [`files, ${MANY_VNICS} VNICs`]: await measure('files', rounds, MANY_VNICS - 1),
};
const table = Object.entries(rows).map(([search, all]) => [
  search,
  ...(['firstMs', 'gapMs', 'readyMs'] as const).map((key) => shown(all.map((one) => one[key]))),
]);
console.log(textTable(['overlay of', 'start to first answer, ms', 'gap, ms', 'start to ready, ms'], table, 0));
console.log(`node -e 0: ${shown(node)} ms`);
console.log(writeResult('start', where.date, { ...where, node, rows }));
