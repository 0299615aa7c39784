/**
 * How long does the daemon take to start, and `vxlane status` to answer, with how many overlays, and what do they cost
 * where nothing happens?
 *
 *   npm run bench:status -- [COUNT...]
 *
 * Needs root: the host is a network namespace. Overlays are of `files`, on one table and one port, and were kept by an
 * earlier life of the daemon. The wall time of a command is what its user waits; its processor time tells a busy
 * machine from a slow program.
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
const RUNS = 10;
const STARTS = 3;
const READY_MS = 120_000;
/** After a start, milliseconds: V8 compiles and collects. */
const SETTLE_MS = 3000;
const IDLE_MS = 5000;

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
  writeFileSync(hosts, JSON.stringify({ 'de:ad:be:ef:00:01': { ip: '10.88.88.2' } }), { mode: 0o600 });
  const properties = { 'vxlan/listen_ip': '10.88.88.1', 'files/config': hosts };
  const overlay = (_: unknown, at: number) => [`o${at + 1}`, { vni: at + 1, search: 'files', properties }];
  const file = join(host.dir, 'vxlane.yaml');
  const overlays = Object.fromEntries(Array.from({ length: count }, overlay));
  writeFileSync(file, JSON.stringify({ overlays }), { mode: 0o600 }); // JSON is YAML
  await host.startDaemon('--config', file);
  await host.stopDaemon();
}

async function measure(count: number): Promise<Row> {
  const lab = await Lab.create();
  try {
    const host = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
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
    const cost = { residentMiB, idleShare };
    return {
      overlays: count,
      startMs,
      onlineMs,
      ...cost,
      answerMs,
      status: runs(MAIN, '--socket', host.socket, 'status'),
    };
  } finally {
    await lab.close();
  }
}

async function allOnline(client: Client): Promise<void> {
  while ((await client.status()).overlays.some(({ status }) => status !== 'ONLINE')) await sleep(20);
}

/** What a process weighs, and how busy it is for IDLE_MS. */
async function atRest(pid: number): Promise<{ residentMiB: number; idleShare: number }> {
  const [, residentKiB] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  await sleep(SETTLE_MS);
  const before = processorMs(pid);
  await sleep(IDLE_MS);
  return { residentMiB: Number(residentKiB) / 1024, idleShare: (processorMs(pid) - before) / IDLE_MS };
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
