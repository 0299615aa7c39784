// Which worker this instance is, and what time it is: set at the start of every call into the module.

import { WORKERS_BASE, W_SIZE } from '../layout';
import { fdbAttach, fdbClock } from '../table/fdb';

let area: usize = 0;
let now: f64 = 0;
let pass: u32 = 0;

export function workerAttach(index: u32): void {
  area = <usize>WORKERS_BASE + <usize>index * W_SIZE;
  fdbAttach(index);
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

export function beginPass(nowMilliseconds: f64): void {
  now = nowMilliseconds;
  pass++;
  fdbClock(nowMilliseconds);
}
