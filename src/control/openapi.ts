/** The control API as an OpenAPI 3.1 document: routes.ts with the schemas of protocol.ts. */
import * as z from 'zod';
import { CAPTURE_HEADER, CAPTURES_PATH, PCAPNG } from './capture-stream.js';
import { CaptureRequest, PARAMETERS, RefusalView, SCHEMAS } from './protocol.js';
import { statusOf } from './refusal.js';
import { ROUTES, type Route, type RouteName } from './routes.js';

type Json = Record<string, unknown>;

/** As `npm run openapi` writes it to docs/openapi.json. */
export function openApiDocument(): Json {
  const schemas = new Components();
  const paths: Record<string, Json> = {};
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    const path = ROUTES[name].path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [ROUTES[name].method.toLowerCase()]: operationOf(name, schemas) };
  }
  paths[CAPTURES_PATH] = { post: captureOperation(schemas) };
  paths[`${CAPTURES_PATH}/{id}`] = { delete: endCaptureOperation() };
  const refused = responseOf('Refused; `code` says why.', schemas.reference(RefusalView, 'output'));
  return {
    openapi: '3.1.0',
    info: {
      title: 'vxlane control API',
      version: '1',
      description:
        'HTTP and JSON over the Unix socket of `vxlane daemon`. ' +
        'Replies may get more fields: ignore those you do not know.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'http://vxlane', description: 'Any host name, over the socket /run/vxlane/vxlane.sock.' }],
    security: [],
    paths,
    components: { schemas: schemas.all(), responses: { refused } },
  };
}

function operationOf(name: RouteName, schemas: Components): Json {
  const route: Route = ROUTES[name];
  const { reply, body, query }: { reply: z.ZodType | null; body?: z.ZodType; query?: z.ZodObject } = SCHEMAS[name];
  const parameters = [...pathParameters(route.path, schemas), ...queryParameters(query?.shape ?? {}, schemas)];
  const done = reply === null ? { description: 'Done.' } : responseOf('Done.', schemas.reference(reply, 'output'));
  return {
    operationId: name,
    summary: route.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, ...jsonContent(schemas.reference(body, 'input')) } }),
    responses: {
      [route.status]: done,
      ...refusalsOf(route.refuses),
      default: { $ref: '#/components/responses/refused' },
    },
  };
}

/** Not one of the routes: what it answers goes on for as long as its client likes. */
function captureOperation(schemas: Components): Json {
  const refuses = [
    ...['bad_ip', 'bad_reason', 'no_such_overlay', 'not_loaded', 'overlay_not_up'],
    ...['no_such_vnic', 'vnic_not_up', 'too_many_captures'],
  ];
  return {
    operationId: 'capture',
    summary: 'Frames as they pass, as a pcapng file that goes on until its client leaves or ends it.',
    requestBody: { required: true, ...jsonContent(schemas.reference(CaptureRequest, 'input')) },
    responses: {
      200: {
        description: 'It has begun.',
        headers: { [CAPTURE_HEADER]: { description: 'Its id, to end it by.', schema: { type: 'string' } } },
        content: { [PCAPNG]: { schema: { type: 'string', format: 'binary' } } },
      },
      ...refusalsOf(refuses),
      default: { $ref: '#/components/responses/refused' },
    },
  };
}

function endCaptureOperation(): Json {
  const description = 'Of the capture.';
  return {
    operationId: 'endCapture',
    summary: 'End a capture: its statistics are written, and its file ends.',
    parameters: [{ name: 'id', in: 'path', required: true, description, schema: { type: 'string' } }],
    responses: {
      204: { description: 'Done.' },
      ...refusalsOf(['no_such_capture']),
      default: { $ref: '#/components/responses/refused' },
    },
  };
}

function pathParameters(path: string, schemas: Components): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => {
    const { description, ...schema } = schemas.reference(PARAMETERS[name as keyof typeof PARAMETERS], 'input');
    return { name, in: 'path', required: true, description, schema };
  });
}

function queryParameters(shape: z.ZodRawShape, schemas: Components): Json[] {
  return Object.entries(shape).map(([name, each]) => {
    const { description, ...schema } = schemas.reference(each as z.ZodType, 'input');
    return { name, in: 'query', description, schema };
  });
}

/** By status, which codes a client may meet. */
function refusalsOf(refuses: readonly string[]): Json {
  const codes = ['bad_request', 'not_permitted', ...refuses];
  return Object.fromEntries(
    [...new Set(codes.map(statusOf))].map((status) => {
      const named = codes.filter((code) => statusOf(code) === status).map((code) => `\`${code}\``);
      return [status, responseOf(`Refused: ${named.join(', ')}.`, { $ref: '#/components/schemas/RefusalView' })];
    }),
  );
}

function responseOf(description: string, schema: Json): Json {
  return { description, ...jsonContent(schema) };
}

function jsonContent(schema: Json): Json {
  return { content: { 'application/json': { schema } } };
}

/** Schemas that have a name, and are spoken of by it. */
class Components {
  readonly #named = new Map<string, Json>();

  /** The schema, or where it is. */
  reference(schema: z.ZodType, io: 'input' | 'output'): Json {
    // What is inside of another schema is spoken of by its name, where it has one.
    const { $defs = {}, properties } = z.toJSONSchema(z.strictObject({ it: schema }), {
      io,
      override: ({ jsonSchema }) => trim(jsonSchema, io),
    });
    for (const [id, each] of Object.entries($defs)) this.#named.set(id, inComponents(each));
    return inComponents(properties!.it as Json);
  }

  all(): Json {
    return Object.fromEntries([...this.#named].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/**
 * Takes off what says nothing here: what zod knows of all integers, and that a reply has no other fields, which a later
 * version may give it.
 */
function trim(schema: Json, io: 'input' | 'output'): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
}

function inComponents(schema: object): Json {
  const { id, ...rest } = JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
  return rest;
}
