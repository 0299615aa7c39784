/** The state directory, read as anybody may who can: the daemon has it. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { parseStored, StoredOverlay, StoredVnic } from '../../daemon/state/stored.js';
import { messageOf } from '../../errors.js';
import type { StateFacts } from '../facts.js';
import type { Known } from '../finding.js';
import { DEFAULT_STATE_DIR } from './processes.js';

const SUFFIX = '.json';
/** A clock may be a little ahead of the file system's. */
const FUTURE_SECONDS = 60;

const KINDS = [
  { folder: 'overlays', object: 'overlay', schema: StoredOverlay as z.ZodType<{ readonly name: string }> },
  { folder: 'vnics', object: 'vnic', schema: StoredVnic as z.ZodType<{ readonly name: string }> },
];

/** `nowMs`: since 1970. */
export function stateFacts(directory: string, nowMs: number): Known<StateFacts> {
  try {
    const damaged: { path: string; object: string; reason: string }[] = [];
    const fromTheFuture: { path: string; seconds: number }[] = [];
    let vnicElsewhere: string | null = null;
    for (const { folder, object, schema } of KINDS) {
      for (const file of filesIn(join(directory, folder))) {
        const path = join(directory, folder, file);
        const seconds = Math.round((statSync(path).mtimeMs - nowMs) / 1000);
        if (seconds > FUTURE_SECONDS) fromTheFuture.push({ path, seconds });
        const name = file.slice(0, -SUFFIX.length);
        const read = parseStored(schema, name, readFileSync(path, 'utf8'));
        if ('reason' in read) damaged.push({ path, object: `${object} ${name}`, reason: read.reason });
        else if ('netns' in read.value && read.value.netns !== null) vnicElsewhere ??= name;
      }
    }
    const held = lockHolder(join(directory, 'lock'));
    const forgotten = forgottenBeside(directory);
    return { value: { directory, damaged, fromTheFuture, lockHolder: held, vnicElsewhere, forgotten } };
  } catch (thrown) {
    return { unknown: `the state directory cannot be read: ${messageOf(thrown)}` };
  }
}

function forgottenBeside(directory: string): StateFacts['forgotten'] {
  if (directory === DEFAULT_STATE_DIR || lockHolder(join(DEFAULT_STATE_DIR, 'lock')) !== null) return null;
  const overlays = filesIn(join(DEFAULT_STATE_DIR, 'overlays')).length;
  return overlays === 0 ? null : { directory: DEFAULT_STATE_DIR, overlays };
}

/** Overlays that a daemon of this state directory will have, those aside that cannot be read. */
export function keptOverlays(directory: string): StoredOverlay[] {
  return filesIn(join(directory, 'overlays')).flatMap((file) => {
    const text = readFileSync(join(directory, 'overlays', file), 'utf8');
    const read = parseStored(StoredOverlay, file.slice(0, -SUFFIX.length), text);
    return 'value' in read ? [read.value] : [];
  });
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((file) => file.endsWith(SUFFIX));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

/** As proc_locks(5) has it: `1: FLOCK  ADVISORY  WRITE 761 00:1a:4711 0 EOF`; null: nobody has it locked. */
function lockHolder(path: string): number | null {
  let inode: number;
  try {
    inode = statSync(path).ino;
  } catch {
    return null;
  }
  const rows = readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/));
  const row = rows.find((fields) => fields[1] === 'FLOCK' && fields[5]?.split(':')[2] === String(inode));
  return row === undefined ? null : Number(row[4]);
}
