/** TCP streams and UDP floods by iperf3, from the left host to the right one, each bounded in time. */
import { readFileSync } from 'node:fs';
import { commandFailed } from '../../src/errors.js';
import { cpuTime, since } from './cpu.js';
import type { Testbed, Tunnel } from './tunnel.js';

const GRACE_MS = 20_000; // beyond the seconds a measurement is asked to take
const PORT = 5201;
const SAMPLE_MS = 50;
const LEAST_BYTES_A_SECOND = 50e6; // of a stream that is given a size: what is slower is given up

export interface TcpResult {
  /** Bits a second that the receiving program got. */
  readonly bitsPerSecond: number;
  /** Processor seconds per gigabyte (10^9 bytes): of the whole machine, and of the tunnel's processes. */
  readonly machineCpuPerGB: number;
  readonly daemonCpuPerGB: number;
}

export interface FloodResult {
  /** Frames that arrived at the right host. */
  readonly framesPerSecond: number;
  /** Of those that were sent, the share that did not. */
  readonly lost: number;
  /** Processor seconds per frame that arrived: of the whole machine, and of the tunnel's processes. */
  readonly machineCpuPerFrame: number;
  readonly daemonCpuPerFrame: number;
}

interface Received {
  readonly end: {
    readonly sum_sent: { readonly bytes: number };
    readonly sum_received: { readonly bits_per_second: number; readonly bytes: number };
  };
}

/** TCP for `seconds` over so many streams. */
export async function tcp(testbed: Testbed, tunnel: Tunnel, streams: number, seconds: number): Promise<TcpResult> {
  const before = cpuTime(tunnel.daemons);
  const { end } = await iperf(testbed, tunnel, { seconds }, ['-t', String(seconds), '-P', String(streams)], () => {});
  const spent = since(before, cpuTime(tunnel.daemons));
  const gigabytes = end.sum_received.bytes / 1e9;
  return {
    bitsPerSecond: end.sum_received.bits_per_second,
    machineCpuPerGB: spent.machine / gigabytes,
    daemonCpuPerGB: spent.processes / gigabytes,
  };
}

/** One TCP stream of so many bytes; `sample` is called every `sampleMs`. Answers bits a second. */
export async function tcpBytes(
  testbed: Testbed,
  tunnel: Tunnel,
  bytes: number,
  sampleMs: number,
  sample: () => void,
): Promise<number> {
  const options = { seconds: bytes / LEAST_BYTES_A_SECOND, sampleMs };
  const { end } = await iperf(testbed, tunnel, options, ['-n', String(bytes)], sample);
  return end.sum_received.bits_per_second;
}

/**
 * One sender as fast as it can. What arrives at the right host is what the program got, and what its socket had no room
 * for, which has come through the tunnel all the same. An interface's counter would not do: a super-frame counts there
 * once.
 */
export async function udpFlood(
  testbed: Testbed,
  tunnel: Tunnel,
  payload: number,
  seconds: number,
): Promise<FloodResult> {
  let dropped = 0;
  const sample = (serverPid: number) => {
    dropped = Math.max(dropped, socketDrops(serverPid));
  };
  const flags = ['-t', String(seconds), '-u', '-b', '0', '-l', String(payload)];
  const before = cpuTime(tunnel.daemons);
  const { end } = await iperf(testbed, tunnel, { seconds }, flags, sample);
  const spent = since(before, cpuTime(tunnel.daemons));
  const frames = end.sum_received.bytes / payload + dropped;
  return {
    framesPerSecond: frames / seconds,
    lost: Math.max(0, 1 - frames / (end.sum_sent.bytes / payload)),
    machineCpuPerFrame: spent.machine / frames,
    daemonCpuPerFrame: spent.processes / frames,
  };
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

/**
 * One iperf3 test against a server that serves one, given up some time after `seconds`; `sample` is called now and then
 * while it runs.
 */
async function iperf(
  testbed: Testbed,
  tunnel: Tunnel,
  { seconds, sampleMs = SAMPLE_MS }: { seconds: number; sampleMs?: number },
  flags: readonly string[],
  sample: (serverPid: number) => void,
): Promise<Received> {
  const timeoutMs = seconds * 1000 + GRACE_MS;
  const server = testbed.right.spawn(['iperf3', '-4', '-s', '-1', '--forceflush'], { timeoutMs });
  const timer = setInterval(() => {
    if (!server.ended) sample(server.pid);
  }, sampleMs);
  try {
    await server.printed(/listening/i);
    const argv = ['iperf3', '-c', tunnel.right, '-J', '--connect-timeout', '5000', ...flags];
    const outcome = await testbed.left.try(argv, { timeoutMs });
    if (outcome.code !== 0) throw commandFailed(argv, 'failed', outcome.stdout + outcome.stderr);
    return JSON.parse(outcome.stdout) as Received;
  } finally {
    clearInterval(timer);
    await server.stop();
  }
}
