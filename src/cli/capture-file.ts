/** Where a capture is written to: a file, or stdout, no faster than that takes it. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { captureUnwritable } from '../errors.js';

/** What is captured belongs to those who sent it. */
const FILE_MODE = 0o600;
export const STDOUT = '-';

/** Throws when it cannot be written. */
export async function openCaptureFile(path: string): Promise<WriteStream> {
  const file =
    path === STDOUT
      ? createWriteStream('', { fd: process.stdout.fd, autoClose: false })
      : createWriteStream(path, { mode: FILE_MODE });
  if (path !== STDOUT) {
    await new Promise<void>((resolve, reject) => {
      file.once('open', () => resolve());
      file.once('error', (cause) => reject(captureUnwritable(path, cause)));
    });
  }
  return file;
}

/** Bytes on their way to a file or a pipe, no faster than that takes them. */
export class CaptureFile {
  readonly #file: WriteStream;
  /** Why it takes no more. */
  #failure: NodeJS.ErrnoException | null = null;

  /** `onGone`: nobody reads the pipe any more. */
  constructor(file: WriteStream, onGone: () => void) {
    this.#file = file;
    file.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure = error;
      onGone();
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) return;
    await new Promise<void>((resolve) => void this.#file.write(bytes, () => resolve()));
  }

  /** Throws when something could not be written; a reader that has enough is no failure. */
  async close(): Promise<void> {
    if (this.#failure === null) {
      this.#file.end();
      await finished(this.#file).catch((error) => {
        this.#failure = error;
      });
    }
    if (this.#failure !== null && this.#failure.code !== 'EPIPE') {
      throw captureUnwritable(String(this.#file.path || 'stdout'), this.#failure);
    }
  }
}
