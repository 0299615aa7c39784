/** The largest size that comes back: by halving, but in many parts at once, as each step that fails costs a timeout. */

const PARTS = 16;

/**
 * Between `least`, which does, and `most`. `comesBack` is asked for several sizes at once, and to be sure of each
 * answer. `bound`: more than this cannot come back, as far as is known by then; it is tried before anything is divided.
 */
export async function largestSize(
  least: number,
  most: number,
  comesBack: (size: number) => Promise<boolean>,
  bound: () => number | null,
): Promise<number> {
  if (least >= most || (await comesBack(most))) return most;
  const known = Math.min(bound() ?? most, most - 1);
  if (known > least && (await comesBack(known))) {
    if (known === most - 1 || !(await comesBack(known + 1))) return known;
    return narrowed(known + 1, most, comesBack);
  }
  return narrowed(least, Math.max(known, least + 1), comesBack);
}

/** `low` comes back, `high` does not. */
async function narrowed(low: number, high: number, comesBack: (size: number) => Promise<boolean>): Promise<number> {
  if (high - low <= 1) return low;
  const sizes = between(low, high);
  const answered = await Promise.all(sizes.map(comesBack));
  const best = sizes.findLast((_, index) => answered[index]) ?? low;
  return narrowed(best, sizes.find((size) => size > best) ?? high, comesBack);
}

function between(low: number, high: number): number[] {
  const step = Math.max(1, (high - low) / (PARTS + 1));
  const count = Math.min(PARTS, high - low - 1);
  return Array.from({ length: count }, (_, index) => low + Math.ceil(step * (index + 1))).filter((size) => size < high);
}
