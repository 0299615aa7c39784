/** What `bench/etcd.ts` runs in the namespace of etcd: prints one {@link Measured} as JSON. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { macFromNumber } from '../../src/address.js';
import { type Client, createClient } from '../../src/control/client.js';
import type { PluginContext } from '../../src/search/api.js';
import type { Connection } from '../../src/search/plugins/etcd/client.js';
import { etcd } from '../../src/search/plugins/etcd/etcd.js';
import { openAny } from '../../src/search/plugins/etcd/exchange.js';
import { settingsOf } from '../../src/search/plugins/etcd/settings.js';
import { median } from '../results.js';

export interface Task {
  readonly endpoint: string;
  readonly daemons: readonly { readonly socket: string; readonly pid: number; readonly underlay: string }[];
  readonly macs: number;
  readonly changes: number;
  readonly directory: string;
}

export interface Measured {
  readonly load: { importMs: number; againMs: number; pluginMs: number; overlayMs: number[] };
  readonly memory: { heapMiB: number; rssBeforeMiB: number[]; rssAfterMiB: number[] };
  readonly latency: { lookMs: number; medianMs: number; p99Ms: number; maxMs: number };
  readonly burst: { changes: number; writeMs: number; seenMs: number };
}

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const MIB = 2 ** 20;
const PREFIX = '/vxlane/23/';
const OVERLAY = 'overlay0';
const FIRST_MAC = 0x020000000000;
/** MACs that every daemon has asked for, and that move. */
const WATCHED = 200;
const BURST = 10_000;
const BATCH = 128;

const task = JSON.parse(process.argv[2] as string) as Task;
const clients = task.daemons.map(({ socket }) => createClient(socket));
const macAt = (i: number) => macFromNumber(FIRST_MAC + i);
const hostAt = (i: number) => `172.16.${(i >> 8) & 15}.${i & 255}`;
const valueAt = (i: number, host: string) =>
  JSON.stringify({
    ip: host,
    port: 4789,
    arp: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
    ndp: `fd00::${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}`,
  });

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** As an operator would put them there. */
async function importAll(): Promise<{ importMs: number; againMs: number }> {
  const file = join(task.directory, 'hosts.json');
  const lines = Array.from({ length: task.macs }, (_, i) => `"${macAt(i)}": ${valueAt(i, hostAt(i % 4000))}`);
  await writeFile(file, `{\n${lines.join(',\n')}\n}\n`);
  const argv = [MAIN, 'etcd', 'import', '--endpoints', task.endpoint, '--prefix', PREFIX, file];
  const once = () => timed(() => promisify(execFile)(process.execPath, argv));
  return { importMs: await once(), againMs: await once() };
}

/** An instance in this process: without a daemon around it, its time and its heap are its own. */
async function plugin(): Promise<{ pluginMs: number; heapMiB: number }> {
  const nothing = () => {};
  const log = { debug: nothing, info: nothing, warn: console.error, error: console.error };
  const told = { put: nothing, withdraw: nothing, moved: nothing, degrade: console.error, restore: nothing };
  const context: PluginContext = { vni: 23, signal: new AbortController().signal, log, ...told };
  const instance = etcd.create(context, { 'etcd/endpoints': task.endpoint, 'etcd/prefix': PREFIX });
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const pluginMs = await timed(async () => instance.start());
  globalThis.gc?.();
  const heapMiB = (process.memoryUsage().heapUsed - before) / MIB;
  await instance.stop();
  return { pluginMs, heapMiB };
}

async function createOverlays(): Promise<number[]> {
  const times: number[] = [];
  for (const [i, client] of clients.entries()) {
    const underlay = task.daemons[i]!.underlay;
    const properties = { 'vxlan/listen_ip': underlay, 'etcd/endpoints': task.endpoint, 'etcd/prefix': PREFIX };
    const request = { name: OVERLAY, encap: 'vxlan', vni: 23, search: 'etcd', properties };
    times.push(await timed(() => client.createOverlay(request)));
  }
  return times;
}

/** Looks until the forwarding table of the daemon has the destination; milliseconds since `start`. */
async function untilSeen(client: Client, mac: string, destination: string, start: number): Promise<number> {
  while (true) {
    const seen = await client.lookup(OVERLAY, mac);
    if (seen.destination === destination) {
      if (!seen.cached) throw new Error(`${mac} was not in the table`);
      return performance.now() - start;
    }
  }
}

const seenByAll = async (mac: string, host: string, start: number): Promise<number> =>
  Math.max(...(await Promise.all(clients.map((client) => untilSeen(client, mac, `${host}:4789`, start)))));

/** All daemons know them, so that a change must reach their tables. */
async function ask(count: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    for (const client of clients) {
      await client.lookup(OVERLAY, macAt(i));
      times.push(await timed(() => client.lookup(OVERLAY, macAt(i))));
    }
  }
  return median(times);
}

async function latency(connection: Connection): Promise<Measured['latency']> {
  const lookMs = await ask(WATCHED);
  const times: number[] = [];
  for (let n = 0; n < task.changes; n++) {
    const i = n % WATCHED;
    const host = `172.20.${(n >> 8) & 255}.${n & 255}`;
    await connection.write([{ key: macAt(i), value: valueAt(i, host) }]);
    times.push(await seenByAll(macAt(i), host, performance.now()));
    await sleep(5); // changes of their own, not a train of them
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] as number;
  return { lookMs, medianMs: median(times), p99Ms: at(0.99), maxMs: at(1) };
}

/** Every change is of another MAC; the last is one that the daemons have in their tables. */
async function burst(connection: Connection): Promise<Measured['burst']> {
  const host = '172.31.0.1';
  const order = Array.from({ length: Math.min(BURST, task.macs) }, (_, i) => i).reverse();
  const start = performance.now();
  for (let at = 0; at < order.length; at += BATCH) {
    await connection.write(order.slice(at, at + BATCH).map((i) => ({ key: macAt(i), value: valueAt(i, host) })));
  }
  const writeMs = performance.now() - start;
  return { changes: order.length, writeMs, seenMs: await seenByAll(macAt(0), host, performance.now()) };
}

async function measure(): Promise<Measured> {
  const settings = settingsOf({ endpoints: task.endpoint, prefix: PREFIX }, (name) => name);
  let connection: Connection | null = null;
  while (connection === null) connection = await openAny(settings).catch(() => sleep(100, null)); // etcd starts
  const imported = await importAll();
  const { pluginMs, heapMiB } = await plugin();
  const rssBeforeMiB = task.daemons.map(({ pid }) => rssMiB(pid));
  const overlayMs = await createOverlays();
  const rssAfterMiB = task.daemons.map(({ pid }) => rssMiB(pid));
  const measured = {
    load: { ...imported, pluginMs, overlayMs },
    memory: { heapMiB, rssBeforeMiB, rssAfterMiB },
    latency: await latency(connection),
    burst: await burst(connection),
  };
  connection.close();
  return measured;
}

console.log(JSON.stringify(await measure()));
