/** A round measures everything once over one tunnel; the tunnels take turns, and a metric is a number of a round. */
import { median } from '../results.js';
import { roundTrips, type TcpResult, tcp, udpFlood } from './traffic.js';
import type { Ground, Tunnel } from './tunnels.js';

export const SMALL_PAYLOAD = 64; // bytes of UDP payload: frames of 106 bytes
export const LARGE_PAYLOAD = 1372; // frames of 1414 bytes

export interface Round {
  readonly tunnel: Tunnel['name'];
  readonly tcp1: TcpResult;
  readonly tcp4: TcpResult;
  /** Frames a second. */
  readonly udpSmall: number;
  readonly udpLarge: number;
  /** Median round trip, microseconds. */
  readonly ping: number;
  /** Pings without an answer, of 500. */
  readonly pingsLost: number;
}

export async function playRound(ground: Ground, tunnel: Tunnel, seconds: number): Promise<Round> {
  const times = await roundTrips(ground, tunnel);
  return {
    tunnel: tunnel.name,
    ping: median(times),
    pingsLost: 500 - times.length,
    tcp1: await tcp(ground, tunnel, 1, seconds),
    tcp4: await tcp(ground, tunnel, 4, seconds),
    udpSmall: await udpFlood(ground, tunnel, SMALL_PAYLOAD, seconds),
    udpLarge: await udpFlood(ground, tunnel, LARGE_PAYLOAD, seconds),
  };
}

export interface Metric {
  readonly name: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isRate: boolean;
  /** False where the kernel has nothing to compare with. */
  readonly isComparable?: false;
  of(round: Round): number;
}

export const METRICS: readonly Metric[] = [
  { name: 'TCP, 1 stream', unit: 'Gbit/s', isRate: true, of: ({ tcp1 }) => tcp1.bitsPerSecond / 1e9 },
  { name: 'TCP, 4 streams', unit: 'Gbit/s', isRate: true, of: ({ tcp4 }) => tcp4.bitsPerSecond / 1e9 },
  { name: `UDP flood, ${SMALL_PAYLOAD} bytes`, unit: 'k frames/s', isRate: true, of: ({ udpSmall }) => udpSmall / 1e3 },
  { name: `UDP flood, ${LARGE_PAYLOAD} bytes`, unit: 'k frames/s', isRate: true, of: ({ udpLarge }) => udpLarge / 1e3 },
  { name: 'ping, median round trip', unit: 'µs', isRate: false, of: ({ ping }) => ping },
  { name: 'CPU of the machine, TCP 1 stream', unit: 's/GB', isRate: false, of: ({ tcp1 }) => tcp1.machineCpuPerGB },
  { name: 'CPU of the machine, TCP 4 streams', unit: 's/GB', isRate: false, of: ({ tcp4 }) => tcp4.machineCpuPerGB },
  {
    name: 'CPU of both daemons, TCP 1 stream',
    unit: 's/GB',
    isRate: false,
    isComparable: false,
    of: ({ tcp1 }) => tcp1.daemonCpuPerGB,
  },
];

export interface Summary {
  readonly metric: string;
  readonly unit: string;
  readonly isRate: boolean;
  readonly kernel: number;
  readonly vxlane: number;
  /** vxlane / kernel; null where the kernel has nothing to compare with. */
  readonly ratio: number | null;
  /** The lowest and the highest ratio of one round to the one beside it. */
  readonly ratios: readonly [lowest: number, highest: number] | null;
}

/** Medians over the rounds of each tunnel, and ratios. Rounds come in pairs: kernel, vxlane. */
export function summarise(rounds: readonly Round[]): Summary[] {
  return METRICS.map((metric) => {
    const kernel = rounds.filter((round) => round.tunnel === 'kernel').map((round) => metric.of(round));
    const vxlane = rounds.filter((round) => round.tunnel === 'vxlane').map((round) => metric.of(round));
    const middle = { kernel: median(kernel), vxlane: median(vxlane) };
    const pairs = vxlane.map((value, index) => value / kernel[index]!);
    const isComparable = metric.isComparable ?? true;
    return {
      metric: metric.name,
      unit: metric.unit,
      isRate: metric.isRate,
      ...middle,
      ratio: isComparable ? middle.vxlane / middle.kernel : null,
      ratios: isComparable ? [Math.min(...pairs), Math.max(...pairs)] : null,
    };
  });
}
