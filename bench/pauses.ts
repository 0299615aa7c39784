/**
 * For how long does the control thread do nothing else when an overlay has a million MACs?
 *
 *   node dist/bench/pauses.js [ENTRIES [ENGINE]]
 *
 * Fills the FDB with ENTRIES entries (default 1000000) that a plugin has told of, then does what concerns them all.
 * ENGINE is mmsg or uring (the default where it is to be had).
 * Prints the longest time that the event loop was kept waiting by each, by the clock and in processor time.
 */
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { macFromNumber } from '../src/address.js';
import { Targets } from '../src/daemon/forwarding/targets.js';
import { EarlyPushes } from '../src/daemon/plugin/early-pushes.js';
import { Reconciler } from '../src/daemon/plugin/reconcile.js';
import { Datapath } from '../src/datapath/datapath.js';
import type { Engine } from '../src/datapath/loop.js';
import { DEFAULT_OUTER } from '../src/outer-header.js';
import { probeUring } from '../src/system/uring.js';

const FIRST_MAC = 0x020000000000;
const ENDPOINTS = 4000;
const PAGE = 1000;
const EVICTED = 5000;
const MOVES = 65_536;
const VNICS = 64;

const entries = Number(process.argv[2] ?? 1_000_000);
const engine = (process.argv[3] as Engine | undefined) ?? (probeUring().ok ? 'uring' : 'mmsg');
const macOf = (n: number): string => macFromNumber(FIRST_MAC + n);
const endpointOf = (n: number) => ({ ip: `10.0.${(n % ENDPOINTS) >> 8}.${n & 255}`, port: 4789 });
const silent = { info() {}, warn() {}, error: console.error };
const datapath = await Datapath.start({ fdbSize: entries, workers: 1, busyPollUs: 0, engine, log: silent });
const settings = { strictHeader: false, vlan: 'pass', point: null, lookup: true, flood: null, learn: false } as const;
const size = { mtu: 1450, acceptPartial: true, outer: DEFAULT_OUTER } as const;
const proxies = { proxyArp: true, proxyNdp: true, proxyDhcp: true } as const;
const offloads = { segment: true, coalesceTcp: true, coalesceUdp: true } as const;
const overlay = datapath.addOverlay({ vni: 1, socket: 0, ...size, ...settings, ...proxies, ...offloads });
const vnics = Array.from({ length: VNICS }, (_, n) =>
  datapath.addVnic({ overlay, fds: [], mac: macOf(-1 - n), allowAnyMac: false }),
);
const now = (): number => datapath.nowMs();
const none = { isOwn: () => false, anyMacVnic: () => null };
const targets = new Targets({ fdb: datapath, overlay, fdbSize: entries, nowMs: now(), ...none });

/** Of this thread: on a machine that does other things as well it says more than the clock. */
const cpuMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

async function measured(what: string, work: () => unknown): Promise<void> {
  await setImmediate();
  const started = now();
  let [last, longest, lastCpu, longestCpu, isOver] = [started, 0, cpuMs(), 0, false];
  const done = Promise.resolve(work()).then(() => {
    isOver = true;
  });
  while (!isOver) {
    await setImmediate();
    longest = Math.max(longest, now() - last);
    longestCpu = Math.max(longestCpu, cpuMs() - lastCpu);
    last = now();
    lastCpu = cpuMs();
  }
  await done;
  const columns = [longest, longestCpu, now() - started].map((ms) => ms.toFixed(1).padStart(9));
  console.log(what.padEnd(60) + columns.join(''));
}

for (let n = 0; n < entries - VNICS; n++) {
  if (!targets.put(macOf(n), endpointOf(n), now())) throw new Error('no room');
}
console.log(`${`${datapath.fdbCount} entries: ms`.padEnd(60)}  longest   as CPU   in all`);

await measured('a VNIC is removed', () => datapath.removeVnic(vnics.pop()!));

await measured(`targets are listed, ${PAGE} a page`, async () => {
  let [after, count]: [string | null, number] = [null, 0];
  do {
    const page = targets.page(after, PAGE);
    count += page.length;
    after = page.length < PAGE ? null : page.at(-1)!.mac;
    await setImmediate();
  } while (after !== null);
  if (count !== datapath.fdbCount) throw new Error(`${count} of ${datapath.fdbCount} targets listed`);
});

await measured(`${EVICTED} MACs are put into the full table, one a turn`, async () => {
  for (let n = 0; n < EVICTED; n++) {
    if (!targets.put(macOf(entries + n), endpointOf(n), now())) throw new Error('nothing was pushed out');
    await setImmediate();
  }
});

const early = new EarlyPushes(entries);
for (let n = 0; n < entries; n++) early.answered(macOf(n), { target: endpointOf(n % 2 === 0 ? n : n + 1) });
for (let n = 0; n < MOVES; n++) early.moved(`10.1.${n >> 8}.${n & 255}`, macOf(n));
const announcement = new Uint8Array(64);
await measured(`a plugin takes over: half of all replaced, ${MOVES} announcements`, () => {
  const unasked = new Promise<void>((resolve) => {
    const reconciler = new Reconciler(early, targets, {
      put: (mac, target, ttl) => void targets.put(mac, target, now(), ttl),
      withdraw: (mac) => void targets.remove(mac),
      moved: () => {
        for (const vnic of vnics) datapath.deliver(vnic, announcement);
      },
      saidAtMs: (mac) => targets.decision(mac)?.atMs ?? null,
      now,
      recheck: async () => resolve(), // of those that came last, which it has not been asked about
    });
    reconciler.begin(false);
  });
  return unasked;
});

await measured('the overlay is removed', () => datapath.removeOverlay(overlay));
if (datapath.fdbCount !== 0) throw new Error(`${datapath.fdbCount} entries are left`);
await datapath.close();
