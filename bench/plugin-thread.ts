/**
 * What does it cost that a search plugin runs in a thread of its own?
 *
 *   node dist/bench/plugin-thread.js [QUESTIONS]
 *
 * Through the real host and thread: the round trip of a lookup, one at a time and 64 at once (of QUESTIONS, default
 * 20000, the first tenth is not counted); the time from nothing to a started instance, of a user's module and of a
 * plugin that comes with vxlane; the memory of an idle one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { PluginLog, Query } from '../src/search/api.js';
import { Deadlines } from '../src/search/host/deadlines.js';
import { PluginHost } from '../src/search/host/host.js';
import type { PluginLocation } from '../src/search/host/messages.js';
import { threadAt } from '../src/search/host/thread.js';
import { PluginCounts } from '../src/search/host/types.js';

const AT_ONCE = 64;
const STARTS = 20;
const INSTANCES = 10;
const MEMORY_MIB = 1024;
const MIB = 2 ** 20;

/** For `direct`. */
const VALUES = { 'direct/dest_ip': '10.0.0.1', 'direct/dest_port': 4789 };

const questions = Number(process.argv[2] ?? 20_000);
const silent: PluginLog = { debug() {}, info() {}, warn() {}, error() {} };
const query: Query = { vni: 23, mac: 'de:ad:be:ef:00:01', sourceMac: '02:00:00:00:00:01', etherType: 0x0800, vlan: 0 };

function hostOf(location: PluginLocation): PluginHost {
  return new PluginHost({
    ...{ name: 'bench', open: threadAt(location, MEMORY_MIB), values: VALUES, vni: 23, family: 4, log: silent },
    health: { degrade: (_part, reason) => console.error(reason), restore() {} },
    counts: new PluginCounts(),
    deadlines: new Deadlines(() => performance.now()),
    sink: { put() {}, withdraw() {}, moved() {} },
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
  console.log(`${what.padEnd(34)} median ${at(0.5)} ${unit}, p99 ${at(0.99)} ${unit}, least ${at(0)} ${unit}`);
}

async function reportLookups(location: PluginLocation): Promise<void> {
  const host = hostOf(location);
  await host.start();
  report('lookup, one at a time', await roundTrips(host, 1), 'µs');
  const start = performance.now();
  report(`lookup, ${AT_ONCE} at once`, await roundTrips(host, AT_ONCE), 'µs');
  console.log(`${' '.repeat(34)} ${Math.round(questions / ((performance.now() - start) / 1000))} a second`);
  await host.stop();
}

async function reportStarts(what: string, location: PluginLocation): Promise<void> {
  const times: number[] = [];
  for (let count = 0; count < STARTS; count++) {
    const start = performance.now();
    const host = hostOf(location);
    await host.start();
    times.push(performance.now() - start);
    await host.stop();
  }
  report(`start of ${what}`, times, 'ms');
}

async function reportMemory(location: PluginLocation): Promise<void> {
  const before = await restingRss();
  const hosts = Array.from({ length: INSTANCES }, () => hostOf(location));
  await Promise.all(hosts.map((host) => host.start()));
  const after = await restingRss();
  console.log(
    `${'memory of an idle instance'.padEnd(34)} ${((after - before) / INSTANCES / MIB).toFixed(1)} MiB of RSS`,
  );
  await Promise.all(hosts.map((host) => host.stop()));
}

async function restingRss(): Promise<number> {
  await sleep(500);
  return process.memoryUsage.rss();
}

const directory = mkdtempSync(join(tmpdir(), 'vxlane-bench-'));
try {
  const path = join(directory, 'bench.js');
  const instance = `{ start() {}, stop() {}, lookup: () => ({ target: { ip: '10.0.0.1', port: 4789 } }) }`;
  writeFileSync(
    path,
    `export default { name: 'bench', mode: 'dynamic', properties: [], create: () => (${instance}) };`,
  );
  console.log(`Node ${process.version}, ${questions} questions`);
  const location: PluginLocation = { kind: 'module', url: pathToFileURL(path).href };
  await reportMemory(location);
  await reportStarts('an instance', location);
  await reportStarts('direct', { kind: 'built-in', name: 'direct' });
  await reportLookups(location);
} finally {
  rmSync(directory, { recursive: true });
}
