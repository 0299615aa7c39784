/** A temporary directory that everybody may read: processes of plugins have users of their own. */
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Answers its path; whoever wants it deletes it. */
export function openDirectory(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `vxlane-${name}-`));
  chmodSync(path, 0o755);
  return path;
}
