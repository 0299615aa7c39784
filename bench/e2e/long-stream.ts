/** One long TCP stream: whether what it costs, and what the daemons weigh, stays what it was at its start. */
import { readFileSync } from 'node:fs';
import { median } from '../results.js';
import { cpuTime, since } from './cpu.js';
import { tcpBytes } from './iperf.js';
import type { Testbed, Tunnel } from './tunnel.js';

const STREAM_BYTES = 10e9;
const SAMPLE_MS = 250;

/** Processor seconds of the tunnel's processes since the sample before it, and what they weigh. */
interface Sample {
  readonly cpu: number;
  readonly rssMiB: number;
}

/**
 * Bits a second of a stream of 10 GB, the daemons' processor time of the last fifth of it over that of the second (the
 * first one warms up), and by how many MiB both have grown between the two.
 */
export async function longStream(testbed: Testbed, tunnel: Tunnel): Promise<number[]> {
  const samples: Sample[] = [];
  let before = cpuTime(tunnel.daemons);
  const bitsPerSecond = await tcpBytes(testbed, tunnel, STREAM_BYTES, SAMPLE_MS, () => {
    const now = cpuTime(tunnel.daemons);
    samples.push({ cpu: since(before, now).processes, rssMiB: weight(tunnel.daemons) });
    before = now;
  });
  const fifth = (which: number) => samples.slice((samples.length * which) / 5, (samples.length * (which + 1)) / 5);
  const [early, late] = [fifth(1), fifth(4)];
  const cpu = (part: Sample[]) => median(part.map((sample) => sample.cpu));
  const rss = (part: Sample[]) => median(part.map((sample) => sample.rssMiB));
  return [bitsPerSecond / 1e9, cpu(late) / cpu(early), rss(late) - rss(early)];
}

/** Resident memory, MiB. */
function weight(pids: readonly number[]): number {
  const kib = pids.map((pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]));
  return kib.reduce((sum, each) => sum + each, 0) / 1024;
}
