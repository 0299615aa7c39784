/**
 * What crosses the control socket: HTTP + JSON under `/v1`, so that curl works. Requests are zod schemas (validated by
 * the server), replies are types. `Controller` is what the daemon implements; the server turns routes into its calls.
 *
 *   GET    /v1/daemon                              DaemonView
 *   GET    /v1/status                              StatusView
 *   PUT    /v1/log-level                           SetLogLevel
 *   GET    /v1/overlays                            OverlayView[]
 *   POST   /v1/overlays                            CreateOverlay -> OverlayView
 *   GET    /v1/overlays/NAME                       OverlayView
 *   PATCH  /v1/overlays/NAME                       ModifyOverlay -> OverlayView
 *   DELETE /v1/overlays/NAME
 *   GET    /v1/overlays/NAME/targets               TargetPage (?after=MAC&limit=N)
 *   DELETE /v1/overlays/NAME/targets               flush
 *   PUT    /v1/overlays/NAME/targets/MAC           SetTarget
 *   DELETE /v1/overlays/NAME/targets/MAC
 *   GET    /v1/overlays/NAME/moves                 MoveView[]
 *   DELETE /v1/overlays/NAME/moves/MAC             a frozen MAC may move again
 *   GET    /v1/overlays/NAME/lookup/MAC            LookupView
 *   GET    /v1/vnics                               VnicView[]
 *   POST   /v1/vnics                               CreateVnic -> VnicView
 *   DELETE /v1/vnics/NAME
 *   GET    /v1/stats                               StatsView (?overlay=NAME, repeatable)
 *
 * A refusal is `{ "error": { "code", "message" } }` with status 400 (code `bad_…`), 404 (`no_such_…`) or 409 (refused);
 * 500 (`internal_error`) is a bug, and the daemon's log has its stack.
 */
import { z } from 'zod';
import { LOG_LEVELS, type LogLevel } from '../log-levels.js';
import type { DaemonView, StatusView } from './status.js';

export { DEFAULT_SOCKET } from './default-socket.js';
export type * from './status.js';

/** Overlay and VNIC names are interface names: what the kernel's dev_valid_name takes, and no colon. */
export const LinkName = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/, {
  error: (issue) => `bad link name ${JSON.stringify(issue.input)}: expected 1 to 15 of A-Z a-z 0-9 _ . -`,
});

export const CreateOverlay = z.strictObject({
  name: LinkName,
  encap: z.string(),
  vni: z.number().int(),
  search: z.string(),
  /** As typed; the daemon parses them by the property tables. */
  properties: z.record(z.string(), z.string()),
  temporary: z.boolean().default(false),
});
export type CreateOverlay = z.infer<typeof CreateOverlay>;

export const ModifyOverlay = z.strictObject({
  properties: z.record(z.string(), z.string()).optional(),
  /** Swap the search plugin. */
  search: z.string().optional(),
});
export type ModifyOverlay = z.infer<typeof ModifyOverlay>;

/** `drop`, `IP:PORT` or `[IP6]:PORT`. */
export const SetTarget = z.strictObject({ destination: z.string() });
export type SetTarget = z.infer<typeof SetTarget>;

/** Of the daemon's log, from now on until it ends. */
export const SetLogLevel = z.strictObject({ level: z.enum(LOG_LEVELS) });
export type SetLogLevel = z.infer<typeof SetLogLevel>;

export const CreateVnic = z.strictObject({
  name: LinkName,
  overlay: z.string(),
  mac: z.string(),
  /** Name under /run/netns, or an absolute path to a namespace file; absent: the daemon's own. */
  netns: z.string().optional(),
  allowAnyMac: z.boolean().default(false),
  temporary: z.boolean().default(false),
});
export type CreateVnic = z.infer<typeof CreateVnic>;

export interface PropertyView {
  name: string;
  perm: 'rw' | 'r-';
  required: boolean;
  /** null: not set. A secret shows as `********`. */
  value: string | null;
  default: string | null;
  /** `576-8900`, `pass,strip,discard`, or empty. */
  possible: string;
}

export interface OverlayView {
  name: string;
  vni: number;
  encap: string;
  search: string;
  temporary: boolean;
  status: 'ONLINE' | 'DEGRADED';
  /** The reason of DEGRADED, else empty. */
  details: string;
  /** Where the configuration file declares it, FILE:LINE; null: a command made it. */
  declared: string | null;
  properties: PropertyView[];
}

export interface TargetView {
  /** Canonical MAC, or `*:*:*:*:*:*` for a point plugin's one destination. */
  mac: string;
  /** `IP:PORT`, `drop`, or `vnic NAME`. */
  destination: string;
  /** Who said so: `static`, `vnic`, `learned`, or the plugin's name. */
  source: string;
  /** Seconds since it was said. */
  ageSeconds: number;
  /** Seconds since a frame last used it; null: never. */
  idleSeconds: number | null;
}

