/** Which processors a thread may run on (sched_setaffinity(2)). */
import { check } from './errno.js';
import { schedGetaffinity, schedSetaffinity } from './libc.js';

/** As many as the C library's `cpu_set_t` has bits. */
export const CPUS_MAX = 1024;
const MASK_SIZE = CPUS_MAX / 8;
/** To the kernel, the thread that calls. */
const THIS_THREAD = 0;

/** The numbers of the processors that the calling thread may run on, in ascending order. */
export function allowedCpus(): number[] {
  const mask = Buffer.alloc(MASK_SIZE);
  check('sched_getaffinity', schedGetaffinity(THIS_THREAD, MASK_SIZE, mask));
  return Array.from({ length: CPUS_MAX }, (_, cpu) => cpu).filter((cpu) => mask[cpu >> 3]! & (1 << (cpu & 7)));
}

/** Keeps the calling thread, and no other of the process, on one processor. Throws a SystemError when it may not be. */
export function pinThread(cpu: number): void {
  const mask = Buffer.alloc(MASK_SIZE);
  mask[cpu >> 3] = 1 << (cpu & 7);
  check(`sched_setaffinity to processor ${cpu}`, schedSetaffinity(THIS_THREAD, MASK_SIZE, mask));
}
