/** `vxlane status`, of the daemon itself. */
import type { ConfigurationView, DaemonView } from '../../control/protocol.js';
import { effectiveCapabilities } from '../../system/capabilities.js';
import { version } from '../../version.js';
import type { Registry } from './registry.js';

export interface DaemonFacts {
  /** Why the engine is not the faster one; '' when it is. */
  readonly engineReason: string;
  /** Milliseconds of the monotonic clock. */
  readonly startedAtMs: number;
  /** pid of the daemon that is taking over. */
  readonly successor: number | null;
}

export function daemonView(
  { datapath, border, now, log }: Registry,
  { engineReason, startedAtMs, successor }: DaemonFacts,
  configuration: ConfigurationView | null,
): DaemonView {
  return {
    version: version(),
    pid: process.pid,
    engine: datapath.engine,
    engineReason,
    underlay: { border: border.kind, reason: border.reason },
    capabilities: effectiveCapabilities(),
    workers: datapath.workers,
    fdbSize: datapath.fdbSize,
    fdbEntries: datapath.fdbCount,
    workerRestarts: datapath.workerRestarts,
    captures: datapath.captureCount,
    logLevel: log.level,
    uptimeSeconds: Math.floor((now() - startedAtMs) / 1000),
    successor,
    configuration,
  };
}
