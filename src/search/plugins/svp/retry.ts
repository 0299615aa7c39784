/** When to try again: at once, then after 1, 2, 4 … 32 s. */
const LAST_MS = 32_000;

/** Milliseconds to wait after so many failures in a row. */
export function retryMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(1000 * 2 ** (failures - 1), LAST_MS);
}
