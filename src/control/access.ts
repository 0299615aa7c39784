/** What a client may do, by who is behind its connection: everything, or to look, or nothing. */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { notPermitted } from '../errors.js';

export type Access = 'all' | 'read' | 'none';

/** `fd`: the descriptor of an accepted connection. Throws when it cannot be told. */
export type AccessOf = (fd: number) => Access;

/** Refuses what the client may not do, before anything of the request is looked at. */
export function guardAccess(app: FastifyInstance, accessOf: AccessOf): void {
  const known = new WeakMap<Socket, Access>();
  app.addHook('onRequest', async ({ method, raw: { socket } }) => {
    const access = known.get(socket) ?? accessBehind(socket, accessOf);
    known.set(socket, access);
    if (access === 'all' || (access === 'read' && method === 'GET')) return;
    throw notPermitted(access === 'read');
  });
}

/** Who cannot be known may do nothing. Node has no public name for the descriptor of a socket. */
function accessBehind(socket: Socket, accessOf: AccessOf): Access {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd ?? -1;
  if (fd < 0) return 'none';
  try {
    return accessOf(fd);
  } catch {
    return 'none';
  }
}
