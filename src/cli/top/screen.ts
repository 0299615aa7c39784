/** The screen as lines: a pure function of what is known, what is chosen and how large the terminal is. */
import type { DaemonView } from '../../control/protocol.js';
import type { Paint, Tint } from '../../table.js';
import { duration } from '../duration.js';
import { layoutOf, type Place } from './layout.js';
import type { Sample, TopRow } from './model.js';
import { chosenRows, type TopState } from './state.js';
import { type Value, VIEW_NAMES, VIEWS } from './views.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What is shown besides rates. */
export interface Surroundings {
  readonly daemon: Pick<DaemonView, 'version' | 'pid' | 'uptimeSeconds' | 'fdbEntries' | 'fdbSize'>;
  readonly overlays: number;
  readonly problems: number;
}

/** How the terminal wants it. */
export interface Style {
  readonly paint: Paint;
  /** It shows characters beyond ASCII. */
  readonly isUnicode: boolean;
}

/** A piece of a line. */
type Part = readonly [text: string, tint: Tint];

/** Lines above and below those of the rows. */
const ABOVE = 4;
const BELOW = 1;

const HELP = [
  '1 2 3 4 5, Tab    overlays, VNICs, endpoints, drops, search plugins',
  '< >, left right   sort by the column before, behind',
  'r                 reverse the order',
  'up down, Page     scroll; Home, End',
  '/                 show only rows with a text; Enter keeps it, Esc not',
  'space             pause; what goes on meanwhile is measured all the same',
  'q, Ctrl-C         quit; Ctrl-Z suspend',
  '',
  'Encap is from a VNIC to the underlay, decap the other way; bits are those',
  'of frames inside. What is dropped as expected does not count as dropped.',
  'A sparkline has a scale of its own: its highest bar is the most it shows.',
];

/** Rows that fit. */
export function roomFor({ rows }: Size): number {
  return Math.max(0, rows - ABOVE - BELOW);
}

/** `size.rows` lines, each `size.columns` wide. `sample`: null until there are rates. */
export function screenOf(
  state: TopState,
  sample: Sample | null,
  about: Surroundings,
  size: Size,
  style: Style,
): string[] {
  const rows = sample === null ? [] : chosenRows(state, sample);
  const room = roomFor(size);
  const skipped = Math.max(0, Math.min(state.skipped, rows.length - room));
  const places = layoutOf(VIEWS[state.view].columns, rows, size.columns);
  const shown = rows.slice(skipped, skipped + room);
  const body: Part[][] = state.isHelp
    ? HELP.map((text) => [[text, 'plain']])
    : shown.map((row) => places.flatMap((place) => cellOf(place, row, style)));
  if (sample === null && !state.isHelp) body.push([['measuring ...', 'faint']]);
  const filled = Array.from({ length: room }, (_, at) => body[at] ?? []);
  const position = rows.length === 0 ? 'no rows' : `${skipped + 1}-${skipped + shown.length} of ${rows.length}`;
  const lines = [
    aboutLine(about),
    totalLine(sample),
    tabsLine(state),
    state.isHelp ? [] : places.map((place) => headOf(place, state, style)),
    ...filled,
    footLine(state, position),
  ];
  return lines.slice(0, size.rows).map((parts) => lineOf(parts, size.columns, style.paint));
}

function aboutLine({ daemon, overlays, problems }: Surroundings): Part[] {
  const { version, pid, uptimeSeconds, fdbEntries, fdbSize } = daemon;
  const wrong = `${problems} problem${problems === 1 ? '' : 's'} (vxlane status)`;
  return [
    [`vxlane ${version}: `, 'plain'],
    problems === 0 ? ['all is well', 'good'] : [wrong, 'bad'],
    [`, ${overlays} overlay${overlays === 1 ? '' : 's'}, FDB ${fdbEntries} of ${fdbSize}`, 'plain'],
    [`, up ${duration(uptimeSeconds)}, pid ${pid}`, 'plain'],
  ];
}

function totalLine(sample: Sample | null): Part[] {
  if (sample === null) return [];
  const { encap, decap, drops } = sample.total;
  const way = (name: string, { frames, bytes }: { frames: number; bytes: number }) =>
    `${name} ${shortNumber(frames)}/s ${shortNumber(8 * bytes)}bit/s  `;
  return [
    [way('encap', encap) + way('decap', decap), 'plain'],
    [`drops ${shortNumber(drops)}/s`, drops > 0 ? 'bad' : 'plain'],
  ];
}

