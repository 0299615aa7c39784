/**
 * What is kept over restarts: `overlays/NAME.json` and `vnics/NAME.json` under the state directory. Names are interface
 * names, so they are file names too. A file that cannot be used stays as and where it is, and its object is not loaded:
 * known by its name, shown with the reason, and gone only when somebody deletes it.
 */
import { join } from 'node:path';
import type * as z from 'zod';
import { stateFileChanged, stateFileKept } from '../../errors.js';
import type { PluginLog } from '../../search/api.js';
import { StateFiles, stateId } from './files.js';
import { Remembered } from './remembered.js';
import { type Facts, factsIn, isTorn, parseStored, StoredOverlay, StoredVnic, textOf } from './stored.js';

interface Named {
  readonly name: string;
}

/** A kept object that cannot be used. */
export interface Unloaded extends Named, Facts {
  /** Its path. */
  readonly file: string;
  /** One line. */
  readonly reason: string;
  /** Its file is cut off, so no more than the name can be relied on. */
  readonly isTorn: boolean;
}

/** The kept objects of one kind. */
export class Store<T extends Named> {
  readonly #files: StateFiles;
  readonly #schema: z.ZodType<T>;
  readonly #log: PluginLog;
  readonly #unloaded = new Map<string, Unloaded>();

  constructor(files: StateFiles, schema: z.ZodType<T>, log: PluginLog) {
    this.#files = files;
    this.#schema = schema;
    this.#log = log;
  }

  /** By name. */
  get unloaded(): ReadonlyMap<string, Unloaded> {
    return this.#unloaded;
  }

  /** All that can be used, sorted by name. */
  async load(): Promise<T[]> {
    return this.#load(await this.#files.names());
  }

  /** What could not be used, and can now. */
  loadAgain(): Promise<T[]> {
    return this.#load([...this.#unloaded.keys()].sort());
  }

  /** One after the other: a thousand files need no thousand descriptors. */
  async #load(names: readonly string[]): Promise<T[]> {
    const loaded: T[] = [];
    for (const name of names) {
      const read = this.#files.read(name);
      if (read === null) {
        this.#unloaded.delete(name);
        continue;
      }
      const parsed = 'text' in read ? parseStored(this.#schema, name, read.text) : read;
      if ('reason' in parsed) {
        this.#reject(name, parsed.reason, 'text' in read ? read.text : '{}');
      } else {
        this.#unloaded.delete(name);
        loaded.push(parsed.value);
      }
    }
    return loaded;
  }

  /** It was loaded, and cannot be beside what there is. */
  reject(value: T, reason: string): void {
    this.#reject(value.name, reason, JSON.stringify(value));
  }

  /** `text`: what its file says, as far as that can be read. */
  #reject(name: string, reason: string, text: string): void {
    const file = this.#files.path(name);
    this.#log.error('a state file cannot be used and stays as it is', { file, reason });
    this.#unloaded.set(name, { ...factsIn(text), name, file, reason, isTorn: isTorn(text) });
  }

  /** Never over a file that could not be used. */
  async save(value: T): Promise<void> {
    const unloaded = this.#unloaded.get(value.name);
    if (unloaded !== undefined) throw stateFileKept(value.name, unloaded.file);
    await this.#files.write(value.name, textOf(value));
  }

  /**
   * For a new object of the name of one whose file is torn: {@link save} may write over the file, which is kept under
   * another name; where nothing is going to be saved, under that name alone. Answers how that is taken back.
   */
  async giveWay(torn: Unloaded, isToBeSaved: boolean): Promise<() => Promise<void>> {
    const { name, file } = torn;
    const read = this.#files.read(name);
    if (read !== null && !('text' in read && isTorn(read.text))) throw stateFileChanged(name, file);
    const kept = read === null ? null : await this.#files.keepDamaged(name);
    const putBack = async () => {
      if (kept !== null) await this.#files.putDamagedBack(name, kept);
      this.#unloaded.set(name, torn);
    };
    try {
      if (!isToBeSaved) await this.#files.remove(name);
    } catch (thrown) {
      await putBack();
      throw thrown;
    }
    this.#unloaded.delete(name);
    if (kept !== null) this.#log.warn('a torn state file makes room for a new object', { file, movedTo: kept });
    return putBack;
  }

  async remove(name: string): Promise<void> {
    await this.#files.remove(name);
    this.#unloaded.delete(name);
  }

  /** It is about to go, with more that is to go; after a crash in between it is among {@link leaving}. */
  beginRemoval(name: string): Promise<void> {
    return this.#files.putAway(name);
  }

  /** It stays after all. */
  cancelRemoval(name: string): Promise<void> {
    return this.#files.putBack(name);
  }

  /** All that was to go is gone. */
  async endRemoval(name: string): Promise<void> {
    await this.#files.removeAway(name);
    this.#unloaded.delete(name);
  }

  /** What was to go when the daemon ended, as far as it says what it is. */
  async leaving(): Promise<(Named & Facts)[]> {
    const found: (Named & Facts)[] = [];
    for (const { name, text } of await this.#files.away()) found.push({ ...factsIn(text), name });
    return found;
  }
}

export class State {
  /** Tells what this state directory keeps from what others do. */
  readonly id: string;
  readonly overlays: Store<StoredOverlay>;
  readonly vnics: Store<StoredVnic>;
  readonly remembered: Remembered;

  private constructor(id: string, overlays: Store<StoredOverlay>, vnics: Store<StoredVnic>, remembered: Remembered) {
    this.id = id;
    this.overlays = overlays;
    this.vnics = vnics;
    this.remembered = remembered;
  }

  static async open(directory: string, log: PluginLog): Promise<State> {
    const overlays = await StateFiles.open(join(directory, 'overlays'));
    const vnics = await StateFiles.open(join(directory, 'vnics'));
    return new State(
      await stateId(directory),
      new Store(overlays, StoredOverlay, log),
      new Store(vnics, StoredVnic, log),
      new Remembered(join(directory, 'remembered'), log),
    );
  }
}
