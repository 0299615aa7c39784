/**
 * How long does a scrape of /metrics take, and for how long does the control thread do nothing else meanwhile?
 *
 *   node dist/bench/metrics.js [OVERLAYS [SCRAPES]]
 *
 * A daemon with OVERLAYS overlays (default 1000), five reasons of drops each, and two workers makes the page SCRAPES
 * times (default 20). Prints the median and the worst time until it is there, the longest pause of the event loop by
 * the clock and in processor time, and the size of the page.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Daemon } from '../src/daemon/daemon.js';
import { createLog } from '../src/daemon/log.js';
import { State } from '../src/daemon/state/store.js';
import { Datapath } from '../src/datapath/datapath.js';
import type { DropReason } from '../src/datapath/types.js';
import { median } from './results.js';

const REASONS: readonly DropReason[] = ['no_such_mac', 'arp_unknown', 'host_chatter', 'hairpin', 'lookup_timeout'];
const PORT = 14789;
const TICK_MS = 100;

const overlays = Number(process.argv[2] ?? 1000);
const scrapes = Number(process.argv[3] ?? 20);

const directory = mkdtempSync(join(tmpdir(), 'vxlane-bench-metrics-'));
const log = createLog('error');
const state = await State.open(directory, log);
const datapath = await Datapath.start({ fdbSize: 65_536, workers: 2, busyPollUs: 0, engine: 'mmsg', log });
const daemon = new Daemon({ datapath, state, log });
const timer = setInterval(() => daemon.tick(), TICK_MS);
await daemon.restore();
const properties = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(PORT), 'direct/dest_ip': '127.0.0.9' };
for (let vni = 1; vni <= overlays; vni++) {
  const name = `overlay${vni}`;
  await daemon.createOverlay({ name, encap: 'vxlan', vni, search: 'direct', temporary: true, properties });
}
// Indexes of the datapath begin at 1.
const record = { kind: 'arp', overlay: 0, vnic: 0, sourceMac: '', vlan: 0, frame: new Uint8Array(0) } as const;
for (let index = 1; index <= overlays; index++) {
  for (const reason of REASONS) datapath.countDrop(index, reason, record);
}

/** Of this thread: on a machine that does other things as well it says more than the clock. */
const cpuMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

interface Scrape {
  readonly ms: number;
  readonly cpuMs: number;
  readonly pauseMs: number;
  readonly pauseCpuMs: number;
  readonly bytes: number;
}

async function measured(): Promise<Scrape> {
  const [started, startedCpu] = [performance.now(), cpuMs()];
  let [last, lastCpu, pauseMs, pauseCpuMs] = [started, startedCpu, 0, 0];
  let bytes: number | null = null;
  void daemon.probes.metrics().then(({ length }) => {
    bytes = length;
  });
  while (bytes === null) {
    await setImmediate();
    const [now, nowCpu] = [performance.now(), cpuMs()];
    pauseMs = Math.max(pauseMs, now - last);
    pauseCpuMs = Math.max(pauseCpuMs, nowCpu - lastCpu);
    [last, lastCpu] = [now, nowCpu];
  }
  return { ms: performance.now() - started, cpuMs: cpuMs() - startedCpu, pauseMs, pauseCpuMs, bytes };
}

const first = await measured();
const all: Scrape[] = [];
for (let n = 0; n < scrapes; n++) all.push(await measured());
const line = (what: string, of: readonly Scrape[]) => {
  const worst = (key: keyof Scrape) => Math.max(...of.map((each) => each[key])).toFixed(1);
  const middle = (key: keyof Scrape) => median(of.map((each) => each[key])).toFixed(1);
  const pause = `longest pause ${middle('pauseMs')} ms, CPU ${middle('pauseCpuMs')} (worst ${worst('pauseCpuMs')})`;
  console.log(`${what}: ${middle('ms')} ms (worst ${worst('ms')}), CPU ${middle('cpuMs')} ms; ${pause}`);
};
console.log(`${overlays} overlays, ${first.bytes} bytes a page; the load is ${readFileSync('/proc/loadavg', 'utf8')}`);
line('the first scrape', [first]);
line(`${scrapes} more`, all);
await daemon.stop();
clearInterval(timer);
rmSync(directory, { recursive: true });
process.exit(0);
