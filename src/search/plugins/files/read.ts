/** Reads a `files` file whole, and tells by its fingerprint whether it is still the same. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { type ParseResult, parseFiles } from './parse.js';
import { Report } from './report.js';

/** A larger file is refused; a million entries of the usual shape take some 150 MiB. */
export const FILE_BYTES_MAX = 512 * 2 ** 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'too many symbolic links',
};

/** What identifies a state of the file. */
export interface Fingerprint {
  /** Equal text: the same content. For a file that cannot be seen, the error's code. */
  readonly text: string;
  /** When inode or content last changed, milliseconds of the wall clock; 0 when it cannot be seen. */
  readonly changedAtMs: number;
}

export async function fingerprint(path: string): Promise<Fingerprint> {
  try {
    const info = await stat(path, { bigint: true });
    const text = [info.dev, info.ino, info.size, info.mtimeNs, info.ctimeNs].join(' ');
    return { text, changedAtMs: Number(info.ctimeMs) };
  } catch (thrown) {
    return { text: errorCode(thrown), changedAtMs: 0 };
  }
}

/**
 * Reads and validates; whatever is wrong is a problem in the result, never an exception. `port`: of entries that say
 * none.
 */
export async function readFiles(path: string, port: number, bytesMax = FILE_BYTES_MAX): Promise<ParseResult> {
  let text: string;
  try {
    text = await readText(path, bytesMax);
  } catch (thrown) {
    const problems = new Report();
    problems.add(thrown instanceof Unreadable ? thrown.message : `cannot be read: ${reasonOf(thrown)}`);
    return { table: null, problems };
  }
  await setImmediate(); // parsing takes the thread for a while
  return parseFiles(text, port);
}

class Unreadable extends Error {}

async function readText(path: string, bytesMax: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not block
  try {
    const info = await file.stat();
    if (info.isDirectory()) throw new Unreadable('is a directory; expected a regular file');
    if (!info.isFile()) throw new Unreadable('not a regular file');
    if (info.size > bytesMax) throw new Unreadable(`has ${info.size} bytes; at most ${bytesMax} are allowed`);
    return decode(await file.readFile());
  } finally {
    await file.close();
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Unreadable('is not UTF-8 text');
  }
}

function errorCode(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? 'unknown';
}

function reasonOf(thrown: unknown): string {
  return REASONS[errorCode(thrown)] ?? (thrown as Error).message;
}
