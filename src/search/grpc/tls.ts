/** The PEM files of a connection with TLS. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../../errors.js';

/** Paths of PEM files; undefined: none, or the authorities that Node.js brings. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The contents of the files, read anew for every connection, so that renewed certificates are found. */
export function readTlsFiles(files: TlsFiles): Partial<Record<keyof TlsFiles, Buffer>> {
  return Object.fromEntries(Object.entries(files).map(([name, path]) => [name, readPem(path)]));
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    throw new Error(`cannot read ${path}: ${messageOf(thrown)}`);
  }
}
