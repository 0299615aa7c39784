/** A list of processors as taskset(1) takes it: numbers and ranges with commas between. */
import { cpusBad } from '../errors.js';

/** No machine has more. */
const CPU_MAX = 1023;

/** `0,2-5` is 0, 2, 3, 4, 5, in the order as typed. Throws a usage error for anything else. */
export function parseCpus(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || to < from || to > CPU_MAX) throw cpusBad(text);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}
