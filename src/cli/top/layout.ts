/** Which columns fit a terminal, and how wide each is. */
import { HISTORY_MAX, type TopRow } from './model.js';
import type { TopColumn } from './views.js';

/** Where a column stands; null: the sparkline. */
export interface Place {
  readonly column: TopColumn | null;
  /** Of the column among those of the view. */
  readonly index: number;
  /** With the blank that keeps it apart from the next one. */
  readonly width: number;
}

const NAME_MIN = 9;
const TEXT_MAX = 13;
const NUMBER_MIN = 7;
const SPARK_MIN = 4;
/** Where a note wants room, too. */
const SPARK_BESIDE_NOTE = 12;

/** From the left to the right; together no wider than `width`, unless that is less than a name wants. */
export function layoutOf(columns: readonly TopColumn[], rows: readonly TopRow[], width: number): Place[] {
  const longest = (index: number) =>
    rows.reduce((most, { values }) => Math.max(most, String(values[index] ?? '').length), columns[index]!.title.length);
  const fixed = columns.flatMap((column, index): Place[] => {
    if (column.kind === 'number') return [{ column, index, width: Math.max(NUMBER_MIN, column.title.length + 2) }];
    // A title needs a place for the mark of what is sorted by.
    return column.kind === 'text' ? [{ column, index, width: Math.min(longest(index) + 2, TEXT_MAX) }] : [];
  });
  const kept = keptOf(fixed, width - NAME_MIN - SPARK_MIN);
  let left = width - kept.reduce((sum, place) => sum + place.width, 0);
  const nameWidth = Math.max(NAME_MIN, Math.min(longest(0) + 2, left - SPARK_MIN));
  left = Math.max(0, left - nameWidth);
  const note = columns.findIndex(({ kind }) => kind === 'note');
  const sparkWidth = Math.min(left, note < 0 ? HISTORY_MAX + 1 : SPARK_BESIDE_NOTE);
  left -= sparkWidth;
  return [
    { column: columns[0]!, index: 0, width: nameWidth },
    ...kept,
    { column: null, index: -1, width: sparkWidth },
    ...(note > 0 && left > 1 ? [{ column: columns[note]!, index: note, width: left }] : []),
  ];
}

/** Those that yield go first, the last of them before the others. */
function keptOf(fixed: readonly Place[], room: number): Place[] {
  const kept = [...fixed];
  while (kept.length > 0 && kept.reduce((sum, place) => sum + place.width, 0) > room) {
    const yielding = kept.findLastIndex(({ column }) => column?.yields === true);
    kept.splice(yielding >= 0 ? yielding : kept.length - 1, 1);
  }
  return kept;
}
