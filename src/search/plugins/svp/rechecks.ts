/**
 * Records of the log that are to be done once more. A server may answer from a cache that is older than the record:
 * then it says what the record has just taken back, and nobody would ask again.
 */
import type { SvpEnvironment } from './environment.js';
import type { LogRecord } from './records.js';

/** portolan caches lookups for 10 s. */
export const RECHECK_MS = 11_000;

interface Recheck {
  readonly record: LogRecord;
  readonly cancel: () => void;
}

export class Rechecks {
  readonly #environment: SvpEnvironment;
  /** By what the record is about: the latest one counts. */
  readonly #pending = new Map<string, Recheck>();
  #isStopped = false;

  constructor(environment: SvpEnvironment) {
    this.#environment = environment;
  }

  /** Those that are still to come. */
  get records(): LogRecord[] {
    return [...this.#pending.values()].map(({ record }) => record);
  }

  /** `action` follows, unless another record about the same comes before. */
  plan(record: LogRecord, action: () => void): void {
    if (this.#isStopped) return;
    const key = record.kind === 'vl2' ? record.mac : record.ip;
    this.#pending.get(key)?.cancel();
    const cancel = this.#environment.after(RECHECK_MS, () => {
      this.#pending.delete(key);
      action();
    });
    this.#pending.set(key, { record, cancel });
  }

  stop(): void {
    this.#isStopped = true;
    for (const { cancel } of this.#pending.values()) cancel();
    this.#pending.clear();
  }
}
