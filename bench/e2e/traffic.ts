/** The traffic: iperf3 and ping from the left host to the right one, each bounded in time. */
import { commandFailed } from '../../src/errors.js';
import { cpuTime } from './cpu.js';
import type { Ground, Tunnel } from './tunnels.js';

const GRACE_MS = 20_000; // beyond the seconds a measurement is asked to take
const PINGS = 500;
const PING_INTERVAL_S = 0.002;

export interface TcpResult {
  /** Bits a second that the receiving program got. */
  readonly bitsPerSecond: number;
  readonly retransmits: number;
  /** Processor seconds per gigabyte (10^9 bytes): of the whole machine, and of both daemons. */
  readonly machineCpuPerGB: number;
  readonly daemonCpuPerGB: number;
}

interface IperfTcp {
  readonly end: {
    readonly sum_sent: { readonly retransmits: number };
    readonly sum_received: { readonly bits_per_second: number; readonly bytes: number };
  };
}

/** TCP for `seconds` over so many streams. */
export async function tcp(ground: Ground, tunnel: Tunnel, streams: number, seconds: number): Promise<TcpResult> {
  const daemons = [ground.left.daemonPid!, ground.right.daemonPid!];
  const before = cpuTime(daemons);
  const { end } = await iperf<IperfTcp>(ground, tunnel, seconds, ['-P', String(streams)]);
  const after = cpuTime(daemons);
  const gigabytes = end.sum_received.bytes / 1e9;
  return {
    bitsPerSecond: end.sum_received.bits_per_second,
    retransmits: end.sum_sent.retransmits,
    machineCpuPerGB: (after.machine - before.machine) / gigabytes,
    daemonCpuPerGB: (after.processes - before.processes) / gigabytes,
  };
}

/** Frames a second that arrive at the right host's inner interface, from one sender as fast as it can. */
export async function udpFlood(ground: Ground, tunnel: Tunnel, payload: number, seconds: number): Promise<number> {
  const before = await receivedFrames(ground, tunnel);
  await iperf(ground, tunnel, seconds, ['-u', '-b', '0', '-l', String(payload)]);
  return ((await receivedFrames(ground, tunnel)) - before) / seconds;
}

async function receivedFrames(ground: Ground, tunnel: Tunnel): Promise<number> {
  return Number(await ground.right.exec('cat', `/sys/class/net/${tunnel.device}/statistics/rx_packets`));
}

/** One iperf3 test against a server that serves one. */
async function iperf<T>(ground: Ground, tunnel: Tunnel, seconds: number, flags: readonly string[]): Promise<T> {
  const timeoutMs = seconds * 1000 + GRACE_MS;
  const server = ground.right.spawn(['iperf3', '-s', '-1', '--forceflush'], { timeoutMs });
  try {
    await server.printed(/listening/i);
    const argv = ['iperf3', '-c', tunnel.right, '-t', String(seconds), '-J', '--connect-timeout', '5000', ...flags];
    const outcome = await ground.left.try(argv, { timeoutMs });
    if (outcome.code !== 0) {
      throw commandFailed(argv, `failed over ${tunnel.name}`, outcome.stdout + outcome.stderr);
    }
    return JSON.parse(outcome.stdout) as T;
  } finally {
    await server.stop();
  }
}

/** Round-trip times of 500 pings, 2 ms apart, in microseconds, in the order they came. */
export async function roundTrips(ground: Ground, tunnel: Tunnel): Promise<number[]> {
  const argv = ['ping', '-n', '-c', String(PINGS), '-i', String(PING_INTERVAL_S), tunnel.right];
  const outcome = await ground.left.try(argv, { timeoutMs: PINGS * PING_INTERVAL_S * 1000 + GRACE_MS });
  const times = [...outcome.stdout.matchAll(/ time=([\d.]+) ms/g)].map((match) => Number(match[1]) * 1000);
  if (times.length === 0) throw commandFailed(argv, `no answer over ${tunnel.name}`, outcome.stdout + outcome.stderr);
  return times;
}
