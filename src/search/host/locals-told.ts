/**
 * What is on this host, as an instance is told. Of each MAC one word is under way at a time and the latest of the
 * others waits, so that words on one MAC arrive in their order and none that counts is left out.
 */
import { messageOf } from '../../errors.js';
import type { Local, PluginLog } from '../api.js';

/** MACs that it has been told of and not dealt with yet. */
export const LOCALS_UNDER_WAY_MAX = 64;

export class LocalsTold {
  readonly #log: PluginLog;
  readonly #ask: (mac: string, local: Local | null) => Promise<void>;
  readonly #underWay = new Set<string>();
  /** The latest on each MAC that is still to be told, oldest first; null: it is here no more. */
  readonly #waiting = new Map<string, Local | null>();
  #isFailing = false;

  constructor(log: PluginLog, ask: (mac: string, local: Local | null) => Promise<void>) {
    this.#log = log;
    this.#ask = ask;
  }

  /** One that fails costs a line of the log, and those after it none until one has succeeded. */
  tell(mac: string, local: Local | null): void {
    const before = this.#waiting.get(mac);
    const isNews = before !== undefined && before !== null && before.resumed === undefined;
    // That it spoke is not to be left out for a word that says less.
    this.#waiting.set(mac, isNews && local !== null ? { mac, ips: local.ips } : local);
    if (!this.#underWay.has(mac)) this.#next();
  }

  /** It is told no more, and what it still rejects is no news. */
  end(): void {
    this.#waiting.clear();
    this.#isFailing = true;
  }

  #next(): void {
    for (const [mac, local] of this.#waiting) {
      if (this.#underWay.size >= LOCALS_UNDER_WAY_MAX) return;
      if (this.#underWay.has(mac)) continue;
      this.#waiting.delete(mac);
      void this.#tell(mac, local);
    }
  }

  async #tell(mac: string, local: Local | null): Promise<void> {
    this.#underWay.add(mac);
    const failure = await this.#ask(mac, local).then(
      () => null,
      (thrown: unknown) => messageOf(thrown),
    );
    this.#underWay.delete(mac);
    if (failure !== null && !this.#isFailing) this.#log.warn(failure);
    this.#isFailing = failure !== null;
    this.#next();
  }
}
