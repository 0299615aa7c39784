/** What is watched while it runs. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Vtep } from './testbed.js';

export interface Sample {
  /** Resident memory of the daemon, MiB. */
  readonly rssMiB: number;
  readonly descriptors: number;
  /** `totals` of show-stats. */
  readonly totals: Readonly<Record<string, number>>;
  readonly workerRestarts: number;
}

export async function sample({ client, pid }: Vtep): Promise<Sample> {
  const rssKiB = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  const [{ totals }, { workerRestarts }] = [await client.stats(), await client.daemon()];
  return { rssMiB: Number(rssKiB) / 1024, descriptors, totals, workerRestarts };
}
