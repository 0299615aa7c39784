/** Processor time, from /proc. */
import { readFileSync } from 'node:fs';

/** Ticks a second of /proc: 100 on every Linux that Node runs on (getconf CLK_TCK). */
const TICKS = 100;

/** Seconds so far; take the difference of two. */
export interface CpuTime {
  /** Every processor of this machine, when neither idle nor waiting: the tunnel, the traffic's programs, all else. */
  readonly machine: number;
  /** The processes that were asked about, user and system. */
  readonly processes: number;
}

export function cpuTime(pids: readonly number[]): CpuTime {
  return { machine: machineTime(), processes: pids.reduce((sum, pid) => sum + processTime(pid), 0) };
}

export function since(before: CpuTime, after: CpuTime): CpuTime {
  return { machine: after.machine - before.machine, processes: after.processes - before.processes };
}

/** user, nice, system, irq, softirq; not idle, iowait, nor what other virtual machines stole. */
function machineTime(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!;
  const [, user, nice, system, , , irq, softirq] = line.split(/\s+/).map(Number);
  return (user! + nice! + system! + irq! + softirq!) / TICKS;
}

function processTime(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' '); // the name before it may contain anything
  return (Number(fields[11]) + Number(fields[12])) / TICKS; // utime, stime: fields 14 and 15 of proc(5)
}
