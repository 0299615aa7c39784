/** What the report is of: a daemon's socket, its process as far as there is one, and its files. */
import { statSync } from 'node:fs';
import type { Client } from '../../control/client.js';
import { attempt, type Known } from '../../doctor/finding.js';
import { DEFAULT_STATE_DIR, daemonNamed, daemonOf, packagedConfig } from '../../doctor/gather/processes.js';
import { VxlaneError } from '../../errors.js';

/** What is not known of a daemon that answers is of one whose process is not to be found from here. */
export interface Place {
  readonly client: Client;
  readonly socket: string;
  /** Why no daemon answers; null: one does. */
  readonly silence: string | null;
  /** Of the daemon that has the socket, also when it does not answer. */
  readonly pid: Known<number>;
  readonly stateDir: Known<string>;
  /** null: there is no configuration file. */
  readonly config: Known<string> | null;
  /** What opens `--http`, in a file; null: it was not given, or is not known. */
  readonly tokenFile: string | null;
  /** The daemon's network namespace where that is another than this process's, or cannot be told; else null. */
  readonly netns: Known<string> | null;
}

const ABSENT = { unknown: 'there is no process that has the socket, or none that can be seen' };

/** `stateDir`: null: what the daemon was told. */
export async function placeOf(client: Client, socket: string, stateDir: string | null): Promise<Place> {
  const answered = await client.daemon().catch((thrown: unknown) => {
    if (thrown instanceof VxlaneError) return thrown;
    throw thrown;
  });
  const isThere = !(answered instanceof VxlaneError);
  const given = { client, socket, silence: isThere ? null : answered.message };
  const found = attempt(() => (isThere ? daemonNamed(answered.pid, socket) : daemonOf(socket)));
  if ('unknown' in found) {
    const kept = stateDir === null ? found : { value: stateDir };
    return { ...given, pid: found, stateDir: kept, config: found, tokenFile: null, netns: found };
  }
  const process = found.value;
  const config = process === null ? packagedConfig() : process.config;
  return {
    ...given,
    pid: process === null ? ABSENT : { value: process.pid },
    stateDir: { value: stateDir ?? process?.stateDir ?? DEFAULT_STATE_DIR },
    config: config === null ? null : { value: config },
    tokenFile: process?.tokenFile ?? null,
    netns: process === null || isOwnNetns(process.pid) ? null : { value: `/proc/${process.pid}/ns/net` },
  };
}

function isOwnNetns(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino === statSync('/proc/self/ns/net').ino;
  } catch {
    return false;
  }
}
