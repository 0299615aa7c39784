/** What the report is of: a daemon's socket, its process as far as there is one, and its files. */
import { statSync } from 'node:fs';
import type { Client } from '../../control/client.js';
import { DEFAULT_STATE_DIR, daemonAt, daemonOf, packagedConfig } from '../../doctor/gather/processes.js';
import { VxlaneError } from '../../errors.js';

export interface Place {
  readonly client: Client;
  readonly socket: string;
  /** Why no daemon answers; null: one does. */
  readonly silence: string | null;
  /** Of the daemon that has the socket, also when it does not answer; null: there is none. */
  readonly pid: number | null;
  readonly stateDir: string;
  /** null: there is no configuration file. */
  readonly config: string | null;
  /** What opens `--http`, in a file; null: it was not given. */
  readonly tokenFile: string | null;
  /** The daemon's network namespace where that is another than this process's, or cannot be told; else null. */
  readonly netns: string | null;
}

/** `stateDir`: null: what the daemon was told. */
export async function placeOf(client: Client, socket: string, stateDir: string | null): Promise<Place> {
  const answered = await client.daemon().catch((thrown: unknown) => {
    if (thrown instanceof VxlaneError) return thrown;
    throw thrown;
  });
  const isThere = !(answered instanceof VxlaneError);
  const process = isThere ? daemonAt(answered.pid) : daemonOf(socket);
  const pid = isThere ? answered.pid : (process?.pid ?? null);
  return {
    client,
    socket,
    silence: isThere ? null : answered.message,
    pid,
    stateDir: stateDir ?? process?.stateDir ?? DEFAULT_STATE_DIR,
    config: process === null ? packagedConfig() : process.config,
    tokenFile: process?.tokenFile ?? null,
    netns: pid === null || isOwnNetns(pid) ? null : `/proc/${pid}/ns/net`,
  };
}

function isOwnNetns(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino === statSync('/proc/self/ns/net').ino;
  } catch {
    return false;
  }
}
