/** The page at /metrics. */
import { setImmediate } from 'node:timers/promises';
import type { DaemonView } from '../../control/protocol.js';
import type { Registry } from '../commands/registry.js';
import { exposition } from './exposition.js';
import { FAMILIES } from './families.js';
import { look } from './snapshot.js';

/** Milliseconds after which upcalls and commands have their turn. */
const SLICE_MS = 2;
/** To look at the clock costs about as much as so many lines. */
const STEPS_BETWEEN_LOOKS = 8;

/** Runs a generator to its end, a slice at a time. */
async function inSlices<Step, Result>(work: Generator<Step, Result>, take: (step: Step) => void): Promise<Result> {
  let sliceEndsMs = performance.now() + SLICE_MS;
  for (let steps = 1; ; steps++) {
    const step = work.next();
    if (step.done) return step.value;
    take(step.value);
    if (steps % STEPS_BETWEEN_LOOKS !== 0 || performance.now() < sliceEndsMs) continue;
    await setImmediate();
    sliceEndsMs = performance.now() + SLICE_MS;
  }
}

export class MetricsPage {
  readonly #registry: Registry;
  readonly #daemon: () => DaemonView;
  #underWay: Promise<Uint8Array> | null = null;

  constructor(registry: Registry, daemon: () => DaemonView) {
    this.#registry = registry;
    this.#daemon = daemon;
  }

  /** UTF-8. Who asks while a page is made gets that one, so that many scrapers cost no more than one. */
  make(): Promise<Uint8Array> {
    this.#underWay ??= this.#make().finally(() => {
      this.#underWay = null;
    });
    return this.#underWay;
  }

  async #make(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const seen = await inSlices(look(this.#registry, this.#daemon()), () => {});
    await inSlices(exposition(FAMILIES, seen), (text) => parts.push(Buffer.from(text)));
    return Buffer.concat(parts);
  }
}