function tabsLine({ view, filter, filterBefore, isPaused }: TopState): Part[] {
  const tabs = VIEW_NAMES.map((name, index): Part => {
    return name === view ? [`[${index + 1} ${name}]`, 'good'] : [` ${index + 1} ${name} `, 'plain'];
  });
  const isTyping = filterBefore !== null;
  const shown = isTyping || filter !== '' ? `  /${filter}${isTyping ? '_' : ''}` : '';
  return [...tabs, [shown, 'good'], [isPaused ? '  PAUSED' : '', 'bad']];
}

function footLine({ filterBefore, isHelp }: TopState, position: string): Part[] {
  if (isHelp) return [['any key: back  q quit', 'faint']];
  if (filterBefore !== null) return [['Enter keep  Esc undo', 'faint']];
  return [[`${position}  q quit  ? help  1-5 view  < > sort  r reverse  / filter  space pause`, 'faint']];
}

function headOf({ column, width }: Place, { view, sorting }: TopState, { isUnicode }: Style): Part {
  if (column === null) {
    const { spark } = VIEWS[view];
    return [(spark.length < width ? ` ${spark}` : '').padEnd(width), 'faint'];
  }
  const { column: sorted, isReversed } = sorting[view];
  const mark = isUnicode ? (isReversed ? '↑' : '↓') : isReversed ? '^' : 'v';
  const isSorted = VIEWS[view].columns[sorted] === column;
  const title = isSorted ? column.title + mark : column.title;
  if (column.kind !== 'number') return [fitted(title, width), isSorted ? 'good' : 'plain'];
  return [(isSorted ? title : `${title} `).padStart(width), isSorted ? 'good' : 'plain'];
}

function cellOf({ column, index, width }: Place, row: TopRow, style: Style): Part[] {
  if (column === null) return [[` ${sparkline(row.history, width - 1, style.isUnicode)}`, 'plain']];
  const value = row.values[index]!;
  if (column.kind !== 'number') return [[fitted(printable(value), width), row.isFaint ? 'faint' : 'plain']];
  const isBad = column.isTrouble === true && Number(value) > 0;
  const tint = row.isFaint ? 'faint' : isBad ? 'bad' : 'plain';
  return [[`${value === null ? '--' : shortNumber(Number(value))} `.padStart(width), tint]];
}

/** A blank at its end keeps it apart from the next one. */
function fitted(text: string, width: number): string {
  const cut = text.length < width ? text : `${text.slice(0, Math.max(0, width - 2))}~ `;
  return cut.padEnd(width).slice(0, width);
}

/** One column a character, whatever its author put into it. */
function printable(value: Value): string {
  return String(value ?? '--').replace(/[^ -~]/g, '?');
}

function lineOf(parts: readonly Part[], width: number, paint: Paint): string {
  let left = width;
  const painted = parts.map(([text, tint]) => {
    const cut = text.slice(0, left);
    left -= cut.length;
    return cut === '' ? '' : paint(tint, cut);
  });
  return painted.join('') + ' '.repeat(left);
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Three digits that count: `999`, `1.00k`, `12.3M`. */
export function shortNumber(value: number): string {
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < UNITS.length - 1) [scaled, unit] = [scaled / 1000, unit + 1];
  if (unit === 0) return String(Math.round(scaled));
  return scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0) + UNITS[unit];
}

const BARS = ' ▁▂▃▄▅▆▇█';
const PLAIN_BARS = ' .:-=+*#@';

/** The newest is at the right end. Nothing at all is blank, and the least of something is not. */
export function sparkline(history: readonly number[], width: number, isUnicode: boolean): string {
  const bars = isUnicode ? BARS : PLAIN_BARS;
  const shown = width > 0 ? history.slice(-width) : [];
  const most = Math.max(...shown);
  const barOf = (value: number) => bars[value <= 0 ? 0 : Math.max(1, Math.round((value / most) * (bars.length - 1)))];
  return shown.map(barOf).join('').padStart(Math.max(0, width));
}
