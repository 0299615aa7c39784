/**
 * What the host was told of MACs, and so what it must be told when they change: a changed target is `put`, a gone one
 * withdrawn. A MAC asked in vain that appears is withdrawn too, so that the host forgets its negative answer.
 */
import { macToNumber } from '../../../address.js';
import type { PluginContext } from '../../api.js';
import type { FilesChanges } from './diff.js';
import type { MacKey } from './keys.js';

/** MACs asked for in vain that are remembered; the host forgets a negative answer within a second anyway. */
const IN_VAIN_MAX = 65_536;

export class Told {
  readonly #context: PluginContext;
  /** MACs the host may have an entry for. */
  readonly #known = new Set<MacKey>();
  /** MACs the host may remember as unknown, oldest first. */
  readonly #inVain = new Set<MacKey>();

  constructor(context: PluginContext) {
    this.#context = context;
  }

  /** The host gets a target for this MAC. */
  found(mac: MacKey): void {
    this.#known.add(mac);
  }

  /** The host knows by itself where this MAC is: what it was told is of no interest to it. */
  left(mac: MacKey): void {
    this.#known.delete(mac);
    this.#inVain.delete(mac);
  }

  /** The host is told that there is no such MAC. */
  missed(mac: MacKey): void {
    this.#inVain.delete(mac);
    this.#inVain.add(mac);
    if (this.#inVain.size <= IN_VAIN_MAX) return;
    const [oldest] = this.#inVain;
    this.#inVain.delete(oldest as MacKey);
  }

  /**
   * Addresses with a new owner are all announced: interfaces outlive the daemon, and with them neighbour caches that
   * this instance has never seen.
   */
  push({ added, changed, gone, moved }: FilesChanges): void {
    for (const { mac } of added) if (this.#inVain.delete(macToNumber(mac))) this.#context.withdraw(mac);
    for (const { mac, target } of changed) if (this.#known.has(macToNumber(mac))) this.#context.put(mac, target);
    for (const mac of gone) if (this.#known.delete(macToNumber(mac))) this.#context.withdraw(mac);
    for (const { ip, mac } of moved) this.#context.moved(ip, mac);
  }
}

/** How many of each, for the log. */
export function changeSizes({ added, changed, gone, moved }: FilesChanges) {
  return { added: added.length, changed: changed.length, gone: gone.length, moved: moved.length };
}
