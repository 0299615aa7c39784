/** What machines ask that know nothing of this API: Prometheus, Kubernetes, load balancers. Text, at their paths. */
import type { FastifyInstance } from 'fastify';

export interface Probes {
  /** A page in the text format of Prometheus. */
  metrics(): Promise<Uint8Array>;
  /** One line: why the daemon is of no use until somebody ends it; null: it lives. */
  unhealthy(): string | null;
  /** One line: why it is not to be used now; null: it is ready. */
  unready(): string | null;
}

/** Prometheus' text format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const UNAVAILABLE = 503;

/** Paths that say no more than whether the daemon lives. */
export const HEALTH_PATHS = ['/healthz', '/readyz'] as const;
export const PROBE_PATHS = ['/metrics', ...HEALTH_PATHS] as const;

export function addProbes(app: FastifyInstance, probes: Probes): void {
  app.get('/metrics', async (_, reply) => reply.type(METRICS_TYPE).send(await probes.metrics()));
  const asked = { '/healthz': () => probes.unhealthy(), '/readyz': () => probes.unready() } as const;
  for (const path of HEALTH_PATHS) {
    app.get(path, async (_, reply) => {
      const reason = asked[path]();
      reply.type('text/plain; charset=utf-8').code(reason === null ? 200 : UNAVAILABLE);
      return reply.send(`${reason ?? 'ok'}\n`);
    });
  }
}
