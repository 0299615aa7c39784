/** A scan of unknown MACs from a VNIC: what it costs is bounded, and others do not pay for it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UPCALLS_PER_SECOND_MAX } from '../../assembly/layout.js';
import { type Client, createClient } from '../../src/control/client.js';
import { allOf } from '../support/pages.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, type Lab, labTest, mac } from './support.js';

const SCAN = fileURLToPath(new URL('../../bench/e2e/scan-frames.js', import.meta.url));
const NEAR = '10.88.88.1';
const FAR = '10.88.88.2';
const FDB_SIZE = 2048;
/** MACs that the plugin knows, and that nobody sends to. */
const KNOWN = 600;
/** Of them asked about together: the daemon serves as many clients at once. */
const TOGETHER = 50;
const OVERLAY = 'ov0';
const REPORT = '02:00:00:00:00:ff';
/** More than a scan may add to the memory of the daemon, plugin and all; a frame held for each MAC would. */
const GROWTH_MAX_MIB = 64;

/** Knows some; is slow; and reports what it was asked so far when it is asked for REPORT. */
const PLUGIN = `
  const at = new Map();
  let [questions, inFlight, most, closestMs] = [0, 0, 0, Infinity];
  export default { name: 'slow', mode: 'dynamic', properties: [],
    create: (context) => ({ start() {}, stop() {},
      async lookup({ mac }) {
        if (mac === '${REPORT}') {
          context.log.info('report', { questions, most, closestMs });
          [questions, most, closestMs] = [0, 0, Infinity];
          at.clear();
          return null;
        }
        const now = performance.now();
        closestMs = Math.min(closestMs, now - (at.get(mac) ?? -Infinity));
        at.set(mac, now);
        questions++;
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inFlight--;
        return mac.startsWith('02:00') || mac === '${mac(2)}' ? { target: { ip: '${FAR}', port: 4789 } } : null;
      } }) };`;

interface Testbed {
  readonly near: Host;
  readonly far: Host;
  /** Where the scan comes from. */
  readonly scanner: Host;
  /** Another machine on the same overlay. */
  readonly other: Host;
  readonly client: Client;
}

async function build(lab: Lab): Promise<Testbed> {
  const near = await lab.addHost('near', { addresses: [`${NEAR}/24`] });
  const far = await lab.addHost('far', { addresses: [`${FAR}/24`] });
  const [scanner, other] = [await lab.addMachine('scanner'), await lab.addMachine('other')];
  await near.startDaemon('--workers', '1', '--fdb-size', String(FDB_SIZE));
  const client = createClient(near.socket);
  const search = join(lab.dir, 'slow.mjs');
  writeFileSync(search, PLUGIN);
  const properties = { 'vxlan/listen_ip': NEAR, 'lookup/negative_ttl': '60000' };
  await client.createOverlay({ name: OVERLAY, vni: 6, encap: 'vxlan', search, properties });
  const vnic = { overlay: OVERLAY, allowAnyMac: false };
  await client.createVnic({ ...vnic, name: 'scan0', mac: mac(3), netns: scanner.netns });
  await client.createVnic({ ...vnic, name: 'v0', mac: mac(1), netns: other.netns });
  const tunnel = ['id', '6', 'local', FAR, 'remote', NEAR, 'dstport', '4789'];
  await far.exec('ip', 'link', 'add', 'vx0', 'address', mac(2), 'type', 'vxlan', ...tunnel);
  await far.exec('ip', 'link', 'set', 'vx0', 'up');
  for (const [host, device, own, peer] of [
    [other, 'v0', 1, 2],
    [far, 'vx0', 2, 1],
  ] as const) {
    await host.exec('ip', 'addr', 'add', `10.6.0.${own}/24`, 'dev', device);
    await host.exec('ip', 'neigh', 'replace', `10.6.0.${peer}`, 'lladdr', mac(peer), 'dev', device, 'nud', 'permanent');
  }
  return { near, far, scanner, other, client };
}

interface Scan {
  readonly first: number;
  readonly macs: number;
  readonly frames: number;
  /** Frames a second. */
  readonly rate: number;
}

/** Answers for how many seconds it went on. */
async function scan({ scanner }: Testbed, { first, macs, frames, rate }: Scan): Promise<number> {
  const outcome = await scanner.try([process.execPath, SCAN, 'scan0', ...[first, macs, frames, rate].map(String)]);
  assert.equal(outcome.code, 0, outcome.stderr);
  const { sent, seconds } = JSON.parse(outcome.stdout) as { sent: number; seconds: number };
  assert.equal(sent, frames);
  return seconds;
}

interface Report {
  readonly questions: number;
  /** In flight at a time. */
  readonly most: number;
  /** The shortest time between two questions for one MAC; null: none was asked for twice. */
  readonly closestMs: number | null;
}

