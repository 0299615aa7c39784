/** Whoever may write to what the daemon believes commands the daemon. */
import type { Stats } from 'node:fs';

type Owned = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/** Why a file or directory is not to be believed, with what would be right; null when it is. */
export function distrust({ uid, gid, mode }: Owned): string | null {
  const own = process.geteuid?.() ?? 0;
  if (uid !== 0 && uid !== own) {
    return `it belongs to user ${uid}: expected root${own === 0 ? '' : ` or user ${own}`} (chown)`;
  }
  // With a umask of 002 whatever root makes is for root's group to write to, in which there is nobody else.
  const isOwnGroup = gid === 0 || gid === process.getegid?.();
  if ((mode & (isOwnGroup ? 0o002 : 0o022)) === 0) return null;
  return `others may write to it, by mode ${(mode & 0o7777).toString(8).padStart(4, '0')}: chmod go-w`;
}

/** Of a directory in which others may have files of their own: sticky, as `/tmp`, it lets them touch nobody else's. */
export function distrustDirectory({ uid, gid, mode }: Owned): string | null {
  const isSticky = (mode & 0o1000) !== 0;
  return distrust({ uid, gid, mode: isSticky ? mode & ~0o022 : mode });
}
