/** One daemon a state directory: a second one would take the overlays of the first for its own, and delete them. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../directory.js';
import { stateDirTaken, stateDirUnusable } from '../../errors.js';
import { tryLock } from '../../system/lock.js';

/** Makes the directory if need be, for root alone. Throws when another daemon uses it. */
export function claimStateDir(directory: string): { release(): void } {
  const fd = openLock(directory);
  try {
    if (!tryLock(fd)) throw stateDirTaken(directory);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
  return { release: () => closeSync(fd) };
}

function openLock(directory: string): number {
  try {
    makeDirectory(directory, 0o700);
    return openSync(join(directory, 'lock'), 'a', 0o600);
  } catch (cause) {
    throw stateDirUnusable(directory, cause);
  }
}
