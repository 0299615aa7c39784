/** What the author tells the conformance suite: where the plugin is, how to make a backend, what is true. */
import type { Reply, Target } from '../api.js';
import type { Isolation } from '../host/placement.js';

export interface Subject {
  /** The plugin: the file's URL (`new URL('../my-plugin.js', import.meta.url)`), or what operators type after `-s`. */
  readonly plugin: string | URL;
  /** Makes what the plugin asks: a file, a server. Called for every case, so that none sees what another did. */
  backend(): Reply<Backend>;

  /** Where it runs, as `plugin-isolation`: default `process`, as operators have it by default. */
  readonly isolation?: Isolation;
  /** Point plugins: the one destination. */
  readonly target?: Target;
  /** Dynamic plugins: MACs and their targets. A plugin that floods unknown unicast need not know any. */
  readonly known?: Readonly<Record<string, Target>>;
  /** Dynamic plugins: MACs whose port the backend does not say, and the addresses of their VTEPs. */
  readonly portless?: Readonly<Record<string, string>>;
  /** Dynamic plugins: a MAC that has no target, and neither have the 255 after it. */
  readonly unknown?: string;
  /** Plugins with `arp` or `ndp`: IP address to the MAC of its owner; null: nobody has it. */
  readonly owners?: Readonly<Record<string, string | null>>;
  /** Plugins with `dhcp`: MAC of a client to that of its server; null: it has none. */
  readonly servers?: Readonly<Record<string, string | null>>;
  /** What {@link Backend.change} makes of MACs, known ones or not; null: it takes the target away. */
  readonly changes?: Readonly<Record<string, Target | null>>;
  /** A plugin that never calls `put` or `withdraw` says false here. Default true. */
  readonly pushes?: boolean;
  /** Properties that are well typed and still unusable, each alone: `start` has to refuse them by name. */
  readonly wrong?: Readonly<Record<string, string>>;
  /** Address family of the overlay's underlay. Default 4. */
  readonly family?: 4 | 6;
  /** Milliseconds in which a change, or a mended backend, has to be noticed. Default 10,000. */
  readonly noticeMs?: number;
}

/** A real backend. Each ability that is there adds cases. */
export interface Backend {
  /** As an operator types them after `-p`. */
  readonly properties: Readonly<Record<string, string>>;
  /** Makes {@link Subject.changes} true. */
  change?(): Reply<void>;
  /** From now on it takes questions and answers none. */
  hang?(): Reply<void>;
  /** From now on it fails: refuses connections, is no longer readable. */
  fail?(): Reply<void>;
  /** Ends {@link hang} or {@link fail}: needed with either. */
  mend?(): Reply<void>;
  /** For plugins with `localAdded`: what they have told it is here, addresses by MAC. */
  locals?(): Reply<Readonly<Record<string, readonly string[]>>>;
  /** Called at the end of the case, whatever it did. */
  close?(): Reply<void>;
}

/** A case: its name, and a function that rejects with a {@link ConformanceError}. */
export type Case = readonly [name: string, run: () => Promise<void>];
