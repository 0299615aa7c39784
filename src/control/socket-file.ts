/** The path of a Unix socket as a claim: a stale file is replaced, a live daemon or a foreign file never. */
import { lstatSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { makeDirectory } from '../directory.js';
import { messageOf, socketAnswers, socketPathTaken, socketPathTooLong, socketUnusable } from '../errors.js';
import { distrustDirectory } from '../ownership.js';
import { createClient } from './client.js';

/** `sun_path` of struct sockaddr_un is 108 bytes with its terminating zero. */
const SUN_PATH_MAX = 107;

/** Throws if the kernel could not take `path` as the address of a Unix socket. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > SUN_PATH_MAX) throw socketPathTooLong(path, bytes);
}

/** Makes `path` free to bind: creates its directory, removes a socket nobody answers on, throws on anything else. */
export async function claimSocketPath(path: string): Promise<void> {
  checkSocketPath(path);
  try {
    makeDirectory(dirname(path), 0o755);
    const reason = distrustDirectory(statSync(dirname(path)));
    if (reason !== null) throw new Error(`directory ${dirname(path)}: ${reason}`);
  } catch (cause) {
    throw socketUnusable(path, cause);
  }
  const found = statOf(path);
  if (found === null) return;
  if (!found.isSocket()) throw socketPathTaken(path);
  if (await answers(path)) throw socketAnswers(path, await pidBehind(path));
  // Another daemon may have replaced the stale socket by its own meanwhile: only what was found stale is removed.
  const now = statOf(path);
  if (now === null) return;
  if (now.ino !== found.ino || now.dev !== found.dev) throw socketAnswers(path, await pidBehind(path));
  unlinkSync(path);
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (cause) {
    throw socketUnusable(path, cause);
  }
}

/** True if a process has the socket open for connections. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // A full backlog is a process too busy to accept, not an absent one.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(socketUnusable(path, messageOf(error)));
    });
  });
}

async function pidBehind(path: string): Promise<number | null> {
  try {
    return (await createClient(path).daemon()).pid;
  } catch {
    return null;
  }
}
