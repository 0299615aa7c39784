/** Starts the search plugin of an overlay that has none: after a restart of the daemon, and after an instance died. */
import type { PluginInstance } from './instance.js';

export interface Starting {
  /** A candidate in the configuration as it is now. */
  candidate(): Promise<PluginInstance>;
  /** There is still a place for one. */
  isWanted(): boolean;
  takeOver(candidate: PluginInstance): Promise<void>;
  failed(thrown: unknown): void;
}

export class PluginStarter {
  readonly #overlay: Starting;
  #epoch = 0;
  #running: Promise<void> | null = null;
  #isOver = false;

  constructor(overlay: Starting) {
    this.#overlay = overlay;
  }

  /** Resolves when the start that is under way has come to its end, well or not; null: none is. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Nothing is started any more. */
  end(): void {
    this.#isOver = true;
    this.outdate();
  }

  /** Never rejects. Joins a start that is under way. */
  start(): Promise<void> {
    this.#running ??= this.#start().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** What is starting now is not what is wanted any more. */
  outdate(): void {
    this.#epoch++;
  }

  async #start(): Promise<void> {
    while (!this.#isOver && this.#overlay.isWanted()) {
      const epoch = this.#epoch;
      try {
        const candidate = await this.#overlay.candidate();
        if (epoch === this.#epoch) return await this.#serve(candidate);
        await candidate.stop();
      } catch (thrown) {
        if (epoch === this.#epoch) return this.#overlay.failed(thrown);
      }
    }
  }

  async #serve(candidate: PluginInstance): Promise<void> {
    try {
      await this.#overlay.takeOver(candidate);
    } catch (thrown) {
      await candidate.stop();
      throw thrown;
    }
  }
}
