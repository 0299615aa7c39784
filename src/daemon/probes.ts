/** What Prometheus, Kubernetes and load balancers are told. */
import type { Probes } from '../control/probes.js';
import type { DaemonView } from '../control/protocol.js';
import type { Registry } from './commands/registry.js';
import { MetricsPage } from './metrics/page.js';

export class DaemonProbes implements Probes {
  readonly #registry: Registry;
  readonly #page: MetricsPage;

  constructor(registry: Registry, daemon: () => DaemonView) {
    this.#registry = registry;
    this.#page = new MetricsPage(registry, daemon);
  }

  metrics(): Promise<Uint8Array> {
    return this.#page.make();
  }

  /** Degraded overlays are no reason: to end the daemon mends nothing of them, and harms the others. */
  unhealthy(): string | null {
    const worker = this.#registry.datapath.workerViews().findIndex(({ isRunning }) => !isRunning);
    return worker < 0 ? null : `datapath worker ${worker} does not run`;
  }

  unready(): string | null {
    return this.#registry.isEnding() ? 'the daemon is ending' : this.unhealthy();
  }
}
