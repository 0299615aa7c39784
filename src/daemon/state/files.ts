/** A directory of small JSON files, one an object. A file is there whole or not at all, also after a power failure. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { access, copyFile, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../../directory.js';
import { messageOf, stateDirUnusable, stateNotWritten } from '../../errors.js';
import { distrust } from '../../ownership.js';

const SUFFIX = '.json';
/** Being written. */
const TEMPORARY = '.tmp';
/** Put away: its object is about to go. */
const AWAY = '.deleting';
/** It was damaged, and another object has its name now. */
const DAMAGED = '.damaged';

/** Three million static targets. What has more is no file of ours. */
const FILE_BYTES_MAX = 1 << 28;

/** A file's text, or why it cannot be read. */
export type ReadFile = { readonly text: string } | Unreadable;

interface Unreadable {
  readonly reason: string;
}

export class StateFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory if need be, for root alone, and clears away what an interrupted write left. */
  static async open(directory: string): Promise<StateFiles> {
    openDirectory(directory);
    try {
      for (const file of await readdir(directory)) {
        // One that stays, as where nothing can be written, is in nobody's way.
        if (file.endsWith(SUFFIX + TEMPORARY)) await discard(join(directory, file));
      }
    } catch (cause) {
      throw stateDirUnusable(directory, cause);
    }
    return new StateFiles(directory);
  }

  path(name: string): string {
    return join(this.#directory, name + SUFFIX);
  }

  /** Of all objects, sorted. */
  names(): Promise<string[]> {
    return this.#namesOf(SUFFIX);
  }

  /** null: there is no such file. */
  read(name: string): ReadFile | null {
    return readText(this.path(name));
  }

  /** Written aside, flushed, renamed into place, and the rename flushed. */
  async write(name: string, text: string): Promise<void> {
    const path = this.path(name);
    try {
      if (text.length > FILE_BYTES_MAX) throw new Error(`it would have more than ${FILE_BYTES_MAX} bytes`);
      await replaceFile(path, text);
      await this.#flushDirectory();
    } catch (cause) {
      throw stateNotWritten(path, cause);
    }
  }

  /** It is no error when there is none. */
  async remove(name: string): Promise<void> {
    await this.#remove(this.path(name));
  }

  /** Out of sight of {@link names}. It needs no room, so a full disk is no obstacle. No error when there is none. */
  putAway(name: string): Promise<void> {
    return this.#rename(this.path(name), this.path(name) + AWAY);
  }

  /** It is no error when none was put away. */
  putBack(name: string): Promise<void> {
    return this.#rename(this.path(name) + AWAY, this.path(name));
  }

  /** Copies a damaged file beside earlier ones of its name, so that it may be written over. Answers the copy's path. */
  async keepDamaged(name: string): Promise<string> {
    for (let count = 1; ; count++) {
      const kept = `${this.path(name)}${DAMAGED}${count === 1 ? '' : `-${count}`}`;
      try {
        await copyFile(this.path(name), kept, constants.COPYFILE_EXCL);
        return kept;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
        await discard(kept);
        throw stateNotWritten(kept, cause);
      }
    }
  }

  /** What it was written over with, if it was, is not to be. `kept`: the copy, which goes. */
  putDamagedBack(name: string, kept: string): Promise<void> {
    return this.#rename(kept, this.path(name));
  }

  removeAway(name: string): Promise<void> {
    return this.#remove(this.path(name) + AWAY);
  }

  /** Of objects that were about to go, and are not there again; what cannot be read has no text. */
  async away(): Promise<{ readonly name: string; readonly text: string }[]> {
    const found: { readonly name: string; readonly text: string }[] = [];
    for (const name of await this.#namesOf(SUFFIX + AWAY)) {
      const read = readText(this.path(name) + AWAY);
      if (await exists(this.path(name))) await discard(this.path(name) + AWAY);
      else if (read !== null) found.push({ name, text: 'text' in read ? read.text : '' });
    }
    return found;
  }

  async #namesOf(suffix: string): Promise<string[]> {
    const files = (await readdir(this.#directory)).filter((file) => file.endsWith(suffix));
    return files.map((file) => file.slice(0, -suffix.length)).sort();
  }

  async #rename(from: string, to: string): Promise<void> {
    try {
      await rename(from, to);
      await this.#flushDirectory().catch(async (thrown: unknown) => {
        await rename(to, from);
        throw thrown;
      });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw stateNotWritten(from, cause);
    }
  }

  async #remove(path: string): Promise<void> {
    try {
      await rm(path, { force: true });
      await this.#flushDirectory();
    } catch (cause) {
      throw stateNotWritten(path, cause);
    }
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

/** Makes the directory if need be, for root alone. Throws when others may write to it. */
export function openDirectory(directory: string): void {
  try {
    makeDirectory(directory, 0o700);
    const reason = distrust(statSync(directory));
    if (reason !== null) throw new Error(reason);
  } catch (cause) {
    throw stateDirUnusable(directory, cause);
  }
}

/** Of a state directory, made up when it has none. Kept in its file `id`. */
export async function stateId(directory: string): Promise<string> {
  const path = join(directory, 'id');
  const kept = readText(path);
  if (kept !== null && 'text' in kept && /^[0-9a-f]{12}\n$/.test(kept.text)) return kept.text.trim();
  const id = randomBytes(6).toString('hex');
  try {
    await replaceFile(path, `${id}\n`);
  } catch (cause) {
    throw stateNotWritten(path, cause);
  }
  return id;
}

/** What {@link readBytes} reads, in UTF-8. */
export function readText(path: string): ReadFile | null {
  const read = readBytes(path, FILE_BYTES_MAX);
  return Buffer.isBuffer(read) ? { text: read.toString() } : read;
}

/**
 * A regular file of at most `bytesMax` that nobody else may write to: a FIFO would wait for a writer, a device has no
 * end, and a link leads to what somebody else keeps. null: there is no such file.
 */
export function readBytes(path: string, bytesMax: number): Buffer | Unreadable | null {
  let fd: number | null = null;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const stat = fstatSync(fd);
    const reason = stat.isFile() ? distrust(stat) : 'it is no regular file';
    if (reason !== null) return { reason };
    if (stat.size > bytesMax) return { reason: `it has more than ${bytesMax} bytes` };
    return readFileSync(fd);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    return { reason: code === 'ELOOP' ? 'it is a symbolic link' : `it cannot be read: ${messageOf(thrown)}` };
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Written aside, flushed and renamed into place. Nothing is left aside when it fails. */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  const temporary = path + TEMPORARY;
  try {
    await rm(temporary, { force: true });
    await writeFlushed(temporary, text);
    await rename(temporary, path);
  } catch (thrown) {
    await discard(temporary);
    throw thrown;
  }
}

async function writeFlushed(path: string, text: string | Uint8Array): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function discard(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