async function report({ near, client }: Testbed): Promise<Report> {
  const reports = () =>
    near
      .daemonLog()
      .split('\n')
      .filter((line) => line.includes('"msg":"report"'));
  const before = reports().length;
  await client.deleteTarget(OVERLAY, REPORT).catch(() => {}); // the last one is remembered
  await client.lookup(OVERLAY, REPORT);
  const line = await eventually('a report', async () => reports()[before] ?? null);
  return JSON.parse(line) as Report;
}

/** Frames that the scanner's VNIC took, that it dropped, and that the kernel did because its queue was full. */
async function framesOf({ client, scanner }: Testbed) {
  const { vnics } = await client.stats();
  const { tx, drops } = vnics.find(({ name }) => name === 'scan0')!;
  const [link] = await scanner.json<{ stats64: { tx: { dropped: number } } }[]>(
    'ip',
    '-j',
    '-s',
    'link',
    'show',
    'scan0',
  );
  return { taken: tx.frames, dropped: drops, queueFull: link!.stats64.tx.dropped };
}

function residentMiB({ near }: Testbed): number {
  const [, kiB] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${near.daemonPid}/status`, 'utf8'))!;
  return Number(kiB) / 1024;
}

/** Median of 200 pings, 5 ms apart, in milliseconds. That nothing is lost the steady flow shows. */
async function medianPing({ other }: Testbed): Promise<number> {
  const { stdout } = await other.try(['ping', '-n', '-c', '200', '-i', '0.005', '-W', '5', '10.6.0.2']);
  const times = [...stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
  return times[times.length >> 1] as number;
}

labTest('a scan of 100,000 MACs is bounded, and costs others nothing', async ({ lab, step, note }) => {
  const testbed = await build(lab);
  const { far, other, client } = testbed;
  const known = Array.from(
    { length: KNOWN },
    (_, n) => `02:00:00:01:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
  );
  // Not all at once: clients that find no place are turned away, and try again for as long as they have patience.
  for (let from = 0; from < KNOWN; from += TOGETHER) {
    await Promise.all(known.slice(from, from + TOGETHER).map((each) => client.lookup(OVERLAY, each)));
  }
  const flows = await SteadyFlows.start(other, far, [{ name: 'another VNIC', address: '10.6.0.2' }]);
  await report(testbed);
  const calmMs = await medianPing(testbed);
  const beforeMiB = residentMiB(testbed);

  await step('upcalls are, and every frame is accounted for', async () => {
    const startedMs = performance.now();
    const scanning = scan(testbed, { first: 0, macs: 100_000, frames: 100_000, rate: 40_000 });
    const busyMs = await medianPing(testbed);
    await scanning;
    const seconds = (performance.now() - startedMs) / 1000;
    await eventually('nothing is held', async () => (await client.stats()).totals.held === 0);
    const { questions, most, closestMs } = await report(testbed);
    note(`${questions} questions in ${seconds.toFixed(1)} s, ${most} in flight`);
    note(`median round trip of another VNIC: ${calmMs} ms before, ${busyMs} ms during`);
    assert.ok(
      questions > UPCALLS_PER_SECOND_MAX && questions <= UPCALLS_PER_SECOND_MAX * (1 + seconds),
      `${questions}`,
    );
    assert.ok(most <= 192, `${most} in flight`);
    assert.equal(closestMs, null, 'none twice');
    const { taken, dropped, queueFull } = await framesOf(testbed);
    note(`${taken} frames taken, ${queueFull} not for want of room in the queue of the VNIC`);
    assert.ok(taken + queueFull >= 100_000);
    assert.equal(dropped, taken, 'each has its reason');
  });

  await step('memory is, and the table keeps what it knows', async () => {
    const grownMiB = residentMiB(testbed) - beforeMiB;
    note(`the daemon grew by ${grownMiB.toFixed(1)} MiB`);
    assert.ok(grownMiB < GROWTH_MAX_MIB, `${grownMiB} MiB`);
    assert.equal((await client.daemon()).fdbEntries, FDB_SIZE);
    const targets = new Map(
      (await allOf(client.targetPages(OVERLAY))).map((target) => [target.mac, target.destination]),
    );
    const lost = known.filter((each) => targets.get(each) !== `${FAR}:4789`);
    assert.deepEqual(lost, [], 'pushed out by MACs that nobody has');
  });

  await step('that a MAC is unknown is remembered for lookup/negative_ttl', async () => {
    await client.modifyOverlay(OVERLAY, { properties: { 'lookup/negative_ttl': '1000' } });
    await client.flushTargets(OVERLAY);
    await scan(testbed, { first: 200_000, macs: 1000, frames: 30_000, rate: 10_000 });
    const { questions, closestMs } = await report(testbed);
    note(`30000 frames to 1000 MACs: ${questions} questions, no two for one MAC within ${closestMs} ms`);
    assert.ok(questions >= 1000 && closestMs !== null && closestMs >= 1000, `${questions}, ${closestMs} ms`);
  });

  await step('and no datagram of another VNIC was lost', async () => note(`${await flows.end()} datagrams`));
});
