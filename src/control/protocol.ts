/**
 * What crosses the control socket: HTTP + JSON under `/v1`, so that curl works. For each route of routes.ts the schemas
 * of what is sent and of what comes back; from both follow the types of `Client`, which asks, and of `Controller`,
 * which the daemon implements.
 *
 * A refusal is a `RefusalView` with status 400 (code `bad_…`), 403 (`not_permitted`),
 * 404 (`no_such_…`) or 409 (refused); 500
 * (`internal_error`) is a bug, and the daemon's log has its stack.
 */
import * as z from 'zod';
import { EventPage } from './events.js';
import { HandoverRequest, HandoverView, SuccessorView } from './handover.js';
import {
  CreateOverlay,
  CreateTrunk,
  CreateVnic,
  EventFilter,
  HistoryRequest,
  ModifyOverlay,
  ModifyVnic,
  PageRequest,
  PingRequest,
  SetLogLevel,
  SetTarget,
  StatsRequest,
  TraceRequest,
} from './requests.js';
import type { ROUTES, RouteName } from './routes.js';
import { HistoryView, StatsView } from './stats.js';
import { DaemonView, StatusView } from './status.js';
import { LookupView, MoveView, OverlayView, OwnerView, PingView, TargetPage, TraceView, VnicView } from './views.js';

export { DEFAULT_SOCKET } from './default-socket.js';
export type * from './events.js';
export type * from './handover.js';
export * from './limits.js';
export * from './requests.js';
export type * from './stats.js';
export type * from './status.js';
export type * from './views.js';

export const RefusalView = z
  .strictObject({
    error: z.strictObject({
      code: z.string().describe('Stable, for programs.'),
      message: z.string().describe('One line for people: what, where, and what would be right.'),
    }),
  })
  .meta({ id: 'RefusalView' });
export type RefusalView = z.infer<typeof RefusalView>;

type Routes = typeof ROUTES;

/** A route that answers without a body has no reply, every other has one. */
interface SchemasOf<Name extends RouteName> {
  readonly reply: Routes[Name]['status'] extends 204 ? null : z.ZodType;
  /** JSON. */
  readonly body?: z.ZodType;
  /** What stands behind `?`. */
  readonly query?: z.ZodObject;
}

export const SCHEMAS = {
  daemon: { reply: DaemonView },
  status: { reply: StatusView },
  reload: { reply: StatusView },
  replace: { reply: SuccessorView },
  handover: { body: HandoverRequest, reply: HandoverView },
  endHandover: { reply: null },
  setLogLevel: { body: SetLogLevel, reply: null },
  stats: { query: StatsRequest, reply: StatsView },
  history: { query: HistoryRequest, reply: HistoryView },
  events: { query: EventFilter, reply: EventPage },
  overlays: { reply: z.array(OverlayView) },
  createOverlay: { body: CreateOverlay, reply: OverlayView },
  overlay: { reply: OverlayView },
  modifyOverlay: { body: ModifyOverlay, reply: OverlayView },
  deleteOverlay: { reply: null },
  targets: { query: PageRequest, reply: TargetPage },
  flushTargets: { reply: null },
  setTarget: { body: SetTarget, reply: null },
  deleteTarget: { reply: null },
  moves: { reply: z.array(MoveView) },
  thaw: { reply: null },
  lookup: { reply: LookupView },
  owner: { reply: OwnerView },
  ping: { body: PingRequest, reply: PingView },
  trace: { body: TraceRequest, reply: TraceView },
  vnics: { reply: z.array(VnicView) },
  createVnic: { body: CreateVnic, reply: VnicView },
  createTrunk: { body: CreateTrunk, reply: z.array(VnicView) },
  modifyVnic: { body: ModifyVnic, reply: VnicView },
  deleteVnic: { reply: null },
} as const satisfies { [Name in RouteName]: SchemasOf<Name> };

type Schemas = typeof SCHEMAS;

/** What stands in the path. */
type InPath<Path extends string> = Path extends `${string}/:name/${string}/:mac`
  ? [name: string, mac: string]
  : Path extends `${string}/:name/${string}/:ip`
    ? [name: string, ip: string]
    : Path extends `${string}/:name${string}`
      ? [name: string]
      : [];

/** What is sent besides, as it is typed; none where all of it may be left out. */
type Typed<S> = S extends { body: z.ZodType }
  ? [body: z.input<S['body']>]
  : S extends { query: z.ZodType }
    ? [query?: z.input<S['query']>]
    : [];

/** The same with every default in its place. */
type Parsed<S> = S extends { body: z.ZodType }
  ? [body: z.output<S['body']>]
  : S extends { query: z.ZodType }
    ? [query: z.output<S['query']>]
    : [];

type Reply<Name extends RouteName> = Schemas[Name]['reply'] extends z.ZodType
  ? z.output<Schemas[Name]['reply']>
  : // biome-ignore lint/suspicious/noConfusingVoidType: the result of a function
    void;

/** A method a route. Each throws a VxlaneError: the daemon's refusal, or that no daemon answers. */
export type Calls = {
  [Name in keyof Routes]: (...args: [...InPath<Routes[Name]['path']>, ...Typed<Schemas[Name]>]) => Promise<Reply<Name>>;
};

/**
 * What the daemon does for a client. Every call throws a VxlaneError to refuse. MACs and addresses are canonical.
 * `gone` is aborted when nobody waits for the answer any more.
 */
export type Controller = {
  [Name in keyof Routes]: (
    ...args: [...InPath<Routes[Name]['path']>, ...Parsed<Schemas[Name]>, gone?: AbortSignal]
  ) => Reply<Name> | Promise<Reply<Name>>;
};
