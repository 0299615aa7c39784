/**
 * What does it cost to load an FDB under workers that have nothing to do?
 *
 *   node dist/bench/fdb-load.js [ENTRIES]
 *
 * Puts ENTRIES entries (default 100000) into the FDB of a datapath with two workers, all in one go and then again in
 * parcels of 64, as a search plugin's pushes come. Prints the time and the processor time of all threads.
 */
import { macFromNumber } from '../src/address.js';
import { Datapath } from '../src/datapath/datapath.js';
import { DEFAULT_OUTER } from '../src/outer-header.js';
import { probeUring } from '../src/system/uring.js';

const FIRST_MAC = 0x020000000000;
const PARCEL = 64;
const ENDPOINTS = 4000;
const SETTLE_MS = 300;

const entries = Number(process.argv[2] ?? 100_000);
const engine = probeUring().ok ? 'uring' : 'mmsg';
const silent = { info() {}, warn() {}, error: console.error };
const datapath = await Datapath.start({ fdbSize: entries * 2, workers: 2, busyPollUs: 0, engine, log: silent });
const settings = { strictHeader: false, vlan: 'pass', point: null, lookup: true, flood: null, learn: false } as const;
const size = { mtu: 1450, acceptPartial: true, outer: DEFAULT_OUTER } as const;
const proxies = { proxyArp: true, proxyNdp: true, proxyDhcp: true } as const;
const offloads = { segment: true, coalesceTcp: true, coalesceUdp: true } as const;
const overlay = datapath.addOverlay({ vni: 1, socket: 0, ...size, ...settings, ...proxies, ...offloads });

function put(first: number, end: number): void {
  for (let n = first; n < Math.min(end, entries); n++) {
    const endpoint = { ip: `10.0.${(n % ENDPOINTS) >> 8}.${n & 255}`, port: 4789 };
    if (!datapath.fdbPut(overlay, macFromNumber(FIRST_MAC + n), { kind: 'remote', endpoint })) throw new Error('full');
  }
}

async function load(what: string, parcel: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS)); // the workers sleep
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let first = 0; first < entries; first += parcel) {
    put(first, first + parcel);
    await new Promise(setImmediate);
  }
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  console.log(`${what} ${ms.toFixed(0)} ms, CPU ${((user + system) / 1000).toFixed(0)} ms`);
}

await load('warm-up', PARCEL); // compiled code, and every page of the table touched
await load('at once', entries);
await load('in parcels', PARCEL);
await datapath.close();
