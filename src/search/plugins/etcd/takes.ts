/**
 * MACs that this host takes from another, which may take them back: a loop, or one machine on two bridges. Each is
 * taken so often at once, as by moves that are meant, and then now and then. Pure.
 */

/** Of one MAC, within this time. */
const AT_ONCE = 5;
const WITHIN_MS = 180_000;
/** Between two after that. */
const THEN_EVERY_MS = 10_000;
/** MACs that a line names. */
const NAMED_MAX = 3;

export class Takes {
  /** When each was taken, the latest last. */
  readonly #times = new Map<string, number[]>();

  /** Milliseconds until the MAC may be taken; 0: it is taken now. */
  take(mac: string, nowMs: number): number {
    const times = (this.#times.get(mac) ?? []).filter((at) => nowMs - at < WITHIN_MS);
    const waitMs = times.length < AT_ONCE ? 0 : Math.max(0, (times.at(-1) as number) + THEN_EVERY_MS - nowMs);
    this.#times.set(mac, waitMs > 0 ? times : [...times, nowMs].slice(-AT_ONCE));
    return waitMs;
  }

  /** Forgets what is long ago. To be called from time to time. */
  age(nowMs: number): void {
    for (const [mac, times] of this.#times) if (nowMs - (times.at(-1) as number) >= WITHIN_MS) this.#times.delete(mac);
  }

  /** What is wrong, in one line; null: nothing. */
  summary(nowMs: number): string | null {
    const isOften = (times: readonly number[]) => times.filter((at) => nowMs - at < WITHIN_MS).length >= AT_ONCE;
    const often = [...this.#times].filter(([, times]) => isOften(times)).map(([mac]) => mac);
    if (often.length === 0) return null;
    const named = often.slice(0, NAMED_MAX).join(', ');
    const more = often.length > NAMED_MAX ? ` and ${often.length - NAMED_MAX} more` : '';
    const what = `MACs were taken from other hosts ${AT_ONCE} times in ${WITHIN_MS / 1000} s, perhaps in two places`;
    return `${what}: ${named}${more}`;
  }
}
