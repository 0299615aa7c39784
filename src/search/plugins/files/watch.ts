/**
 * Notices that a file changed: in place, renamed over, removed and made again, or behind a symbolic link that was
 * turned. Events of its directories are hints only; what counts is the fingerprint, looked at after every hint and
 * every other second. A new state is reported once two looks agree on it, so that no file is read while it is written.
 */
import { type FSWatcher, watch } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Fingerprint, fingerprint } from './read.js';

/** Between a hint and a look, and between two looks that must agree. */
export const SETTLE_MS = 50;
/** Between looks without a hint: for changes that make no event (network file systems, links far away). */
export const POLL_MS = 2000;
/** A file that is never quiet is reported after so many looks all the same. */
const UNSETTLED_MAX = 20;

/** The environment of a watcher; tests have their own. */
export interface WatchEnvironment {
  nowMs(): number;
  /** Calls `action` later, unless the answer is called first. */
  after(ms: number, action: () => void): () => void;
  fingerprint(path: string): Promise<Fingerprint>;
  /** Directories whose entries decide what `path` leads to. */
  directories(path: string): Promise<string[]>;
  /** Calls `hint` when something happens in a directory; answers how to stop. Throws when it cannot watch. */
  watch(directory: string, hint: () => void): () => void;
}

export const REAL_ENVIRONMENT: WatchEnvironment = {
  nowMs: () => Date.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms).unref();
    return () => clearTimeout(timer);
  },
  fingerprint,
  directories: async (path) => {
    const target = await realpath(path).catch(() => path);
    return [...new Set([dirname(path), dirname(target)])];
  },
  watch: (directory, hint) => {
    const watcher: FSWatcher = watch(directory, { persistent: false }, hint);
    watcher.on('error', hint);
    return () => watcher.close();
  },
};

export class FileWatcher {
  readonly #path: string;
  readonly #onChange: () => Promise<void>;
  readonly #environment: WatchEnvironment;
  /** The state that was last read; null: look again. */
  #known: string | null = null;
  /** The state at the last look. */
  #seen: string | null = null;
  #unsettled = 0;
  #cancelTimer: (() => void) | null = null;
  #hinted = false;
  #isLooking = false;
  #stopped = false;
  /** Identity of the watched directories, and how to stop watching each. */
  #watching = '';
  #unwatch: (() => void)[] = [];

  /** `onChange` reads the file, and calls `known` with the state from before it read. */
  constructor(path: string, onChange: () => Promise<void>, environment: WatchEnvironment) {
    this.#path = path;
    this.#onChange = onChange;
    this.#environment = environment;
  }

  start(): void {
    this.#lookIn(SETTLE_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    for (const stop of this.#unwatch) stop();
    this.#unwatch = [];
  }

  /**
   * This state was read. One so young that a further write could have left the same times behind is looked at again.
   */
  known(state: Fingerprint): void {
    const ageMs = this.#environment.nowMs() - state.changedAtMs;
    this.#known = ageMs >= 0 && ageMs < SETTLE_MS ? null : state.text;
    this.#seen = state.text;
  }

  /** Nothing has been written since this state was read. */
  isKnown({ text }: Fingerprint): boolean {
    return text === this.#known;
  }

  #hint(): void {
    if (this.#hinted || this.#stopped) return;
    this.#hinted = true;
    if (!this.#isLooking) this.#lookIn(SETTLE_MS);
  }

  #lookIn(ms: number): void {
    this.#cancelTimer?.();
    if (this.#stopped) return;
    this.#cancelTimer = this.#environment.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#hinted = false;
    await this.#watchDirectories();
    const { text } = await this.#environment.fingerprint(this.#path);
    if (this.#stopped) return;
    if (text !== this.#known && (text === this.#seen || this.#unsettled >= UNSETTLED_MAX)) {
      this.#unsettled = 0;
      await this.#onChange();
    } else {
      this.#unsettled = text === this.#known ? 0 : this.#unsettled + 1;
      this.#seen = text;
    }
    this.#isLooking = false;
    const isQuiet = this.#known !== null && this.#known === this.#seen && !this.#hinted;
    this.#lookIn(isQuiet ? POLL_MS : SETTLE_MS);
  }

  /** Follows the directories: a link may lead elsewhere now, or a directory may have been replaced by another. */
  async #watchDirectories(): Promise<void> {
    const directories = await this.#environment.directories(this.#path);
    const inodes = await Promise.all(directories.map((each) => this.#environment.fingerprint(each)));
    const identity = directories.map((each, i) => `${each} ${inodes[i]!.text.split(' ').slice(0, 2).join(' ')}`).join();
    if (this.#stopped || identity === this.#watching) return;
    this.#watching = identity;
    for (const stop of this.#unwatch) stop();
    this.#unwatch = [];
    for (const directory of directories) {
      try {
        this.#unwatch.push(this.#environment.watch(directory, () => this.#hint()));
      } catch {
        // Too many watches, or no such directory: looking every other second is enough.
      }
    }
  }
}
