/** A directory of small JSON files, one an object. A file is there whole or not at all, also after a power failure. */
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../../directory.js';
import { messageOf, stateDirUnusable, stateNotWritten } from '../../errors.js';

const SUFFIX = '.json';
const TEMPORARY = '.tmp';

/** A file as read: its object's name, and its text or why it could not be read. */
export type StoredFile = { readonly name: string } & ({ readonly text: string } | { readonly unreadable: string });

export class StateFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory if need be, for root alone, and clears away what an interrupted write left. */
  static async open(directory: string): Promise<StateFiles> {
    try {
      makeDirectory(directory, 0o700);
      for (const file of await readdir(directory)) {
        if (file.endsWith(SUFFIX + TEMPORARY)) await rm(join(directory, file), { force: true, recursive: true });
      }
    } catch (cause) {
      throw stateDirUnusable(directory, cause);
    }
    return new StateFiles(directory);
  }

  path(name: string): string {
    return join(this.#directory, name + SUFFIX);
  }

  /** All objects, sorted by name. One after the other: a thousand files need no thousand descriptors. */
  async readAll(): Promise<StoredFile[]> {
    const files = (await readdir(this.#directory)).filter((file) => file.endsWith(SUFFIX)).sort();
    const read: StoredFile[] = [];
    for (const file of files) {
      const name = file.slice(0, -SUFFIX.length);
      try {
        read.push({ name, text: await readFile(join(this.#directory, file), 'utf8') });
      } catch (thrown) {
        read.push({ name, unreadable: messageOf(thrown) });
      }
    }
    return read;
  }

  /** Written aside, flushed, renamed into place, and the rename flushed. */
  async write(name: string, value: object): Promise<void> {
    const path = this.path(name);
    const temporary = path + TEMPORARY;
    try {
      await writeFlushed(temporary, `${JSON.stringify(value, null, 2)}\n`);
      await rename(temporary, path);
      await this.#flushDirectory();
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw stateNotWritten(path, cause);
    }
  }

  /** It is no error when there is none. */
  async remove(name: string): Promise<void> {
    const path = this.path(name);
    try {
      await rm(path, { force: true });
      await this.#flushDirectory();
    } catch (cause) {
      throw stateNotWritten(path, cause);
    }
  }

  /** Moves a file out of the way, so that it is neither read again nor lost. Answers where it is now. */
  async moveAside(name: string, now: Date): Promise<string> {
    const aside = `${this.path(name)}.corrupt-${now.toISOString()}`;
    await rename(this.path(name), aside);
    return aside;
  }

  async #flushDirectory(): Promise<void> {
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/** Of a state directory, made up when it has none. Kept in its file `id`. */
export async function stateId(directory: string): Promise<string> {
  const path = join(directory, 'id');
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f]{12}\n$/.test(kept)) return kept.trim();
  const id = randomBytes(6).toString('hex');
  try {
    await writeFlushed(path + TEMPORARY, `${id}\n`);
    await rename(path + TEMPORARY, path);
  } catch (cause) {
    throw stateNotWritten(path, cause);
  }
  return id;
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
