/** How the daemon is: a part of the protocol. */
import type { LogLevel } from '../log-levels.js';

export interface DaemonView {
  version: string;
  pid: number;
  engine: string;
  /** Why it is not `uring`; '' when it is. */
  engineReason: string;
  /** What carries super-frames, and why nothing better does; see docs/underlay.md. */
  underlay: { border: 'tap' | 'socket'; reason: string };
  /** Of those that the daemon has a use for: what this process may do, as `CAP_NET_ADMIN`. */
  capabilities: string[];
  workers: number;
  fdbSize: number;
  fdbEntries: number;
  workerRestarts: number;
  /** The least level that is logged. */
  logLevel: LogLevel;
  uptimeSeconds: number;
  /** null: the daemon was started without a configuration file. */
  configuration: ConfigurationView | null;
}

/** One screen: is it well, what is wrong, what shows more. */
export interface StatusView {
  daemon: DaemonView;
  overlays: OverlayStatus[];
  /** Empty: all is well. */
  problems: Problem[];
}

export interface OverlayStatus {
  name: string;
  vni: number;
  search: string;
  status: 'ONLINE' | 'DEGRADED';
  vnics: number;
  vnicsUp: number;
  /** Underlay addresses that the overlay sends to. */
  peers: number;
  mtu: number;
  /** Both ways, over the last 5 to 10 s. */
  framesPerSecond: number;
  /** Without those that are expected. */
  dropsPerSecond: number;
}

export interface Problem {
  /** `note`: worth a look, and no reason to call it broken. */
  severity: 'bad' | 'note';
  /** One line. */
  text: string;
  /** Shows more. */
  command: string;
}

export interface ConfigurationView {
  /** Absolute path. */
  file: string;
  /**
   * `refused`: the file as it was last read is wrong, and the one before stays in effect. `incomplete`: some of what it
   * says could not be done yet, and is tried again.
   */
  status: 'applied' | 'incomplete' | 'refused';
  /** The reasons, one line each: `FILE:LINE:COLUMN: path: …` of a refusal, `NAME: …` of what could not be done. */
  details: string[];
  /** When something of it was last put into effect, ISO 8601. */
  appliedAt: string | null;
}
