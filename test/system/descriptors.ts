/** Counting descriptors: a path that fails must leave none behind. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';

/** What every open descriptor of this process points to, but for the one that reads the list. */
function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return null; // the descriptor of the reading itself
      }
    })
    .filter((link) => link !== null)
    .sort();
}

/** Runs `action` and fails if it opened a descriptor that it did not close. */
export function leavesNoDescriptor(action: () => void): void {
  const before = openDescriptors();
  action();
  assert.deepEqual(openDescriptors(), before);
}

/** True if the descriptor is closed by exec, by its own account (`flags` in fdinfo, octal). */
export function isCloseOnExec(flagsText: string): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(flagsText)?.[1];
  return (Number.parseInt(flags ?? '0', 8) & 0o2000000) !== 0;
}
