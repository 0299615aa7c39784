/** Threads of this process as the kernel knows them, and how long each was on a processor. */
import { readFileSync, readlinkSync } from 'node:fs';

/** USER_HZ: the kernel tells programs of time in hundredths of a second, whatever it counts in. */
const TICKS_PER_SECOND = 100;

/** The number of the calling thread. */
export function threadNumber(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}

export interface ThreadTimes {
  /** Seconds in this program. */
  readonly user: number;
  /** Seconds in the kernel on its behalf. */
  readonly system: number;
}

/** Of a thread of this process; null: it has ended. */
export function threadTimes(thread: number): ThreadTimes | null {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    // The name in parentheses may have spaces and parentheses of its own; proc(5) counts from 1, and utime is the 14th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [fields[11], fields[12]].map((ticks) => Number(ticks) / TICKS_PER_SECOND);
    return { user: user!, system: system! };
  } catch {
    return null;
  }
}
