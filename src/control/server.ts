/** The daemon's side of the control socket: HTTP on a Unix socket, requests checked, errors told in one line. */
import { chmodSync } from 'node:fs';
import fastify, { type FastifyInstance } from 'fastify';
import { noSuchRoute, socketUnusable } from '../errors.js';
import type { Controller } from './protocol.js';
import { bugRefusal, refusalOf } from './refusal.js';
import { addRoutes } from './routes.js';
import { claimSocketPath } from './socket-file.js';

/** Root and the socket's group may command the daemon; nobody else. */
const SOCKET_MODE = 0o660;

export interface ControlServerOptions {
  /** Path of the Unix socket. Its directory is created if need be. */
  socket: string;
  controller: Controller;
  log: { error(message: string, fields?: object): void };
}

/** Resolves when the socket answers. Refuses a path where a daemon answers, or that is something else than a socket. */
export async function startControlServer(options: ControlServerOptions): Promise<{ close(): Promise<void> }> {
  const { socket, controller, log } = options;
  await claimSocketPath(socket);
  const app = fastify({
    forceCloseConnections: true,
    // A name too long is the controller's to refuse, by its own text.
    routerOptions: { maxParamLength: 4096 },
  });
  readEveryBodyAsJson(app);
  const routes = listRoutes(app);
  app.setNotFoundHandler(async (request) => {
    throw noSuchRoute(request.method, request.url, routes);
  });
  app.setErrorHandler(async (thrown, request, reply) => {
    const refusal = refusalOf(thrown);
    if (refusal === null) {
      const stack = thrown instanceof Error ? thrown.stack : String(thrown);
      log.error('bug while serving the control socket', { method: request.method, url: request.url, stack });
    }
    const { status, body } = refusal ?? bugRefusal();
    return reply.code(status).send(body);
  });
  addRoutes(app, controller);
  await listen(app, socket);
  return { close: () => app.close() };
}

/** Those that are added from now on, as they are. */
function listRoutes(app: FastifyInstance): readonly string[] {
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (method !== 'HEAD') routes.push(`${method} ${url}`);
  });
  return routes;
}

/** `curl -d '{…}'` sends a form's content type; what arrives here is JSON whatever it is called. */
function readEveryBodyAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
}

async function listen(app: FastifyInstance, socket: string): Promise<void> {
  // Nobody but the owner may connect between bind and chmod.
  const umask = process.umask(0o077);
  try {
    await app.listen({ path: socket });
    chmodSync(socket, SOCKET_MODE);
  } catch (cause) {
    await app.close();
    throw socketUnusable(socket, cause);
  } finally {
    process.umask(umask);
  }
}
