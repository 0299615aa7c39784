/**
 * What does it cost that search plugins run in other threads, or processes?
 *
 *   node dist/bench/plugin-place.js [QUESTIONS]
 *
 * Through the real host: the round trip of a lookup, one at a time and 64 at once (of QUESTIONS, default 20000, the
 * first tenth is not counted); the time from nothing to a started instance, of a user's module in a process and in a
 * thread and of a plugin that comes with vxlane, the latter also beside another of its thread; the memory that an idle
 * one of each adds to this process. What a process has to itself is beside it.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { PluginLog, Query } from '../src/search/api.js';
import { Deadlines } from '../src/search/host/deadlines.js';
import { PluginHost } from '../src/search/host/host.js';
import type { PluginLocation } from '../src/search/host/messages.js';
import { type Isolation, Placement } from '../src/search/host/placement.js';
import { INSTANCES_MAX } from '../src/search/host/threads.js';
import { PluginCounts } from '../src/search/host/types.js';

const AT_ONCE = 64;
const STARTS = 20;
const INSTANCES = 10;
/** Of a plugin that shares threads: a full one. */
const SHARERS = INSTANCES_MAX;
const MEMORY_MIB = 1024;
const MIB = 2 ** 20;
const WIDTH = 48;

const DIRECT: PluginLocation = { kind: 'built-in', name: 'direct' };
/** For it. */
const VALUES = { 'direct/dest_ip': '10.0.0.1', 'direct/dest_port': 4789 };

const questions = Number(process.argv[2] ?? 20_000);
const placement = new Placement({ now: () => performance.now() });
const silent: PluginLog = { debug() {}, info() {}, warn() {}, error() {} };
const query: Query = { vni: 23, mac: 'de:ad:be:ef:00:01', sourceMac: '02:00:00:00:00:01', etherType: 0x0800, vlan: 0 };

function hostOf(location: PluginLocation, isolation: Isolation = 'thread'): PluginHost {
  return new PluginHost({
    ...{ name: 'bench', values: VALUES, vni: 23, family: 4, log: silent },
    open: placement.open(location, { isolation, memoryMiB: MEMORY_MIB }, {}),
    health: { degrade: (_part, reason) => console.error(reason), restore() {} },
    counts: new PluginCounts(),
    deadlines: new Deadlines(() => performance.now()),
    sink: { put() {}, withdraw() {}, moved() {}, vteps() {}, floodChanged() {} },
    onDeath: ({ message }) => console.error(message),
  });
}

/** Microseconds of each question, the first tenth left out; `atOnce` are under way at any time. */
async function roundTrips(host: PluginHost, atOnce: number): Promise<number[]> {
  const times: number[] = [];
  let left = questions;
  const one = async () => {
    while (left-- > 0) {
      const start = performance.now();
      await host.lookup(query);
      times.push((performance.now() - start) * 1000);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return times.slice(questions / 10);
}

function report(what: string, values: readonly number[], unit: string): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] as number).toFixed(1);
  console.log(`${what.padEnd(WIDTH)} median ${at(0.5)} ${unit}, p99 ${at(0.99)} ${unit}, least ${at(0)} ${unit}`);
}

async function reportLookups(location: PluginLocation, isolation: Isolation): Promise<void> {
  const host = hostOf(location, isolation);
  await host.start();
  report(`lookup in a ${isolation}, one at a time`, await roundTrips(host, 1), 'µs');
  const start = performance.now();
  report(`lookup in a ${isolation}, ${AT_ONCE} at once`, await roundTrips(host, AT_ONCE), 'µs');
  console.log(`${' '.repeat(WIDTH)} ${Math.round(questions / ((performance.now() - start) / 1000))} a second`);
  await host.stop();
}

async function reportStarts(what: string, location: PluginLocation, isolation?: Isolation): Promise<void> {
  const times: number[] = [];
  for (let count = 0; count < STARTS; count++) {
    const start = performance.now();
    const host = hostOf(location, isolation);
    await host.start();
    times.push(performance.now() - start);
    await host.stop();
  }
  report(`start of ${what}`, times, 'ms');
}

async function reportMemory(what: string, location: PluginLocation, count: number, isolation?: Isolation) {
  const before = await restingRss();
  const hosts = Array.from({ length: count }, () => hostOf(location, isolation));
  await Promise.all(hosts.map((host) => host.start()));
  const after = await restingRss();
  const each = (after - before) / count / MIB;
  console.log(`${`memory of an idle instance of ${what}`.padEnd(WIDTH)} ${each.toFixed(2)} MiB of RSS`);
  for (const host of hosts) host.watch(performance.now());
  const [{ place }] = hosts as [PluginHost];
  if (place.kind === 'process') console.log(`${' '.repeat(WIDTH)} ${place.residentMiB.toFixed(1)} MiB of its own`);
  await Promise.all(hosts.map((host) => host.stop()));
}

async function restingRss(): Promise<number> {
  await sleep(500);
  return process.memoryUsage.rss();
}

const directory = mkdtempSync(join(tmpdir(), 'vxlane-bench-'));
try {
  chmodSync(directory, 0o755);
  const path = join(directory, 'bench.js');
  const instance = `{ start() {}, stop() {}, lookup: () => ({ target: { ip: '10.0.0.1', port: 4789 } }) }`;
  writeFileSync(
    path,
    `export default { name: 'bench', mode: 'dynamic', properties: [], create: () => (${instance}) };`,
  );
  console.log(`Node ${process.version}, ${questions} questions`);
  const location: PluginLocation = { kind: 'module', url: pathToFileURL(path).href };
  await reportMemory('a module in a process', location, INSTANCES, 'process');
  await reportMemory('a module in a thread', location, INSTANCES);
  await reportMemory('direct', DIRECT, SHARERS);
  await reportStarts('an instance in a process', location, 'process');
  await reportStarts('an instance in a thread', location);
  await reportStarts('direct', DIRECT);
  const neighbour = hostOf(DIRECT);
  await neighbour.start();
  await reportStarts('direct beside another', DIRECT);
  await neighbour.stop();
  await reportLookups(location, 'thread');
  await reportLookups(location, 'process');
} finally {
  rmSync(directory, { recursive: true });
}
