/**
 * How long does the daemon take to start, and `vxlane status` to answer, with how many overlays, and what do they cost
 * where nothing happens?
 *
 *   npm run bench:status -- [COUNT...]
 *
 * Needs root: hosts are network namespaces. Overlays are of `files`, on one table and one port, at most 4095, and were
 * kept by an earlier life of the daemon. In the end a ping goes through the last of them, and it is deleted. The wall
 * time of a command is what its user waits; its processor time tells a busy machine from a slow program.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Client, createClient } from '../src/control/client.js';
import type { Host } from '../src/demo/host.js';
import { Lab } from '../src/demo/lab.js';
import { textTable } from '../src/table.js';
import { describe, environment } from './environment.js';
import { median, writeResult } from './results.js';

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));
const FAR = '10.88.88.2';
const FAR_MAC = 'de:ad:be:ef:00:01';
const RUNS = 10;
const STARTS = 3;
const READY_MS = 120_000;
/** After a start, milliseconds: V8 compiles and collects, and after 30 s what plugins said is kept. */
const SETTLE_MS = 45_000;
const IDLE_MS = 30_000;

/** Milliseconds, one a run. */
interface Times {
  readonly wallMs: number[];
  readonly processorMs: number[];
}

interface Row {
  readonly overlays: number;
  /** Until the control socket answers, by which time all of them are restored. */
  readonly startMs: number[];
  /** Until all of them are ONLINE, counted from the same moment. */
  readonly onlineMs: number[];
  /** Resident memory of the daemon after that, MiB. */
  readonly residentMiB: number;
  /** Of a processor, while nothing happens. */
  readonly idleShare: number;
  /** A request of the same kind, without a process for it. */
  readonly answerMs: number[];
  readonly status: Times;
}

