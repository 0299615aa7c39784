/** What every server of the API has in common: its routes, limits, and how it refuses. */
import fastify, { type FastifyInstance } from 'fastify';
import { noSuchRoute } from '../errors.js';
import { stackOf } from '../stack.js';
import { type AccessOf, accessBehind, guardAccess } from './access.js';
import { addCaptureStream, CAPTURES_PATH, type CaptureFeed } from './capture-stream.js';
import { limitConnections, REQUEST_TIMEOUT_MS, refuseUnparsed } from './connections.js';
import { addRoutes } from './dispatch.js';
import { addEventStream, type EventFeed, STREAM_PATH } from './event-stream.js';
import { addProbes, PROBE_PATHS, type Probes } from './probes.js';
import type { Controller } from './protocol.js';
import { bugRefusal, refusalOf } from './refusal.js';
import { BODY_MAX, ROUTES, type Route, type RouteName } from './routes.js';

export interface AppOptions {
  /** Who may do what of those who can connect; absent: everything. */
  readonly accessOf?: AccessOf;
  readonly controller: Controller;
  readonly probes: Probes;
  readonly events: EventFeed;
  /** Absent: frames are not to be had here. */
  readonly captures?: CaptureFeed;
  readonly log: { error(message: string, fields?: object): void };
}

/** Listens nowhere yet. `isServed`: which routes there are; absent: all. */
export function createApp(
  { controller, probes, events, captures, log, accessOf }: AppOptions,
  isServed: (route: Route) => boolean = () => true,
): FastifyInstance {
  const app = fastify({
    forceCloseConnections: true,
    bodyLimit: BODY_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 1000 },
    clientErrorHandler: refuseUnparsed,
    // A name too long is the controller's to refuse, by its own text.
    routerOptions: { maxParamLength: 4096 },
  });
  const behind = accessOf === undefined ? null : accessBehind(accessOf);
  limitConnections(app.server, behind ?? (() => 'all'));
  if (behind !== null) guardAccess(app, behind);
  readEveryBodyAsJson(app);
  const served = (Object.keys(ROUTES) as RouteName[]).filter((name) => isServed(ROUTES[name]));
  app.setNotFoundHandler(async (request) => {
    const routes = served.map((name) => `${ROUTES[name].method} ${ROUTES[name].path}`);
    throw noSuchRoute(request.method, request.url, [
      ...routes,
      ...[STREAM_PATH, ...PROBE_PATHS].map((path) => `GET ${path}`),
      ...(captures === undefined ? [] : [`POST ${CAPTURES_PATH}`]),
    ]);
  });
  app.setErrorHandler(async (thrown, request, reply) => {
    const refusal = refusalOf(thrown);
    if (refusal === null) {
      const stack = stackOf(thrown);
      log.error('bug while serving the control socket', { method: request.method, url: request.url, stack });
    }
    const { status, body } = refusal ?? bugRefusal();
    return reply.code(status).send(body);
  });
  addRoutes(app, controller, served);
  addProbes(app, probes);
  addEventStream(app, events);
  if (captures !== undefined) addCaptureStream(app, captures);
  return app;
}

/** `curl -d '{…}'` sends a form's content type; what arrives here is JSON whatever it is called. */
function readEveryBodyAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
}
