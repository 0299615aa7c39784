/** What is kept in files: the configuration, the state, the log. */
import { constants, fstatSync, lstatSync, readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { known } from '../../doctor/finding.js';
import { messageOf } from '../../errors.js';
import { jsonPart, PART_BYTES_MAX, type Part } from '../part.js';
import type { Redactor } from '../redactor.js';
import { run } from '../run.js';
import type { Place } from './place.js';

/** Of a file of the state, or of the configuration. */
const FILE_BYTES_MAX = 1 << 20;
/** Of the files of a folder of the state. */
const FILES_MAX = 2000;
const LOG_BYTES_MAX = 2 << 20;
const JOURNAL_LINES = 5000;
const LISTED_MAX = 10_000;

export function keptParts({ stateDir, config, pid }: Place, redactor: Redactor): Part[] {
  const state = (folder: string) =>
    jsonPart(`state/${folder}.json`, `${folder} as the state directory has them`, () =>
      stateOf(join(known(stateDir), folder), redactor),
    );
  return [
    ...(config === null
      ? []
      : [
          {
            name: 'config.yaml',
            what: `the configuration${'value' in config ? `, ${config.value}` : ''}`,
            gather: () => configOf(known(config), redactor),
          },
        ]),
    state('overlays'),
    state('vnics'),
    {
      name: 'state/files.txt',
      what: `sizes and times of the files in ${'value' in stateDir ? stateDir.value : 'the state directory'}`,
      gather: () => listing(known(stateDir)),
    },
    { name: 'log/daemon.log', what: "the end of the daemon's log", keepsEnd: true, gather: () => logOf(known(pid)) },
    {
      name: 'log/journal.txt',
      what: 'the end of the journal of vxlane.service',
      keepsEnd: true,
      gather: () =>
        run(['journalctl', '-u', 'vxlane', '-n', String(JOURNAL_LINES), '-o', 'short-iso', '--no-pager', '-q']),
    },
  ];
}

/** Of what cannot be read as YAML nobody can tell what is secret. */
async function configOf(path: string, redactor: Redactor): Promise<string> {
  const text = await readWhole(path);
  try {
    return redactor.yaml(text);
  } catch (thrown) {
    throw new Error(`${path} is left out, for what is secret in it cannot be told: ${messageOf(thrown)}`);
  }
}

/** By name of the file; of one that is no JSON there is but the reason. */
async function stateOf(directory: string, redactor: Redactor): Promise<Record<string, unknown>> {
  const names = namesIn(directory);
  const kept: Record<string, unknown> = {};
  for (const name of names.slice(0, FILES_MAX)) {
    try {
      kept[name] = redactedJson(await readWhole(join(directory, name)), redactor);
    } catch (thrown) {
      kept[name] = { leftOut: messageOf(thrown) };
    }
  }
  if (names.length > FILES_MAX) kept['...'] = { leftOut: `${names.length - FILES_MAX} files more` };
  return kept;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (thrown) {
    throw new Error(`${directory} cannot be read: ${(thrown as NodeJS.ErrnoException).code}`);
  }
}

function redactedJson(text: string, redactor: Redactor): unknown {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // For what can be learnt of it: a log may have the same. JSON.parse complains with a piece of the text.
    attempt(() => redactor.yaml(text));
    throw new Error('it is no JSON, or cut off');
  }
  return redactor.object(content, true);
}

function attempt(action: () => unknown): void {
  try {
    action();
  } catch {
    // It was tried.
  }
}

function listing(directory: string): string {
  const lines: string[] = [];
  const walk = (at: string): void => {
    for (const name of namesIn(at)) {
      if (lines.length >= LISTED_MAX) return;
      const path = join(at, name);
      try {
        const stat = lstatSync(path);
        const mode = stat.mode.toString(8).padStart(6, '0');
        lines.push(`${mode} ${stat.uid}:${stat.gid} ${stat.size} ${stat.mtime.toISOString()} ${path}\n`);
        if (stat.isDirectory()) walk(path);
      } catch (thrown) {
        lines.push(`${messageOf(thrown)}\n`); // the daemon writes here meanwhile
      }
    }
  };
  walk(directory);
  return lines.join('');
}

/** Where its output is a file; the journal has it else. */
async function logOf(pid: number): Promise<string> {
  const file = await openPlain(`/proc/${pid}/fd/1`, "the daemon's output is no file; see log/journal.txt");
  try {
    const { size } = fstatSync(file.fd);
    const from = Math.max(0, size - LOG_BYTES_MAX);
    const text = (await bytesOf(file, from, size - from)).toString();
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

async function readWhole(path: string): Promise<string> {
  const file = await openPlain(path, `${path} is no regular file`);
  try {
    const { size } = fstatSync(file.fd);
    if (size > FILE_BYTES_MAX) throw new Error(`${path} has ${size} bytes, more than ${FILE_BYTES_MAX}`);
    return (await bytesOf(file, 0, size)).toString();
  } finally {
    await file.close();
  }
}

/** A FIFO would wait for a writer, and a device has no end. */
async function openPlain(path: string, otherwise: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((thrown: NodeJS.ErrnoException) => {
    throw thrown.code === 'ENXIO' ? new Error(otherwise) : thrown;
  });
  if (fstatSync(file.fd).isFile()) return file;
  await file.close();
  throw new Error(otherwise);
}

async function bytesOf(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(length, PART_BYTES_MAX)), 0, length, from);
  return buffer.subarray(0, bytesRead);
}
