/** What the person at the keyboard has chosen, and what a key makes of it. */
import type { Sample, TopRow } from './model.js';
import { eachView, type Value, VIEW_NAMES, VIEWS, type ViewName } from './views.js';

export interface Sorting {
  /** Index of the column. */
  readonly column: number;
  /** Numbers start with the largest, texts with A, unless it is reversed. */
  readonly isReversed: boolean;
}

export interface TopState {
  readonly view: ViewName;
  readonly sorting: Readonly<Record<ViewName, Sorting>>;
  /** Only rows with this in one of their texts; '': all. */
  readonly filter: string;
  /** The filter is being typed, and was this before. */
  readonly filterBefore: string | null;
  readonly isPaused: boolean;
  readonly isHelp: boolean;
  /** Rows above the first that is shown. */
  readonly skipped: number;
}

/** `column`: what the view is sorted by; undefined: what it is sorted by unless somebody asks. */
export function startState(view: ViewName, column?: number): TopState {
  const sorting = eachView((name): Sorting => ({ column: VIEWS[name].sortedBy, isReversed: false }));
  if (column !== undefined) sorting[view] = { column, isReversed: false };
  return { view, sorting, filter: '', filterBefore: null, isPaused: false, isHelp: false, skipped: 0 };
}

/** The rows to be shown, in their order. */
export function chosenRows({ view, sorting, filter }: TopState, sample: Sample): TopRow[] {
  const { column, isReversed } = sorting[view];
  const wanted = filter.toLowerCase();
  const has = (value: Value) => typeof value === 'string' && value.toLowerCase().includes(wanted);
  const rows = sample.rows[view].filter(({ values }) => wanted === '' || values.some(has));
  const sign = isReversed ? -1 : 1;
  return rows.sort((a, b) => sign * order(a.values[column]!, b.values[column]!) || order(a.key, b.key));
}

function order(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b);
  return Number(b ?? -1) - Number(a ?? -1);
}

/** What a key does to what is shown; rows and the room for them are as they were last shown. */
export function press(state: TopState, key: string, rows: number, room: number): TopState | 'quit' {
  if (key === 'ctrl-c') return 'quit';
  if (state.filterBefore !== null) return pressInFilter(state, state.filterBefore, key);
  if (state.isHelp) return key === 'q' ? 'quit' : { ...state, isHelp: false };
  if (key === 'q') return 'quit';
  const scrolled = SCROLLS[key]?.(state.skipped, room, rows);
  if (scrolled !== undefined) return { ...state, skipped: Math.max(0, Math.min(scrolled, rows - room)) };
  return KEYS[key]?.(state) ?? pressNumber(state, key);
}

const SCROLLS: Readonly<Record<string, (skipped: number, room: number, rows: number) => number>> = {
  up: (skipped) => skipped - 1,
  k: (skipped) => skipped - 1,
  down: (skipped) => skipped + 1,
  j: (skipped) => skipped + 1,
  pageup: (skipped, room) => skipped - room,
  pagedown: (skipped, room) => skipped + room,
  home: () => 0,
  end: (_, __, rows) => rows,
};

const KEYS: Readonly<Record<string, (state: TopState) => TopState>> = {
  tab: (state) => turn(state, 1),
  'shift-tab': (state) => turn(state, -1),
  '>': (state) => sortBeside(state, 1),
  right: (state) => sortBeside(state, 1),
  '<': (state) => sortBeside(state, -1),
  left: (state) => sortBeside(state, -1),
  r: (state) => withSorting(state, { isReversed: !state.sorting[state.view].isReversed }),
  ' ': (state) => ({ ...state, isPaused: !state.isPaused }),
  '/': (state) => ({ ...state, filterBefore: state.filter }),
  escape: (state) => ({ ...state, filter: '', skipped: 0 }),
  '?': (state) => ({ ...state, isHelp: true }),
};

function pressInFilter(state: TopState, before: string, key: string): TopState {
  if (key === 'return') return { ...state, filterBefore: null };
  if (key === 'escape') return { ...state, filter: before, filterBefore: null, skipped: 0 };
  if (key === 'backspace') return { ...state, filter: state.filter.slice(0, -1), skipped: 0 };
  return /^[ -~]$/.test(key) ? { ...state, filter: state.filter + key, skipped: 0 } : state;
}

function pressNumber(state: TopState, key: string): TopState {
  const view = VIEW_NAMES[Number(key) - 1];
  return view === undefined ? state : { ...state, view, skipped: 0 };
}

function turn(state: TopState, by: 1 | -1): TopState {
  const at = VIEW_NAMES.indexOf(state.view) + by + VIEW_NAMES.length;
  return { ...state, view: VIEW_NAMES[at % VIEW_NAMES.length]!, skipped: 0 };
}

function sortBeside(state: TopState, by: 1 | -1): TopState {
  const count = VIEWS[state.view].columns.length;
  return withSorting(state, { column: (state.sorting[state.view].column + by + count) % count, isReversed: false });
}

function withSorting(state: TopState, change: Partial<Sorting>): TopState {
  const sorting = { ...state.sorting[state.view], ...change };
  return { ...state, sorting: { ...state.sorting, [state.view]: sorting }, skipped: 0 };
}
