/**
 * The API on a TCP port, for what only reads, and the page that shows it in a browser: routes that change something,
 * or have something done, are not there. The loopback is for whoever is on this host; elsewhere a token is asked for,
 * since a reader learns who talks to whom.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Endpoint, formatEndpoint, parseIp } from '../address.js';
import { foreignHost, foreignOrigin, httpUnusable, tokenMissing, tooManyQuestions } from '../errors.js';
import { type AppOptions, createApp } from './app.js';
import type { HttpToken } from './http-token.js';
import { addPage, isPageFile } from './page.js';
import { HEALTH_PATHS } from './probes.js';

/** Of all clients together; each may cost a search plugin 3 s. */
const QUESTIONS_PER_SECOND = 5;

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
  const app = createApp(options, ({ isReadOnly, isRationed }) => isReadOnly === true || isRationed === true);
  admit(app, token);
  ration(app);
  addPage(app);
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
    else if (!isPublic(request) && !token.isShown(request.headers.authorization)) {
      const { code, message } = tokenMissing();
      reply.code(401).header('www-authenticate', 'Bearer');
      return reply.send({ error: { code, message } });
    }
    return undefined;
  });
}

/**
 * Health says no more than that there is a daemon, and who asks for it can seldom show anything. Nor can a browser,
 * before it has the page that asks for the token.
 */
function isPublic({ url, method }: FastifyRequest): boolean {
  const path = url.replace(/\?.*/, '');
  return (HEALTH_PATHS as readonly string[]).includes(path) || (method !== 'POST' && isPageFile(path));
}

/**
 * What is not GET here has a search plugin asked: a few times a second, and not because a page of the web says so.
 * Browsers name that page as the origin; of no origin are programs, which need no browser to ask.
 */
function ration(app: FastifyInstance): void {
  let left = QUESTIONS_PER_SECOND;
  let refilledAtMs = performance.now();
  app.addHook('onRequest', async ({ method, headers, is404 }, reply) => {
    if (method !== 'POST' || is404) return undefined;
    const { origin, host = '' } = headers;
    if (origin !== undefined && hostOf(origin) !== host) throw foreignOrigin(origin);
    const nowMs = performance.now();
    left = Math.min(QUESTIONS_PER_SECOND, left + ((nowMs - refilledAtMs) / 1000) * QUESTIONS_PER_SECOND);
    refilledAtMs = nowMs;
    if (left < 1) {
      const { code, message } = tooManyQuestions(QUESTIONS_PER_SECOND);
      return reply.code(429).header('retry-after', '1').send({ error: { code, message } });
    }
    left--;
    return undefined;
  });
}

/** Null where it is none of the web. */
function hostOf(origin: string): string | null {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] ?? null;
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