const { positionals } = parseArgs({ allowPositionals: true });
const counts = positionals.length > 0 ? positionals.map(Number) : [1, 100, 1000];

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Real, user and system time of a program, by the shell. It may end with bad news: then it has told them. */
function run(...argv: string[]): { wallMs: number; processorMs: number } {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1; true';
  const said = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`, 'bash', ...argv], { encoding: 'utf8' });
  const [wall, user, system] = said
    .trim()
    .split(' ')
    .map((seconds) => Number(seconds) * 1000);
  return { wallMs: wall!, processorMs: user! + system! };
}

function runs(...argv: string[]): Times {
  const all = Array.from({ length: RUNS }, () => run(process.execPath, ...argv));
  return { wallMs: all.map(({ wallMs }) => wallMs), processorMs: all.map(({ processorMs }) => processorMs) };
}

/** Declared once; the daemon without a file keeps them. */
async function withOverlays(host: Host, count: number): Promise<void> {
  const hosts = join(host.dir, 'hosts.json');
  writeFileSync(hosts, JSON.stringify({ [FAR_MAC]: { ip: FAR } }), { mode: 0o600 });
  const properties = { 'vxlan/listen_ip': '10.88.88.1', 'files/config': hosts };
  const overlay = (_: unknown, at: number) => [`o${at + 1}`, { vni: at + 1, search: 'files', properties }];
  const file = join(host.dir, 'vxlane.yaml');
  const overlays = Object.fromEntries(Array.from({ length: count }, overlay));
  writeFileSync(file, JSON.stringify({ overlays }), { mode: 0o600 }); // JSON is YAML
  await host.startDaemon('--config', file);
  await host.stopDaemon();
}

/** A VNIC of the last overlay reaches a kernel's vxlan device on another host; then both are deleted. */
async function useLast(host: Host, far: Host, client: Client, count: number): Promise<void> {
  const name = `o${count}`;
  await client.createVnic({ name: 'v0', overlay: name, mac: 'de:ad:be:ef:00:02', allowAnyMac: false });
  const tunnel = ['id', String(count), 'local', FAR, 'remote', '10.88.88.1', 'dstport', '4789'];
  await far.exec('ip', 'link', 'add', 'v0', 'address', FAR_MAC, 'type', 'vxlan', ...tunnel);
  await far.exec('ip', 'link', 'set', 'v0', 'up');
  for (const [at, ip] of [[host, '10.6.0.2'] as const, [far, '10.6.0.1'] as const]) {
    await at.exec('ip', 'addr', 'add', `${ip}/24`, 'dev', 'v0');
  }
  await host.exec('ip', 'neigh', 'replace', '10.6.0.1', 'lladdr', FAR_MAC, 'dev', 'v0', 'nud', 'permanent');
  await far.exec('ip', 'neigh', 'replace', '10.6.0.2', 'lladdr', 'de:ad:be:ef:00:02', 'dev', 'v0', 'nud', 'permanent');
  await host.exec('ping', '-n', '-c', '3', '-i', '0.2', '-W', '10', '10.6.0.1');
  await client.deleteVnic('v0');
  await client.deleteOverlay(name);
}

async function measure(count: number): Promise<Row> {
  const lab = await Lab.create();
  try {
    const host = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
    const far = await lab.addHost('far', { addresses: [`${FAR}/24`] });
    host.readyTimeoutMs = READY_MS;
    await withOverlays(host, count);
    const client = createClient(host.socket);
    const startMs: number[] = [];
    const onlineMs: number[] = [];
    for (let start = 0; start < STARTS; start++) {
      await host.stopDaemon('SIGKILL');
      const ms = await timed(() => host.startDaemon());
      startMs.push(ms);
      onlineMs.push(ms + (await timed(() => allOnline(client))));
    }
    const { residentMiB, idleShare } = await atRest(host.daemonPid!);
    const answerMs: number[] = [];
    for (let round = 0; round < RUNS; round++) answerMs.push(await timed(() => client.status()));
    const status = runs(MAIN, '--socket', host.socket, 'status');
    await useLast(host, far, client, count);
    return { overlays: count, startMs, onlineMs, residentMiB, idleShare, answerMs, status };
  } finally {
    await lab.close();
  }
}

async function allOnline(client: Client): Promise<void> {
  while ((await client.status()).overlays.some(({ status }) => status !== 'ONLINE')) await sleep(20);
}

/** How busy a process is for IDLE_MS, and what it weighs then. */
async function atRest(pid: number): Promise<{ residentMiB: number; idleShare: number }> {
  await sleep(SETTLE_MS);
  const before = processorMs(pid);
  await sleep(IDLE_MS);
  const idleShare = (processorMs(pid) - before) / IDLE_MS;
  const [, residentKiB] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return { residentMiB: Number(residentKiB) / 1024, idleShare };
}

/** User and system time of all threads; proc(5): after the name, which may have anything in it, in ticks of 10 ms. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const shown = (times: readonly number[]) => `${median(times).toFixed(0)} (${Math.max(...times).toFixed(0)})`;

const where = environment();
console.log(describe(where));
const node = runs('-e', '0');
const cli = runs(MAIN, '--version');
const rows: Row[] = [];
for (const count of counts) rows.push(await measure(count));
const table = rows.map(({ overlays, startMs, onlineMs, answerMs, status, residentMiB, idleShare }) => {
  const times = [startMs, onlineMs, answerMs, status.wallMs, status.processorMs].map(shown);
  return [String(overlays), ...times, residentMiB.toFixed(0), `${(100 * idleShare).toFixed(1)} %`];
});
const heading = ['start: median (longest), ms', 'all ONLINE', 'answer', 'vxlane status', 'its processor time'];
console.log(textTable(['overlays', ...heading, 'RSS, MiB', 'idle, of a processor'], table, 0));
for (const [what, { wallMs, processorMs }] of [['node', node] as const, ['vxlane --version', cli] as const]) {
  console.log(`${what}: ${shown(wallMs)} ms, processor time ${shown(processorMs)} ms`);
}
console.log(writeResult('status', where.date, { ...where, node, cli, rows }));
