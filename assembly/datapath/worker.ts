// Which worker this instance is, and what time it is: set at the start of every call into the module.

import { HDR_TRAP, WORKERS_BASE, W_CLOCK, W_SIZE } from '../layout';
import { fdbAttach, fdbClock } from '../table/fdb';

let area: usize = 0;
let now: f64 = 0;
let pass: u32 = 0;

export function workerAttach(index: u32): void {
  area = <usize>WORKERS_BASE + <usize>index * W_SIZE;
  fdbAttach();
}

@inline
export function w(): usize {
  return area;
}

// Milliseconds of the monotonic clock.
@inline
export function nowMs(): f64 {
  return now;
}

// A pass is one call into the module; whatever it queued is sent before the next one begins.
@inline
export function currentPass(): u32 {
  return pass;
}

// Time is an argument: whoever calls into the module has written it to W_CLOCK (seconds and nanoseconds, as the kernel
// does), where it needs no boxed number on its way.
export function beginPass(): void {
  assert(load<u32>(HDR_TRAP) == 0); // for tests of what happens then; the release build has no asserts
  now = <f64>load<i64>(area, W_CLOCK) * 1000 + <f64>load<i64>(area, W_CLOCK + 8) / 1000000;
  pass++;
  fdbClock(now);
}
