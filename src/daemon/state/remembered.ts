/**
 * What search plugins last said, a file an overlay: `remembered/NAME`. There may be a million lines, so they are
 * written as they come; whoever reads believes all of a file or nothing.
 *
 *     {"version":1,"vni":23,"search":"files"}
 *     vtep 10.88.88.70
 *     de:ad:be:ef:00:01 10.88.88.70:4789
 *     …
 *     sha256 3f5a…                                    of all before
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf, stateNotWritten } from '../../errors.js';
import type { PluginLog } from '../../search/api.js';
import { openDirectory, readText } from './files.js';

const REMEMBERED_VERSION = 1;
const LINES_AT_ONCE = 2048;

/** What the overlay was when the plugin said so: another of its name has no use for it. */
const Owner = z.strictObject({
  version: z.literal(REMEMBERED_VERSION),
  vni: z.number(),
  search: z.string(),
  /** Absent: VXLAN. */
  encap: z.string().optional(),
});
export type Owner = Omit<z.infer<typeof Owner>, 'version'>;

/** MAC and destination, or `vtep` and the address of one, as texts. */
export type RememberedTarget = readonly [mac: string, destination: string];

export class Remembered {
  readonly #directory: string;
  readonly #log: PluginLog;

  constructor(directory: string, log: PluginLog) {
    openDirectory(directory);
    this.#directory = directory;
    this.#log = log;
  }

  /** `targets`: null for each that is passed over. Written aside and renamed. Throws when that is not possible. */
  async save(name: string, owner: Owner, targets: Iterable<RememberedTarget | null>): Promise<void> {
    const path = this.#path(name);
    const temporary = `${path}.tmp`;
    try {
      await rm(temporary, { force: true });
      const file = await open(temporary, 'wx', 0o600);
      try {
        await writeAll(file, owner, targets);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw stateNotWritten(path, cause);
    }
  }

  /** Nothing, and a word in the log, when the file cannot be believed; it is written anew in time. */
  async load(name: string, owner: Owner): Promise<Iterable<RememberedTarget>> {
    const file = this.#path(name);
    const read = readText(file);
    if (read === null) return [];
    try {
      if ('reason' in read) throw new Error(read.reason);
      return targetsIn(read.text, owner);
    } catch (thrown) {
      this.#log.warn('what a search plugin last said is not believed', { file, reason: messageOf(thrown) });
      return [];
    }
  }

  /** It is no error when there is none. */
  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    await rm(path, { force: true }).catch((cause: unknown) => {
      throw stateNotWritten(path, cause);
    });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

async function writeAll(file: FileHandle, owner: Owner, targets: Iterable<RememberedTarget | null>): Promise<void> {
  const hash = createHash('sha256');
  let lines = [`${JSON.stringify({ version: REMEMBERED_VERSION, ...owner })}\n`];
  let passed = 0;
  const flush = async () => {
    const text = lines.join('');
    hash.update(text);
    await file.appendFile(text);
    lines = [];
  };
  for (const target of targets) {
    if (target !== null) lines.push(`${target[0]} ${target[1]}\n`);
    if (++passed % LINES_AT_ONCE === 0) await flush();
  }
  await flush();
  await file.appendFile(`sha256 ${hash.digest('hex')}\n`);
}

function targetsIn(text: string, owner: Owner): Iterable<RememberedTarget> {
  const end = Math.max(0, text.lastIndexOf('sha256 '));
  const body = text.slice(0, end);
  const digest = createHash('sha256').update(body).digest('hex');
  if (text.slice(end) !== `sha256 ${digest}\n`) throw new Error('it is not as it was written');
  const begin = body.indexOf('\n') + 1;
  const { vni, search, encap } = Owner.parse(JSON.parse(body.slice(0, begin)));
  const isTheirs = vni === owner.vni && search === owner.search && encap === owner.encap;
  return isTheirs ? linesFrom(body, begin) : [];
}

/** One after the other: a million at once would be a heap of their own. */
function* linesFrom(body: string, begin: number): Generator<RememberedTarget> {
  for (let at = begin; at < body.length; ) {
    const [space, end] = [body.indexOf(' ', at), body.indexOf('\n', at)];
    yield [body.slice(at, space), body.slice(space + 1, end)];
    at = end + 1;
  }
}
