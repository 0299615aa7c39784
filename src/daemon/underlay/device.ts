/**
 * The network interface that sockets are bound to, by its name (`vxlan/underlay_dev`). To the kernel the interface
 * counts: one that is renamed is still the one, and one that is made anew under the name is another, to which what is
 * bound to the first has no way. Then the sockets are to be opened anew.
 */
import { noUnderlayDevice, underlayDeviceRenamed } from '../../errors.js';
import type { Network } from './network.js';

/** An interface may have the name before it has its addresses. */
const RETRY_EVERY_MS = 1000;

export class UnderlayDevice {
  readonly #network: Network;
  readonly #name: string;
  #bound: number | null;
  #refusal: string | null = null;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  /** To be made just before the sockets are opened. */
  constructor(network: Network, name: string) {
    this.#network = network;
    this.#name = name;
    this.#bound = this.index;
  }

  /** Of the interface that has the name now; null: none has. */
  get index(): number | null {
    return this.#network.linkNamed(this.#name)?.ifindex ?? null;
  }

  /** The sockets are to be opened anew: then {@link opened} or {@link refused} tells what came of it. */
  isDue(nowMs: number): boolean {
    const { index } = this;
    return index !== null && index !== this.#bound && nowMs >= this.#retryAtMs;
  }

  /** `index`: as it was just before. */
  opened(index: number | null): void {
    this.#bound = index;
    this.#refusal = null;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
  }

  refused(reason: string, nowMs: number): void {
    this.#refusal = reason;
    this.#retryAtMs = nowMs + RETRY_EVERY_MS;
  }

  /** One line: why nothing passes, or will not after a restart. Null: all is well. */
  get problem(): string | null {
    const { index } = this;
    if (index === this.#bound) return null;
    if (index !== null) return this.#refusal;
    const renamed = this.#bound === null ? null : this.#network.link(this.#bound);
    const error = renamed === null ? noUnderlayDevice(this.#name) : underlayDeviceRenamed(this.#name, renamed.name);
    return error.message;
  }
}
