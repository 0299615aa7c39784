/** One daemon a state directory: a second one would take the overlays of the first for its own, and delete them. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirTaken, stateDirUnusable, VxlaneError } from '../../errors.js';
import { tryLock } from '../../system/lock.js';
import { openDirectory } from './files.js';

export interface StateClaim {
  release(): void;
  /** After {@link release}: whether it is ours again; false while another daemon has it. */
  again(): boolean;
}

/** Makes the directory if need be, for root alone. Throws when another daemon uses it, or others may write to it. */
export function claimStateDir(directory: string): StateClaim {
  let held = lock(directory);
  if (held === null) throw stateDirTaken(directory);
  return {
    release: () => {
      if (held !== null) closeSync(held);
      held = null;
    },
    again: () => {
      held ??= lock(directory);
      return held !== null;
    },
  };
}

/** The descriptor that holds the lock; null: another has it. */
function lock(directory: string): number | null {
  const fd = openLock(directory);
  let isOurs = false;
  try {
    isOurs = tryLock(fd);
    return isOurs ? fd : null;
  } finally {
    if (!isOurs) closeSync(fd);
  }
}

function openLock(directory: string): number {
  const { O_RDWR, O_RDONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const path = join(directory, 'lock');
  try {
    openDirectory(directory);
    try {
      return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    } catch (thrown) {
      // What was kept is of use also where nothing can be written.
      if ((thrown as NodeJS.ErrnoException).code !== 'EROFS') throw thrown;
      return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    }
  } catch (cause) {
    throw cause instanceof VxlaneError ? cause : stateDirUnusable(directory, cause);
  }
}
