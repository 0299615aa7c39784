/** Drop counters that rise while the doctor looks. */
import { DROP_TEXT, isExpectedDrop } from '../datapath/drops.js';
import type { DropReason } from '../datapath/types.js';
import type { DaemonFacts } from './facts.js';

export interface Rise {
  readonly reason: DropReason;
  /** Between the two reads. */
  readonly frames: number;
  /** What the reason means. */
  readonly text: string;
}

/** A drop now and then is no trouble: one a second is. */
const PER_SECOND = 1;

/** Of an overlay; null: of all, with what belongs to none. `reasons`: of these alone. Expected ones are left out. */
export function rising(
  { before, after, seconds }: DaemonFacts,
  overlay: string | null,
  reasons?: readonly DropReason[],
): Rise[] {
  const dropsOf = (stats: DaemonFacts['before']): Readonly<Record<string, number>> =>
    overlay === null
      ? Object.fromEntries(stats.drops.map(({ reason, frames }) => [reason, frames]))
      : (stats.overlays.find(({ name }) => name === overlay)?.drops ?? {});
  const [was, is] = [dropsOf(before), dropsOf(after)];
  return (reasons ?? (Object.keys(DROP_TEXT) as DropReason[]))
    .filter((reason) => !isExpectedDrop(reason))
    .map((reason) => ({ reason, frames: (is[reason] ?? 0) - (was[reason] ?? 0), text: DROP_TEXT[reason] }))
    .filter(({ frames }) => frames >= seconds * PER_SECOND);
}
