/** The daemon's side of the control socket: HTTP on a Unix socket, requests checked, errors told in one line. */
import { chmodSync, chownSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { socketUnusable } from '../errors.js';
import { type AppOptions, createApp } from './app.js';
import { claimSocketPath } from './socket-file.js';

/** Root and the socket's group may connect; nobody else. */
const SOCKET_MODE = 0o660;
const OPEN_SOCKET_MODE = 0o666;
/** To chown(2). */
const KEEP_OWNER = -1;

export interface ControlServerOptions extends AppOptions {
  /** Path of the Unix socket. Its directory is created if need be. */
  readonly socket: string;
  /** Number of the group whose members may command the daemon; absent: the group of the daemon itself. */
  readonly gid?: number | undefined;
  /** Everybody can connect, and `accessOf` alone tells who may do what. */
  readonly isOpen?: boolean;
}

/** Resolves when the socket answers. Refuses a path where a daemon answers, or that is something else than a socket. */
export async function startControlServer(options: ControlServerOptions): Promise<{ close(): Promise<void> }> {
  const { socket, gid, isOpen = false } = options;
  await claimSocketPath(socket);
  const app = createApp(options);
  await listen(app, socket, gid, isOpen ? OPEN_SOCKET_MODE : SOCKET_MODE);
  return { close: () => app.close() };
}

async function listen(app: FastifyInstance, socket: string, gid: number | undefined, mode: number): Promise<void> {
  // Nobody but the owner may connect between bind and chmod.
  const umask = process.umask(0o077);
  try {
    await app.listen({ path: socket });
    if (gid !== undefined) chownSync(socket, KEEP_OWNER, gid);
    chmodSync(socket, mode);
  } catch (cause) {
    await app.close();
    throw socketUnusable(socket, cause);
  } finally {
    process.umask(umask);
  }
}
