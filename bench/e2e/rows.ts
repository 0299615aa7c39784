/** What is measured: a row is a measurement that can be asked for by name, and gives one metric or several. */
import { tcp, udpFlood } from './iperf.js';
import { longStream } from './long-stream.js';
import { roundTrip } from './ping.js';
import { TUNNEL_SEGMENTATION, UDP_SEGMENTATION, withoutFeatures } from './segmentation.js';
import type { Contender, Testbed } from './tunnel.js';
import { highestRate, steadyRate } from './udp-rate.js';

/** Bytes of UDP payload: frames of 106 and 1414 bytes. */
const SMALL = 64;
const LARGE = 1372;
/** Frames a second that every contender carries without effort. */
const STEADY_RATE = 20_000;
const TRIAL_SHARE = 1 / 8; // of --seconds, for one trial of the search for the highest rate

export interface Metric {
  readonly name: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isRate: boolean;
  /** Only contenders that are processes have it. */
  readonly ofDaemons?: true;
}

export interface Row {
  readonly key: string;
  readonly metrics: readonly Metric[];
  /** Measured only when it is asked for by name. */
  readonly isExtra?: true;
  /** As many values as metrics. */
  measure(testbed: Testbed, contender: Contender, seconds: number): Promise<number[]>;
}

export const ROWS: readonly Row[] = [
  tcpRow('tcp1', 1, '1 stream'),
  tcpRow('tcp4', 4, '4 streams'),
  softwareTcpRow('tcp1-soft', '1 stream, no segmentation in tunnels', TUNNEL_SEGMENTATION),
  { ...softwareTcpRow('tcp1-none', '1 stream, no segmentation of UDP', UDP_SEGMENTATION), isExtra: true },
  {
    key: 'udp64',
    metrics: [{ name: 'UDP 64 bytes, highest rate at ≤ 0.1 % loss', unit: 'k frames/s', isRate: true }],
    async measure(testbed, contender, seconds) {
      return [(await highestRate(testbed, contender, SMALL, seconds * TRIAL_SHARE)) / 1e3];
    },
  },
  floodRow('flood64', SMALL),
  floodRow('flood1372', LARGE),
  {
    key: 'cost64',
    metrics: [
      { name: `CPU of the machine, UDP 64 bytes at ${STEADY_RATE / 1e3} k/s`, unit: 'µs/frame', isRate: false },
      { name: 'CPU of both daemons, the same', unit: 'µs/frame', isRate: false, ofDaemons: true },
    ],
    async measure(testbed, contender, seconds) {
      const { received, cpu } = await steadyRate(testbed, contender, SMALL, STEADY_RATE, seconds / 2);
      return [(cpu.machine / received) * 1e6, (cpu.processes / received) * 1e6];
    },
  },
  {
    key: 'ping',
    metrics: [{ name: 'ping, median round trip', unit: 'µs', isRate: false }],
    measure: async (testbed, contender) => [await roundTrip(testbed, contender, 2)],
  },
  {
    key: 'ping-busy',
    metrics: [{ name: 'ping every 0.5 ms, vxlane with --busy-poll 1000', unit: 'µs', isRate: false }],
    measure: async (testbed, contender) => [await roundTrip(testbed, contender.busy ?? contender, 0.5)],
  },
  {
    key: 'long',
    metrics: [
      { name: 'TCP, 1 stream of 10 GB', unit: 'Gbit/s', isRate: true },
      { name: 'CPU of both daemons, last fifth / second', unit: '', isRate: false, ofDaemons: true },
      { name: 'memory of both daemons, last fifth - second', unit: 'MiB', isRate: false, ofDaemons: true },
    ],
    isExtra: true,
    measure: longStream,
  },
];

function tcpRow(key: string, streams: number, name: string): Row {
  return {
    key,
    metrics: [
      { name: `TCP, ${name}`, unit: 'Gbit/s', isRate: true },
      { name: `CPU of the machine, TCP ${name}`, unit: 's/GB', isRate: false },
      { name: `CPU of both daemons, TCP ${name}`, unit: 's/GB', isRate: false, ofDaemons: true },
    ],
    async measure(testbed, contender, seconds) {
      const result = await tcp(testbed, contender, streams, seconds);
      return [result.bitsPerSecond / 1e9, result.machineCpuPerGB, result.daemonCpuPerGB];
    },
  };
}

function softwareTcpRow(key: string, name: string, lacks: readonly string[]): Row {
  const { metrics, measure } = tcpRow(key, 1, name);
  return {
    key,
    metrics,
    measure: (testbed, contender, seconds) =>
      withoutFeatures(testbed, lacks, () => measure(testbed, contender, seconds)),
  };
}

function floodRow(key: string, payload: number): Row {
  const name = `UDP flood, ${payload} bytes`;
  return {
    key,
    metrics: [
      { name: `${name}, frames received`, unit: 'k frames/s', isRate: true },
      { name: `${name}, lost`, unit: '%', isRate: false },
      { name: `CPU of the machine, ${name}`, unit: 'µs/frame', isRate: false },
      { name: `CPU of both daemons, ${name}`, unit: 'µs/frame', isRate: false, ofDaemons: true },
    ],
    async measure(testbed, contender, seconds) {
      const result = await udpFlood(testbed, contender, payload, seconds);
      const costs = [result.machineCpuPerFrame, result.daemonCpuPerFrame].map((cost) => cost * 1e6);
      return [result.framesPerSecond / 1e3, result.lost * 100, ...costs];
    },
  };
}
