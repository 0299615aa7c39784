/**
 * `vxlane bugreport`: everything that somebody needs who was not there, in one archive. Each file is gathered by
 * itself, in bounded time; what cannot be had is said with the reason, and keeps nothing else from being there.
 */
import { closeSync, fsyncSync, lstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { gzipSync } from 'node:zlib';
import { createTar } from 'nanotar';
import type { Client } from '../control/client.js';
import { known } from '../doctor/finding.js';
import { bugReportExists, bugReportUnwritable, messageOf, VxlaneError } from '../errors.js';
import { SECRET_TEXT } from '../secrets.js';
import { withNetns } from '../system/netns.js';
import { version } from '../version.js';
import { type Contents, contentsText, type Missing, type Packed } from './contents.js';
import { cut, PART_BYTES_MAX, type Part } from './part.js';
import { daemonParts } from './parts/daemon.js';
import { keptParts } from './parts/kept.js';
import { machineParts } from './parts/machine.js';
import { networkParts } from './parts/network.js';
import { type Place, placeOf } from './parts/place.js';
import { Redactor } from './redactor.js';

export { contentsText } from './contents.js';

/** For one file; the doctor takes longest, with pings of 32 endpoints. */
const PART_SECONDS_MAX = 90;
const AT_ONCE = 4;
/** Behind the last file: two blocks of zeros, by POSIX.1-1988. */
const END_OF_ARCHIVE = Buffer.alloc(1024);
/** For its owner alone: it says much of a network. */
const FILE_MODE = 0o600;

export interface BugReport extends Contents {
  readonly file: string;
  /** Of the archive. */
  readonly bytes: number;
}

export interface Wanted {
  readonly client: Client;
  readonly socket: string;
  /** null: a name by host and time. */
  readonly file: string | null;
  /** null: that of the daemon, as its process was told. */
  readonly stateDir: string | null;
}

/** Throws when the file is there already, or cannot be written; then there is nothing of it. */
export async function writeBugReport({ client, socket, file, stateDir }: Wanted): Promise<BugReport> {
  const now = new Date();
  const stem = `vxlane-bugreport-${hostname()}-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
  const path = file ?? `${stem}.tar.gz`;
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw bugReportExists(path);
  const place = await placeOf(client, socket, stateDir);
  const redactor = new Redactor();
  learnToken(place, redactor);
  await declareProperties(place, redactor);
  const { texts, missing } = await gather([
    ...daemonParts(place, redactor),
    ...machineParts(place),
    ...keptParts(place, redactor),
    ...networkParts('network', null),
    ...daemonNetwork(place),
  ]);
  const contents = redacted({ texts, missing }, redactor);
  const head = `vxlane ${version()}, ${now.toISOString()}, control socket ${socket}, user ${process.geteuid?.()}\n\n`;
  const manifest = { name: 'CONTENTS.txt', text: redactor.text(head + contentsText(contents)) };
  const files = [manifest, ...contents.packed].map(({ name, text }) => ({ name: `${stem}/${name}`, data: text }));
  const attrs = { mode: '600', uid: 0, gid: 0, mtime: now.getTime() };
  const archive = gzipSync(Buffer.concat([createTar(files, { attrs }), END_OF_ARCHIVE]));
  write(path, archive);
  return { ...contents, file: path, bytes: archive.length };
}

/** Its value is nowhere else, but for who logs what it was asked. */
function learnToken({ tokenFile }: Place, redactor: Redactor): void {
  if (tokenFile === null) return;
  try {
    redactor.learn(readFileSync(tokenFile, 'utf8').trim());
  } catch {
    // Who may not read it, reads nothing that has it either.
  }
}

/** Of plugins that are not ours the daemon alone knows which properties are secret. */
async function declareProperties({ client, silence }: Place, redactor: Redactor): Promise<void> {
  const overlays = silence === null ? await client.overlays().catch(() => []) : [];
  for (const { name, value } of overlays.flatMap(({ properties }) => properties)) {
    if (value !== null) redactor.declare(name, value === SECRET_TEXT);
  }
}

/** Of the namespace of the daemon; nothing when that is this process's, or there is no daemon. */
function daemonNetwork({ netns }: Place): Part[] {
  if (netns === null) return [];
  try {
    const at = known(netns);
    withNetns(at, () => undefined);
    return networkParts('network-daemon', at);
  } catch (thrown) {
    const gather = () => {
      throw thrown;
    };
    return [{ name: 'network-daemon/', what: "the network in the daemon's namespace", gather }];
  }
}

interface Gathered {
  readonly texts: ReadonlyMap<Part, { readonly text: string; readonly note: string }>;
  readonly missing: readonly Missing[];
}

async function gather(parts: readonly Part[]): Promise<Gathered> {
  const texts: (readonly [Part, { readonly text: string; readonly note: string }])[] = [];
  const missing: Missing[] = [];
  const left = [...parts];
  const next = async (): Promise<void> => {
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      try {
        const text = await inTime(part);
        texts.push([part, cut(text, PART_BYTES_MAX, part.keepsEnd === true)]);
      } catch (thrown) {
        if (!(thrown instanceof Error)) throw thrown;
        missing.push({ name: part.name, what: part.what, reason: messageOf(thrown) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const inOrder = (a: Part, b: Part) => parts.indexOf(a) - parts.indexOf(b);
  return { texts: new Map(texts.sort(([a], [b]) => inOrder(a, b))), missing };
}

async function inTime(part: Part): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${PART_SECONDS_MAX} s`)), PART_SECONDS_MAX * 1000);
  });
  try {
    return await Promise.race([part.gather(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Not before all is gathered: what one file shows to be a secret is taken out of all. */
function redacted({ texts, missing }: Gathered, redactor: Redactor): Contents {
  const packed = [...texts].map(([{ name, what }, { text, note }]): Packed => {
    const shown = redactor.text(text);
    return { name, what, note, text: shown, bytes: Buffer.byteLength(shown) };
  });
  const reasons = missing.map((each) => ({ ...each, reason: redactor.text(each.reason) }));
  return { packed, missing: reasons, removed: redactor.removed };
}

/** Whole, or not at all. */
function write(path: string, bytes: Uint8Array): void {
  let fd: number;
  try {
    fd = openSync(path, 'wx', FILE_MODE);
  } catch (thrown) {
    throw (thrown as NodeJS.ErrnoException).code === 'EEXIST'
      ? bugReportExists(path)
      : bugReportUnwritable(path, thrown);
  }
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
    closeSync(fd);
  } catch (thrown) {
    rmSync(path, { force: true });
    throw thrown instanceof VxlaneError ? thrown : bugReportUnwritable(path, thrown);
  }
}
