/**
 * Where instances of search plugins run. Those of the plugins that come with vxlane share threads of the daemon; of any
 * other plugin each has a process of its own, unless the overlay says otherwise.
 */
import type { PluginLog } from '../api.js';
import type { OpenChannel } from './channel.js';
import { NEEDED, usersOfPlugins } from './confine.js';
import type { PluginLocation } from './messages.js';
import { openProcess } from './process.js';
import { PluginThreads, type ThreadsOptions } from './threads.js';

export type Isolation = 'process' | 'thread';

/** What an instance of a plugin may have. */
export interface Confinement {
  /** Of a plugin that does not come with vxlane. */
  readonly isolation: Isolation;
  /** Memory of its thread or process. */
  readonly memoryMiB: number;
}

/** A process that runs already, see spare.ts. */
interface SparePlace {
  /** null: no instance that is to be confined so can be made there. */
  take(confinement: Confinement): OpenChannel | null;
}

export interface PlacementOptions extends ThreadsOptions {
  /** Told once when processes are not as they should be. */
  readonly log?: PluginLog;
}

export class Placement {
  readonly #threads: PluginThreads;
  #log: PluginLog | null;

  constructor(options: PlacementOptions) {
    this.#threads = new PluginThreads(options);
    this.#log = options.log ?? null;
  }

  /** Threads that run. */
  get threads(): number {
    return this.#threads.size;
  }

  /**
   * The way to a new instance. `owner` is whose it is: two of one owner are no strangers to each other. `spare`: a
   * process that runs already.
   */
  open(
    location: PluginLocation,
    confinement: Confinement,
    owner: object,
    spare: SparePlace | null = null,
  ): OpenChannel {
    const { isolation, memoryMiB } = confinement;
    if (location.kind !== 'module' || isolation !== 'process') return this.#threads.open(location, memoryMiB, owner);
    if (usersOfPlugins() === null) this.#tellOfOwnUser();
    return spare?.take(confinement) ?? openProcess(location.url, memoryMiB);
  }

  #tellOfOwnUser(): void {
    this.#log?.warn("processes of search plugins have the daemon's own user: they can signal it, and read its files", {
      user: process.geteuid?.(),
      needed: NEEDED,
    });
    this.#log = null;
  }
}
