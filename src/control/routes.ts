/** The routes of protocol.ts, each one call of the controller. */
import type { FastifyInstance } from 'fastify';
import { parseMac } from '../address.js';
import { badLimit, badMac } from '../errors.js';
import {
  type Controller,
  CreateOverlay,
  CreateVnic,
  ModifyOverlay,
  type PageRequest,
  SetLogLevel,
  SetTarget,
  TARGETS_DEFAULT,
  TARGETS_MAX,
} from './protocol.js';
import { parseBody } from './refusal.js';

interface Named {
  Params: { name: string };
}

interface NamedMac {
  Params: { name: string; mac: string };
}

interface NamedPage extends Named {
  Querystring: { after?: string | string[]; limit?: string | string[] };
}

const CREATED = 201;
const NO_CONTENT = 204;

/** Any usual spelling in a URL; the controller gets the canonical one. */
function macOf(text: string): string {
  const mac = parseMac(text);
  if (mac === null) throw badMac(text);
  return mac;
}

function pageOf({ after, limit = String(TARGETS_DEFAULT) }: NamedPage['Querystring']): PageRequest {
  const count = /^\d{1,9}$/.test(String(limit)) ? Number(limit) : 0;
  if (count < 1 || count > TARGETS_MAX) throw badLimit(String(limit), TARGETS_MAX);
  return { after: after === undefined ? null : macOf(String(after)), limit: count };
}

export function addRoutes(app: FastifyInstance, controller: Controller): void {
  app.get('/v1/daemon', async () => controller.daemon());
  app.get('/v1/status', async () => controller.status());
  app.put('/v1/log-level', async ({ body }, reply) => {
    controller.setLogLevel(parseBody(SetLogLevel, body).level);
    return reply.code(NO_CONTENT).send();
  });
  app.get<{ Querystring: { overlay?: string | string[] } }>('/v1/stats', async ({ query }) =>
    controller.stats(query.overlay === undefined ? [] : [query.overlay].flat()),
  );
  addOverlayRoutes(app, controller);
  addTargetRoutes(app, controller);
  addVnicRoutes(app, controller);
}

function addOverlayRoutes(app: FastifyInstance, controller: Controller): void {
  app.get('/v1/overlays', async () => controller.overlays());
  app.post('/v1/overlays', async ({ body }, reply) => {
    reply.code(CREATED);
    return controller.createOverlay(parseBody(CreateOverlay, body));
  });
  app.get<Named>('/v1/overlays/:name', async ({ params }) => controller.overlay(params.name));
  app.patch<Named>('/v1/overlays/:name', async ({ params, body }) =>
    controller.modifyOverlay(params.name, parseBody(ModifyOverlay, body)),
  );
  app.delete<Named>('/v1/overlays/:name', async ({ params }, reply) => {
    await controller.deleteOverlay(params.name);
    return reply.code(NO_CONTENT).send();
  });
}

function addTargetRoutes(app: FastifyInstance, controller: Controller): void {
  app.get<NamedPage>('/v1/overlays/:name/targets', async ({ params, query }) =>
    controller.targets(params.name, pageOf(query)),
  );
  app.delete<Named>('/v1/overlays/:name/targets', async ({ params }, reply) => {
    await controller.flushTargets(params.name);
    return reply.code(NO_CONTENT).send();
  });
  app.put<NamedMac>('/v1/overlays/:name/targets/:mac', async ({ params, body }, reply) => {
    await controller.setTarget(params.name, macOf(params.mac), parseBody(SetTarget, body));
    return reply.code(NO_CONTENT).send();
  });
  app.delete<NamedMac>('/v1/overlays/:name/targets/:mac', async ({ params }, reply) => {
    await controller.deleteTarget(params.name, macOf(params.mac));
    return reply.code(NO_CONTENT).send();
  });
  app.get<Named>('/v1/overlays/:name/moves', async ({ params }) => controller.moves(params.name));
  app.delete<NamedMac>('/v1/overlays/:name/moves/:mac', async ({ params }, reply) => {
    controller.thaw(params.name, macOf(params.mac));
    return reply.code(NO_CONTENT).send();
  });
  app.get<NamedMac>('/v1/overlays/:name/lookup/:mac', async ({ params }) =>
    controller.lookup(params.name, macOf(params.mac)),
  );
}

function addVnicRoutes(app: FastifyInstance, controller: Controller): void {
  app.get('/v1/vnics', async () => controller.vnics());
  app.post('/v1/vnics', async ({ body }, reply) => {
    reply.code(CREATED);
    return controller.createVnic(parseBody(CreateVnic, body));
  });
  app.delete<Named>('/v1/vnics/:name', async ({ params }, reply) => {
    await controller.deleteVnic(params.name);
    return reply.code(NO_CONTENT).send();
  });
}
