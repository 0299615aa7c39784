/**
 * The invalidation log of this host, read again and again: what no longer holds is taken back, and then acknowledged,
 * so that the server forgets it. Records of other vnetids are other instances' (see claims.ts): they stay, and the
 * budget grows by them, so that they never hide ours.
 */
import type { Claims } from './claims.js';
import type { SvpEnvironment } from './environment.js';
import type { SvpHealth } from './health.js';
import { logRemove, logRequest } from './messages.js';
import type { Pool } from './pool.js';
import { type LogRecord, recordLength } from './records.js';

/** Bytes of records asked for at once. */
export const BUDGET = 1024;
/** Bytes asked for at most, however many records must stay. */
export const BUDGET_MAX = 64 * 1024;
/** Between two reads, at random so that hosts do not ask in step; and when there was something to do. */
export const READ_LEAST_MS = 5000;
export const READ_MOST_MS = 10_000;
export const READ_AGAIN_MS = 1000;
/** A record of a vnetid that nobody here serves is acknowledged after this long: somebody may be about to start. */
export const FOREIGN_MS = 60_000;
/** So many failures in a row may happen to anybody. */
const FAILURES_MAX = 6;

export interface LogOptions {
  readonly vni: number;
  /** This host's address as the server's log knows it. */
  readonly underlayIp: string;
  readonly pool: Pool;
  readonly claims: Claims;
  readonly health: SvpHealth;
  readonly environment: SvpEnvironment;
  /** Does what a record of our vnetid asks for. Rejects: not done, to be tried again. */
  apply(record: LogRecord): Promise<void>;
  warn(message: string, fields: object): void;
}

export class InvalidationLog {
  readonly #options: LogOptions;
  /** Of our vnetid, done but not yet acknowledged, by UUID. */
  readonly #done = new Set<string>();
  /** Of other vnetids: when each was first seen. */
  readonly #foreign = new Map<string, number>();
  /** Bytes of records that stayed in the log. */
  #staying = 0;
  #failures = 0;
  #isStopped = false;
  #cancelTimer: () => void = () => {};

  constructor(options: LogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#readIn(this.#pauseMs());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  /** Another instance of our vnetid has read these and is about to acknowledge them. */
  async handledElsewhere(records: readonly LogRecord[]): Promise<void> {
    await this.#apply(records.filter(({ vni }) => vni === this.#options.vni));
  }

  #pauseMs(): number {
    return READ_LEAST_MS + this.#options.environment.random() * (READ_MOST_MS - READ_LEAST_MS);
  }

  #readIn(ms: number): void {
    if (!this.#isStopped) this.#cancelTimer = this.#options.environment.after(ms, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    let hadWork = false;
    try {
      hadWork = await this.#read();
      this.#failures = 0;
      this.#options.health.set('log', null);
    } catch (thrown) {
      if (!this.#isStopped) this.#failed(thrown instanceof Error ? thrown.message : String(thrown));
    }
    this.#readIn(hadWork ? READ_AGAIN_MS : this.#pauseMs());
  }

  /** One read, what it asks for, and its acknowledgement. True: there was something to do. */
  async #read(): Promise<boolean> {
    const { pool, underlayIp, vni } = this.#options;
    const records = await pool.ask(logRequest(Math.min(BUDGET + this.#staying, BUDGET_MAX), underlayIp));
    this.#forget(new Set(records.map(({ uuid }) => uuid)));
    const ours = records.filter((record) => record.vni === vni);
    await this.#apply(ours);
    const finished = [...this.#ourFinished(ours), ...this.#foreignDue(records)];
    await this.#acknowledge(finished);
    const gone = new Set(finished);
    const staying = records.filter((record) => !gone.has(record));
    this.#staying = staying.reduce((sum, record) => sum + recordLength(record), 0);
    return finished.length > 0;
  }

  /** Once each: one that could not be acknowledged comes again. */
  async #apply(records: readonly LogRecord[]): Promise<void> {
    const fresh = records.filter(({ uuid }) => !this.#done.has(uuid));
    const applied = await Promise.allSettled(fresh.map((record) => this.#options.apply(record)));
    for (const [index, outcome] of applied.entries()) {
      const { uuid } = fresh[index] as LogRecord;
      if (outcome.status === 'fulfilled') this.#done.add(uuid);
      else this.#options.warn('svp log record not done', { uuid, reason: String(outcome.reason) });
    }
  }

  #ourFinished(ours: readonly LogRecord[]): LogRecord[] {
    const { claims, vni } = this.#options;
    if (!claims.mayAcknowledge(vni)) return [];
    const finished = ours.filter(({ uuid }) => this.#done.has(uuid));
    claims.handled(finished);
    return finished;
  }

  /** Records of vnetids that nobody here serves, once it is certain that nobody does. */
  #foreignDue(records: readonly LogRecord[]): LogRecord[] {
    const { vni, claims, environment } = this.#options;
    const nowMs = environment.nowMs();
    return records.filter((record) => {
      if (record.vni === vni) return false;
      const seenAtMs = this.#foreign.get(record.uuid) ?? nowMs;
      this.#foreign.set(record.uuid, seenAtMs);
      return nowMs - seenAtMs >= FOREIGN_MS && claims.mayAcknowledge(record.vni);
    });
  }

  async #acknowledge(records: readonly LogRecord[]): Promise<void> {
    if (records.length > 0) await this.#options.pool.ask(logRemove(records.map(({ uuid }) => uuid)));
  }

  /** What the log no longer has needs no memory. */
  #forget(present: ReadonlySet<string>): void {
    for (const uuid of this.#done) if (!present.has(uuid)) this.#done.delete(uuid);
    for (const uuid of this.#foreign.keys()) if (!present.has(uuid)) this.#foreign.delete(uuid);
  }

  #failed(reason: string): void {
    this.#failures++;
    this.#options.warn('svp log not read', { reason, failures: this.#failures });
    if (this.#failures <= FAILURES_MAX) return;
    this.#options.health.set('log', `svp: moves may go unnoticed: ${reason}`);
  }
}
