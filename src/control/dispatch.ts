/** From a request to one call of the controller: what stands in path, query and body is parsed on the way. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { type Controller, PARAMETERS, SCHEMAS } from './protocol.js';
import { parse } from './refusal.js';
import { ROUTES, type RouteName } from './routes.js';

const NO_QUERY = z.strictObject({});

/** What the schemas of a route are to those who do not know which route it is. */
interface AnySchemas {
  readonly reply: z.ZodType | null;
  readonly body?: z.ZodType;
  readonly query?: z.ZodType;
}

type Call = (...args: unknown[]) => unknown;

export function addRoutes(app: FastifyInstance, controller: Controller, names: readonly RouteName[]): void {
  for (const name of names) {
    const { method, path, status } = ROUTES[name];
    const schemas: AnySchemas = SCHEMAS[name];
    const parameters = parametersOf(path);
    app.route({
      method,
      url: path,
      handler: async ({ params, query, body }, reply) => {
        const given = parse(parameters, params);
        const asked = parse(schemas.query ?? NO_QUERY, query);
        const args = Object.keys(parameters.shape).map((each) => given[each]);
        if (schemas.body !== undefined) args.push(parse(schemas.body, body));
        else if (schemas.query !== undefined) args.push(asked);
        const answer = await (controller[name] as Call).call(controller, ...args, goneOf(reply.raw));
        return reply.code(status).send(schemas.reply === null ? undefined : answer);
      },
    });
  }
}

/** Aborted when the client goes before it has its answer. */
function goneOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** Those of a path, in its order. */
function parametersOf(path: string): z.ZodObject {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as keyof typeof PARAMETERS);
  return z.strictObject(Object.fromEntries(names.map((name) => [name, PARAMETERS[name]])));
}
