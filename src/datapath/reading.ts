/** What workers read: their queues of TAPs and their listening sockets, or none of them for the time being. */
import { UNDERLAY_TAP, W_SIZE, W_VNIC_FDS, WORKERS_BASE } from '../../assembly/layout.js';
import type { Views } from './memory.js';

/** Instead of a descriptor. */
export const NO_FD = -1;
/** In a worker's area, as all places here. */
export const UNDERLAY_TAP_FDS = W_VNIC_FDS + UNDERLAY_TAP * 4;

export class Reading {
  readonly #views: Views;
  readonly #workers: number;
  readonly #fds = new Map<number, readonly number[]>();
  #isOn: boolean;

  constructor(views: Views, workers: number, isOn: boolean) {
    this.#views = views;
    this.#workers = workers;
    this.#isOn = isOn;
  }

  /** One descriptor a worker; a worker beyond their number has none. */
  set(place: number, fds: readonly number[]): void {
    this.#fds.set(place, fds);
    for (let worker = 0; worker < this.#workers; worker++) {
      const fd = this.#isOn ? (fds[worker] ?? NO_FD) : NO_FD;
      Atomics.store(this.#views.i32, (WORKERS_BASE + worker * W_SIZE + place) >> 2, fd);
    }
  }

  start(): void {
    this.#isOn = true;
    for (const [place, fds] of this.#fds) this.set(place, fds);
  }

  /** No sockets and no VNICs any more. What is left in the underlay TAP is still read, and it is written. */
  stop(): void {
    this.#isOn = false;
    for (const [place, fds] of this.#fds) if (place !== UNDERLAY_TAP_FDS) this.set(place, fds);
  }
}
