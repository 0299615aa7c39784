/** TCP streams and UDP floods by iperf3, from the left host to the right one, each bounded in time. */
import { readFileSync } from 'node:fs';
import { commandFailed } from '../../src/errors.js';
import { cpuTime, since } from './cpu.js';
import type { Testbed, Tunnel } from './tunnel.js';

const GRACE_MS = 20_000; // beyond the seconds a measurement is asked to take
const PORT = 5201;
const SAMPLE_MS = 50;

export interface TcpResult {
  /** Bits a second that the receiving program got. */
  readonly bitsPerSecond: number;
  /** Processor seconds per gigabyte (10^9 bytes): of the whole machine, and of the tunnel's processes. */
  readonly machineCpuPerGB: number;
  readonly daemonCpuPerGB: number;
}

interface Received {
  readonly end: { readonly sum_received: { readonly bits_per_second: number; readonly bytes: number } };
}

/** TCP for `seconds` over so many streams. */
export async function tcp(testbed: Testbed, tunnel: Tunnel, streams: number, seconds: number): Promise<TcpResult> {
  const before = cpuTime(tunnel.daemons);
  const { end } = await iperf(testbed, tunnel, seconds, ['-P', String(streams)], () => {});
  const spent = since(before, cpuTime(tunnel.daemons));
  const gigabytes = end.sum_received.bytes / 1e9;
  return {
    bitsPerSecond: end.sum_received.bits_per_second,
    machineCpuPerGB: spent.machine / gigabytes,
    daemonCpuPerGB: spent.processes / gigabytes,
  };
}

/**
 * Frames a second that arrive at the right host from one sender as fast as it can: those that the program got, and
 * those that its socket had no room for, which have come through the tunnel all the same. An interface's counter would
 * not do: a super-frame counts there once.
 */
export async function udpFlood(testbed: Testbed, tunnel: Tunnel, payload: number, seconds: number): Promise<number> {
  let dropped = 0;
  const sample = (serverPid: number) => {
    dropped = Math.max(dropped, socketDrops(serverPid));
  };
  const { end } = await iperf(testbed, tunnel, seconds, ['-u', '-b', '0', '-l', String(payload)], sample);
  return (end.sum_received.bytes / payload + dropped) / seconds;
}

/** Datagrams that the sockets of iperf3's server had no room for: the last column of /proc/net/udp. */
function socketDrops(serverPid: number): number {
  return udpSockets(serverPid)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local]) => Number.parseInt(local!.split(':')[1]!, 16) === PORT)
    .reduce((sum, fields) => sum + Number(fields.at(-1)), 0);
}

function udpSockets(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/net/udp`, 'utf8').trimEnd().split('\n').slice(1);
  } catch {
    return []; // it has ended since
  }
}

/** One iperf3 test against a server that serves one; `sample` is called now and then while it runs. */
async function iperf(
  testbed: Testbed,
  tunnel: Tunnel,
  seconds: number,
  flags: readonly string[],
  sample: (serverPid: number) => void,
): Promise<Received> {
  const timeoutMs = seconds * 1000 + GRACE_MS;
  const server = testbed.right.spawn(['iperf3', '-4', '-s', '-1', '--forceflush'], { timeoutMs });
  const timer = setInterval(() => {
    if (!server.ended) sample(server.pid);
  }, SAMPLE_MS);
  try {
    await server.printed(/listening/i);
    const argv = ['iperf3', '-c', tunnel.right, '-t', String(seconds), '-J', '--connect-timeout', '5000', ...flags];
    const outcome = await testbed.left.try(argv, { timeoutMs });
    if (outcome.code !== 0) throw commandFailed(argv, 'failed', outcome.stdout + outcome.stderr);
    return JSON.parse(outcome.stdout) as Received;
  } finally {
    clearInterval(timer);
    await server.stop();
  }
}
