/** What a client may do, by who is behind its connection: everything, or to look, or nothing. */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { notPermitted } from '../errors.js';

export type Access = 'all' | 'read' | 'none';

/** `fd`: the descriptor of an accepted connection. Throws when it cannot be told. */
export type AccessOf = (fd: number) => Access;

/** What the client of a connection may do. */
export type AccessBehind = (socket: Socket) => Access;

/** Asked once a connection: whoever is behind it stays so. */
export function accessBehind(accessOf: AccessOf): AccessBehind {
  const known = new WeakMap<Socket, Access>();
  return (socket) => {
    const access = known.get(socket) ?? accessNow(socket, accessOf);
    known.set(socket, access);
    return access;
  };
}

/** Refuses what the client may not do, before anything of the request is looked at. */
export function guardAccess(app: FastifyInstance, behind: AccessBehind): void {
  app.addHook('onRequest', async ({ method, raw: { socket } }) => {
    const access = behind(socket);
    if (access === 'all' || (access === 'read' && method === 'GET')) return;
    throw notPermitted(access === 'read');
  });
}

/** Who cannot be known may do nothing. Node has no public name for the descriptor of a socket. */
function accessNow(socket: Socket, accessOf: AccessOf): Access {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd ?? -1;
  if (fd < 0) return 'none';
  try {
    return accessOf(fd);
  } catch {
    return 'none';
  }
}