/** Targets by rising MAC. One that stays is on one page of a walk, whatever else comes and goes meanwhile. */
export interface TargetPage {
  targets: TargetView[];
  /** What to ask for as `after` to get the next page; null: there is none. A page may be short, and not the last. */
  next: string | null;
}

/** Targets of a page, unless `limit` says otherwise. */
export const TARGETS_DEFAULT = 1000;
export const TARGETS_MAX = 10_000;

/** Which page: canonical MACs above `after`, null for the first page. */
export interface PageRequest {
  after: string | null;
  limit: number;
}

/** A learned MAC that has moved of late, as `flood/move_window` has it. */
export interface MoveView {
  mac: string;
  /** Where it is, as in TargetView. */
  destination: string;
  /** Where it was before the first of these moves. */
  home: string;
  moves: number;
  /** `duplicate`: it moved more often than it may, and is followed; `frozen`: and stays at home for a while. */
  state: 'moving' | 'duplicate' | 'frozen';
  /** Seconds until it may move again; null: it may. */
  frozenSeconds: number | null;
}

/** Those with the most moves; of more than so many the others are left out. */
export const MOVES_MAX = 1000;

export interface LookupView {
  overlay: string;
  mac: string;
  /** What the datapath does with a frame to that MAC. */
  verdict: 'forward' | 'flood' | 'local' | 'drop';
  /** As in TargetView; for a drop the reason's name, of a flood list the first endpoints. */
  destination: string;
  /** `static`, `vnic`, `learned`, or the plugin's name. */
  source: string;
  /** Found in the FDB (true), or asked of the plugin just now. */
  cached: boolean;
}

export interface VnicView {
  name: string;
  overlay: string;
  mac: string;
  /** What its interface is called now; null: it has none. */
  interface: string | null;
  mtu: number;
  /** Where its interface is now: a name under /run/netns, an absolute path, or null for the daemon's own namespace. */
  netns: string | null;
  allowAnyMac: boolean;
  temporary: boolean;
  /** `up`, or why frames do not flow. */
  state: string;
  /** As in OverlayView. */
  declared: string | null;
}

export interface Traffic {
  frames: number;
  bytes: number;
}

/** What a search plugin was asked, and how that went, all instances of the overlay taken together. */
export interface PluginStats {
  /** Of the plugin. */
  name: string;
  questions: number;
  /** Questions that failed; those without an answer in time are also in `timeouts`. */
  faults: number;
  timeouts: number;
  /** Instances that ended by themselves, or were given up. */
  deaths: number;
}

export interface OverlayStats {
  name: string;
  encap: Traffic;
  decap: Traffic;
  /** Datagrams that came in fragments and were not dropped for it. */
  fragments: number;
  /** By name of the reason. */
  drops: Record<string, number>;
  /** How many of them are expected. */
  expectedDrops: number;
  plugin: PluginStats;
}

export interface VnicStats {
  name: string;
  overlay: string;
  tx: Traffic;
  rx: Traffic;
  /** Of what it sent. */
  drops: number;
  /** How many of them are expected. */
  expectedDrops: number;
}

export interface StatsView {
  /**
   * Frame books of the whole daemon: in + copies + injected + tooBigAnswers =
   * out + delivered + drops + held + upcalled.
   */
  totals: Record<string, number>;
  /**
   * By name of the reason; `text` says what it means. Zero counts are left out. Those that are expected say nothing of
   * trouble: what hosts send unasked, and nobody misses.
   */
  drops: { reason: string; frames: number; isExpected: boolean; text: string }[];
  overlays: OverlayStats[];
  vnics: VnicStats[];
  /** `pathMtu`: bytes of an IP packet, if a router on the way has said that it takes no more; null: none has. */
  endpoints: { endpoint: string; encap: Traffic; pathMtu: number | null }[];
}

/** What the daemon does for a client. Every call throws a VxlaneError to refuse. */
export interface Controller {
  daemon(): DaemonView;
  status(): StatusView;
  setLogLevel(level: LogLevel): void;
  overlays(): OverlayView[];
  overlay(name: string): OverlayView;
  createOverlay(request: CreateOverlay): Promise<OverlayView>;
  modifyOverlay(name: string, request: ModifyOverlay): Promise<OverlayView>;
  deleteOverlay(name: string): Promise<void>;
  targets(name: string, page: PageRequest): TargetPage;
  setTarget(name: string, mac: string, request: SetTarget): Promise<void>;
  deleteTarget(name: string, mac: string): Promise<void>;
  flushTargets(name: string): Promise<void>;
  moves(name: string): MoveView[];
  thaw(name: string, mac: string): void;
  lookup(name: string, mac: string): Promise<LookupView>;
  vnics(): VnicView[];
  createVnic(request: CreateVnic): Promise<VnicView>;
  deleteVnic(name: string): Promise<void>;
  stats(overlays: string[]): StatsView;
}
