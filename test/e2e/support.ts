/** What every end-to-end test uses: a laboratory that always goes away, and waiting for what takes its time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/control/client.js';
import type { StatsView } from '../../src/control/protocol.js';
import type { Host } from '../../src/demo/host.js';
import { Lab } from '../../src/demo/lab.js';
import { ENGINE, isRepeated } from '../support/engine.js';
import { needsRoot } from '../support/root.js';
import { runVxlane } from '../support/vxlane.js';

export type { Host } from '../../src/demo/host.js';
export { Lab } from '../../src/demo/lab.js';

const SHOWN = 'shown with the other engine';

/** What the body of a {@link labTest} gets. */
export interface LabTest {
  readonly lab: Lab;
  /** A named part of the test, reported on its own. The test goes on after a part that failed. */
  step(name: string, body: () => Promise<void>): Promise<void>;
  /** A line for the report: a measured value, not a judgement. */
  note(line: string): void;
}

/** A test with a laboratory of its own. Without what it needs it is skipped by name, and under CI it fails. */
export function labTest(name: string, body: (context: LabTest) => Promise<void>, mtu = 1500): void {
  test(name, { skip: needsRoot(), timeout: 240_000 }, async (t) => {
    const lab = await Lab.create({ mtu, daemonOptions: ['--engine', ENGINE], runVxlane });
    t.after(() => lab.close());
    const showingLogs = async (part: () => Promise<void>): Promise<void> => {
      try {
        await part();
      } catch (error) {
        t.diagnostic(lab.logs());
        throw error;
      }
    };
    const step = (what: string, part: () => Promise<void>) => t.test(what, () => showingLogs(part));
    await showingLogs(() => body({ lab, step, note: (line) => t.diagnostic(line) }));
  });
}

/** Of a file that runs with each engine: a test of what the engines know nothing of. */
export const labTestOnce: typeof labTest = isRepeated ? (name) => void test(name, { skip: SHOWN }, () => {}) : labTest;

/** Asks again until `look` answers something; fails with the last complaint when the time is over. */
export async function eventually<T>(what: string, look: () => Promise<T | null | false>, timeoutMs = 30_000) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== false) return seen;
    if (performance.now() > deadline) assert.fail(`not within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}

/** `de:ad:be:ef:00:nn`. */
export function mac(last: number): string {
  return `de:ad:be:ef:00:${last.toString(16).padStart(2, '0')}`;
}

/** What iproute2 says of one address of an interface. */
export interface AddressInfo {
  local: string;
  prefixlen: number;
  tentative?: boolean;
  dadfailed?: boolean;
}

/** Addresses of an interface, as `ip -j addr` tells them. */
export async function addressesOf(host: Host, device: string): Promise<AddressInfo[]> {
  const links = await host.json<{ addr_info: AddressInfo[] }[]>('ip', '-j', 'addr', 'show', 'dev', device);
  return links[0]?.addr_info ?? [];
}

/** The MAC that the kernel's neighbour table has for an address, or null. */
export async function neighbourOf(host: Host, device: string, address: string): Promise<string | null> {
  const argv = ['ip', '-j', 'neigh', 'show', 'dev', device, 'to', address];
  const found = await host.json<{ lladdr?: string }[]>(...argv);
  return found[0]?.lladdr ?? null;
}

/** Adds an IPv6 link-local address alone: without the generated one, it is the source of whatever leaves. */
export async function setLinkLocal(host: Host, device: string, address: string): Promise<void> {
  await host.exec('ip', '-6', 'addr', 'flush', 'dev', device, 'scope', 'link');
  await host.exec('ip', '-6', 'addr', 'add', `${address}/64`, 'dev', device);
}

/** Waits until duplicate address detection has passed for every address of the interface. */
export async function untilUsable(host: Host, device: string): Promise<void> {
  await eventually(`${host.name}: addresses of ${device} pass duplicate address detection`, async () => {
    const all = await addressesOf(host, device);
    const failed = all.find((address) => address.dadfailed);
    assert.equal(failed, undefined, `${host.name}: ${failed?.local} is a duplicate`);
    return all.every((address) => !address.tentative);
  });
}

/**
 * Sends echo requests, each after the answer to the one before; every one must be answered. `extra`: more options of
 * ping. One at a time, because after the first answer ping gives the others no more than two round trips.
 */
export async function pingAll(host: Host, target: string, ...extra: string[]): Promise<void> {
  for (let sent = 0; sent < 3; sent++) {
    const outcome = await host.try(['ping', '-n', '-c', '1', '-W', '5', ...extra, target]);
    const said = outcome.stdout + outcome.stderr;
    assert.equal(outcome.code, 0, `${host.name}: ping ${target}: ${said}`);
    assert.match(outcome.stdout, / 0% packet loss/, `${host.name}: ping ${target}: ${said}`);
  }
}

/** Nobody may answer. */
export async function pingNone(host: Host, target: string, ...extra: string[]): Promise<void> {
  const outcome = await host.try(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', ...extra, target]);
  assert.equal(outcome.code, 1, `${host.name}: ping ${target} was answered: ${outcome.stdout}${outcome.stderr}`);
}

/** The part of `iperf3 -J` that the tests read. */
export interface IperfReport {
  error?: string;
  end: {
    sum_received: { bytes: number; bits_per_second: number };
    sum_sent: { bytes: number; retransmits?: number };
    sum?: { lost_percent: number; packets: number };
  };
}

/**
 * One iperf3 run of 1 s from `client` to a server on `server`; `extra` are long options of the client (`--reverse`).
 */
export async function iperf(client: Host, server: Host, address: string, ...extra: string[]): Promise<IperfReport> {
  const listener = server.spawn(['iperf3', '--server', '--one-off', '--forceflush'], { timeoutMs: 60_000 });
  await listener.printed(/Server listening/);
  const until = extra.includes('--bytes') ? [] : ['--time', '1'];
  const argv = ['iperf3', '--client', address, '--json', '--connect-timeout', '5000', ...until, ...extra];
  const outcome = await client.try(argv, { timeoutMs: 40_000 });
  const report = JSON.parse(outcome.stdout) as IperfReport;
  assert.equal(report.error, undefined, `${argv.join(' ')}: ${report.error}`);
  assert.equal(outcome.code, 0, outcome.stderr);
  await listener.stop();
  return report;
}

/** `123 Mbit/s`. */
export function rate(report: IperfReport): string {
  return `${Math.round(report.end.sum_received.bits_per_second / 1e6)} Mbit/s`;
}

/** What `vxlane show-stats --json` prints, without the price of a process. */
export function readStats(host: Host): Promise<StatsView> {
  return createClient(host.socket).stats();
}

/** A drop counter of the daemon, 0 when it never dropped for that reason. */
export async function drops(host: Host, reason: string): Promise<number> {
  const stats = await readStats(host);
  return stats.drops.find((drop) => drop.reason === reason)?.frames ?? 0;
}
