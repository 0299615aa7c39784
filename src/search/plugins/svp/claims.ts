/**
 * Who on this host may acknowledge what. The invalidation log belongs to an underlay address, so instances of several
 * overlays read the same one, each in its own thread. Every instance says on a line of the process which vnetid it
 * serves (docs/decisions/0011-svp-log.md).
 */

import type { Line, SvpEnvironment } from './environment.js';
import type { LogRecord } from './records.js';

export const SAY_EVERY_MS = 10_000;
/** Longer than the longest pause (32 s) in which a failed plugin is started again: its records must wait for it. */
export const CLAIM_MS = 60_000;

type Message =
  | { readonly kind: 'here'; readonly id: string; readonly vni: number }
  | { readonly kind: 'gone'; readonly id: string }
  | { readonly kind: 'handled'; readonly id: string; readonly vni: number; readonly records: readonly LogRecord[] };

export interface ClaimsOptions {
  /** Of the line: the same for all instances that read the same log. */
  readonly name: string;
  readonly vni: number;
  readonly environment: SvpEnvironment;
  /** Another instance of the same vnetid is about to acknowledge these. */
  onHandled(records: readonly LogRecord[]): void;
}

interface Other {
  readonly vni: number;
  readonly heardAtMs: number;
}

export class Claims {
  readonly #options: ClaimsOptions;
  readonly #id: string;
  readonly #others = new Map<string, Other>();
  #line: Line | null = null;
  #cancelTimer: () => void = () => {};

  constructor(options: ClaimsOptions) {
    this.#options = options;
    const chance = Math.floor(options.environment.random() * 2 ** 48);
    this.#id = chance.toString(16).padStart(12, '0');
  }

  start(): void {
    this.#line = this.#options.environment.line(this.#options.name);
    this.#line.hear((message) => this.#heard(message));
    this.#say();
  }

  stop(): void {
    this.#cancelTimer();
    this.#line?.say({ kind: 'gone', id: this.#id });
    this.#line?.close();
    this.#line = null;
  }

  /**
   * True: records of this vnetid are ours to acknowledge. One instance is enough for each: of those that serve the
   * vnetid, or, when nobody does, of all, the one with the least id.
   */
  mayAcknowledge(vni: number): boolean {
    const living = this.#living();
    const serving = living.filter((each) => each.vni === vni);
    const [first] = (serving.length > 0 ? serving : living).map(({ id }) => id).sort();
    return first === this.#id;
  }

  /** Before the server forgets them: other instances of our vnetid must have seen them. */
  handled(records: readonly LogRecord[]): void {
    const { vni } = this.#options;
    if (records.length > 0) this.#line?.say({ kind: 'handled', id: this.#id, vni, records });
  }

  #living(): { id: string; vni: number }[] {
    const sinceMs = this.#options.environment.nowMs() - CLAIM_MS;
    for (const [id, { heardAtMs }] of this.#others) if (heardAtMs < sinceMs) this.#others.delete(id);
    const others = [...this.#others].map(([id, { vni }]) => ({ id, vni }));
    return [{ id: this.#id, vni: this.#options.vni }, ...others];
  }

  #say(): void {
    const { environment, vni } = this.#options;
    this.#line?.say({ kind: 'here', id: this.#id, vni });
    this.#cancelTimer();
    this.#cancelTimer = environment.after(SAY_EVERY_MS, () => this.#say());
  }

  #heard(message: unknown): void {
    const said = asMessage(message);
    if (said === null || this.#line === null) return;
    if (said.kind === 'gone') this.#others.delete(said.id);
    else {
      const isNew = !this.#others.has(said.id);
      this.#others.set(said.id, { vni: said.vni, heardAtMs: this.#options.environment.nowMs() });
      if (isNew) this.#say(); // it does not know us either
    }
    if (said.kind === 'handled' && said.vni === this.#options.vni) this.#options.onHandled(said.records);
  }
}

/** Other code of the process could use the line: only what looks like ours is ours. */
function asMessage(message: unknown): Message | null {
  const { kind, id, vni, records } = (message ?? {}) as Partial<Record<string, unknown>>;
  if (typeof id !== 'string') return null;
  if (kind === 'gone') return { kind, id };
  if (typeof vni !== 'number') return null;
  if (kind === 'here') return { kind, id, vni };
  return kind === 'handled' && Array.isArray(records) ? { kind, id, vni, records: records as LogRecord[] } : null;
}
