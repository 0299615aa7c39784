/**
 * The API on a TCP port, for what only reads: routes that change something, or have something done, are not there. The
 * loopback is for whoever is on this host; elsewhere a token is asked for, since a reader learns who talks to whom.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Endpoint, formatEndpoint, parseIp } from '../address.js';
import { foreignHost, httpUnusable, tokenMissing } from '../errors.js';
import { type AppOptions, createApp } from './app.js';
import type { HttpToken } from './http-token.js';
import { HEALTH_PATHS } from './probes.js';

export interface HttpOptions extends AppOptions {
  readonly address: Endpoint;
  readonly token: HttpToken;
}

/** Resolves when the port answers. */
export async function startHttpServer({
  address,
  token,
  ...options
}: HttpOptions): Promise<{ close(): Promise<void> }> {
  const app = createApp(options, ({ isReadOnly }) => isReadOnly === true);
  admit(app, token);
  try {
    await app.listen({ host: address.ip, port: address.port });
  } catch (cause) {
    await app.close();
    throw httpUnusable(formatEndpoint(address), cause);
  }
  return { close: () => app.close() };
}

function admit(app: FastifyInstance, token: HttpToken): void {
  app.addHook('onRequest', async (request, reply) => {
    if (!token.isAsked) refuseForeignHost(request);
    else if (!isHealth(request) && !token.isShown(request.headers.authorization)) {
      const { code, message } = tokenMissing();
      reply.code(401).header('www-authenticate', 'Bearer');
      return reply.send({ error: { code, message } });
    }
    return undefined;
  });
}

/** They say no more than that there is a daemon, and who asks for them can seldom show anything. */
function isHealth({ url }: FastifyRequest): boolean {
  return (HEALTH_PATHS as readonly string[]).includes(url);
}

/**
 * A page of the web can have its name point to this host, and then read what a browser here gets under that name. So
 * without a token only names that cannot be given away are answered to.
 */
function refuseForeignHost({ headers }: FastifyRequest): void {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  const name = host.replace(/^\[(.*)\]$/, '$1');
  if (name !== 'localhost' && parseIp(name) === null) throw foreignHost(host);
}
