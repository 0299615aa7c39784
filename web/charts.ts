/** Frames, bytes and drops over the last minutes: drawn by uPlot, in words, and as a table for who cannot see them. */
import type { HistoryPoint } from 'vxlane/client';
import { byId, element, setText, svg } from './dom.js';
import { bits, clock, scaled } from './format.js';
import { number, plain, setRows } from './tables.js';

/** The global of its script. */
declare const uPlot: typeof import('uplot');

/** Seconds that a chart is wide: as many as there are, between these. */
const SPAN = { least: 180, most: 900 };
/** Of drop reasons, those with the most frames; the others are one line more. */
const REASONS_SHOWN = 5;
const HEIGHT = 200;
/** Seconds of a row of the table. */
const ROW = 60;

interface Series {
  readonly name: string;
  /** Of a variable of the style sheet. */
  readonly color: string;
  readonly dash: readonly number[];
  readonly values: readonly number[];
}

interface ChartOptions {
  readonly title: string;
  readonly id: string;
  readonly format: (value: number) => string;
}

const SENT = { name: 'sent', color: '--accent', dash: [] } as const;
const RECEIVED = { name: 'received', color: '--second', dash: [7, 4] } as const;
/** Lines differ by more than their colour. */
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 5], [4, 2]] as const;

const perSecond = (value: number) => `${scaled(value)}/s`;

export class Charts {
  readonly #frames = new Chart({ title: 'Frames', id: 'frames', format: perSecond });
  readonly #bits = new Chart({ title: 'Bits of frames', id: 'bits', format: bits });
  readonly #drops = new Chart({ title: 'Drops by reason', id: 'drops', format: perSecond });
  #points: readonly HistoryPoint[] = [];
  #expected: ReadonlySet<string> = new Set();

  constructor() {
    // The colours are others then, and so is the room.
    const redraw = () => this.#draw(true);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    new ResizeObserver(redraw).observe(byId('charts', HTMLElement));
  }

  /** `expected`: names of reasons that say nothing of trouble, and are left out. */
  show(points: readonly HistoryPoint[], expected: ReadonlySet<string>): void {
    this.#points = points;
    this.#expected = expected;
    this.#draw(false);
  }

  #draw(isAnew: boolean): void {
    const points = this.#points;
    const of = (value: (point: HistoryPoint) => number) => points.map((point) => value(point) / point.seconds);
    const draw = (chart: Chart, series: readonly Series[]) => chart.draw(points, series, isAnew);
    draw(this.#frames, [
      { ...SENT, values: of(({ encap }) => encap.frames) },
      { ...RECEIVED, values: of(({ decap }) => decap.frames) },
    ]);
    draw(this.#bits, [
      { ...SENT, values: of(({ encap }) => encap.bytes) },
      { ...RECEIVED, values: of(({ decap }) => decap.bytes) },
    ]);
    draw(this.#drops, this.#dropSeries(of));
  }

  #dropSeries(of: (value: (point: HistoryPoint) => number) => number[]): Series[] {
    const sums = new Map<string, number>();
    for (const { drops } of this.#points) {
      for (const [reason, frames] of Object.entries(drops)) {
        if (!this.#expected.has(reason)) sums.set(reason, (sums.get(reason) ?? 0) + frames);
      }
    }
    const names = [...sums].sort(([, a], [, b]) => b - a).map(([name]) => name);
    const groups = names.slice(0, REASONS_SHOWN).map((name): [string, string[]] => [name, [name]]);
    const rest = names.slice(REASONS_SHOWN);
    if (rest.length > 0) groups.push([`${rest.length} more`, rest]);
    return groups.map(([name, reasons], index) => ({
      name,
      color: `--drop-${index + 1}`,
      dash: DASHES[index]!,
      values: of(({ drops }) => reasons.reduce((sum, reason) => sum + (drops[reason] ?? 0), 0)),
    }));
  }
}

const styleOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour that a canvas takes, of a variable that may be `light-dark(…)`. */
function colorOf(name: string): string {
  const probe = element('span');
  probe.style.color = styleOf(name);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

class Chart {
  readonly #options: ChartOptions;
  readonly #plot = element('div', { class: 'plot', 'aria-hidden': 'true' });
  readonly #legend = element('ul', { class: 'legend' });
  readonly #caption: HTMLElement;
  readonly #details: HTMLDetailsElement;
  readonly #table: HTMLTableElement;
  #drawn: InstanceType<typeof uPlot> | null = null;
  #shape = '';

  constructor(options: ChartOptions) {
    const { title, id } = options;
    this.#options = options;
    this.#caption = element('figcaption', { id: `chart-${id}-text` });
    this.#table = element('table', {}, element('caption', {}, `${title}, each minute's average`), element('thead'));
    const region = { class: 'scroll tall', 'aria-label': `${title} as a table` };
    const summary = element('summary', {}, `${title} as a table`);
    this.#details = element('details', {}, summary, element('section', region, this.#table));
    this.#details.addEventListener('toggle', () => this.#fillTable());
    const heading = element('h3', { id: `chart-${id}` }, title);
    const figure = element('figure', { 'aria-labelledby': `chart-${id}`, 'data-chart': id });
    figure.append(heading, this.#legend, this.#plot, this.#caption, this.#details);
    byId('charts', HTMLElement).append(figure);
  }

  #points: readonly HistoryPoint[] = [];
  #series: readonly Series[] = [];

  draw(points: readonly HistoryPoint[], series: readonly Series[], isAnew: boolean): void {
    this.#points = points;
    this.#series = series;
    const times = points.map(({ time }) => Date.parse(time) / 1000);
    const shape = series.map(({ name }) => name).join('\n');
    if (isAnew || shape !== this.#shape || this.#drawn === null) {
      this.#drawn?.destroy();
      this.#drawn = this.#make();
      this.#makeLegend();
      this.#shape = shape;
    }
    // A line of nothing keeps the axes when there is nothing to draw.
    const values = series.length === 0 ? [times.map(() => 0)] : series.map((each) => [...each.values]);
    this.#drawn.setData([times, ...values]);
    this.#sayValues(points.length - 1);
    setText(this.#caption, this.#summary());
    this.#fillTable();
  }

  #make(): InstanceType<typeof uPlot> {
    const [grid, quiet] = [colorOf('--line'), colorOf('--quiet')];
    const axis = { stroke: quiet, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '11px system-ui' };
    const shown: readonly Series[] = this.#series.length > 0 ? this.#series : [{ ...SENT, name: '', values: [] }];
    const isSingle = this.#series.length === 0;
    return new uPlot(
      {
        width: Math.max(200, this.#plot.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        hooks: { setCursor: [({ cursor }) => this.#sayValues(cursor.idx ?? this.#points.length - 1)] },
        scales: {
          x: { time: true, range: (_, first, last) => spanOf(first, last) },
          y: { range: (_, __, most) => [0, Math.max(1, (most ?? 0) * 1.15)] },
        },
        axes: [
          {
            ...axis,
            size: 30,
            space: 70,
            values: (_, ticks) => ticks.map((tick) => clock(new Date(tick * 1000), false)),
          },
          { ...axis, size: 68, space: 36, values: (_, ticks) => ticks.map((tick) => this.#options.format(tick)) },
        ],
        series: [
          {},
          ...shown.map(({ name, color, dash }, index) => ({
            label: name,
            stroke: isSingle ? 'transparent' : colorOf(color),
            width: 2,
            dash: [...dash],
            points: { show: false },
            ...(index === 0 && color === SENT.color && !isSingle ? { fill: faint(colorOf(color)) } : {}),
          })),
        ],
      },
      [[], ...shown.map(() => [])],
      this.#plot,
    );
  }

  #makeLegend(): void {
    const items = this.#series.map(({ name, color, dash }) => {
      const line = svg('path', { d: 'M0 4h26', 'stroke-width': '2.5', 'stroke-dasharray': dash.join(' ') });
      line.setAttribute('stroke', colorOf(color));
      return element(
        'li',
        {},
        svg('svg', { viewBox: '0 0 26 8', 'aria-hidden': 'true' }, line),
        `${name} `,
        element('b'),
      );
    });
    this.#legend.replaceChildren(...items);
  }

  /** `index`: of a point. */
  #sayValues(index: number): void {
    for (const [at, item] of [...this.#legend.children].entries()) {
      const value = this.#series[at]?.values[index];
      setText(item.querySelector('b')!, value === undefined ? '' : this.#options.format(value));
    }
  }

  #summary(): string {
    if (this.#points.length === 0) return 'Nothing yet: a point is added every 5 s.';
    if (this.#series.length === 0) return 'Nothing was dropped that should not have been.';
    const { format } = this.#options;
    const parts = this.#series.map(({ name, values }) => {
      const most = Math.max(...values);
      const time = new Date(this.#points[values.indexOf(most)]!.time);
      return most === 0 ? `${name}: none` : `${name}: at most ${format(most)}, at ${clock(time)}`;
    });
    return `${parts.join('; ')}.`;
  }

  /** While it is open. */
  #fillTable(): void {
    if (!this.#details.open) return;
    const titles = ['Until', ...this.#series.map(({ name }) => name)];
    const head = titles.map((title, index) => {
      return element('th', { scope: 'col', class: index === 0 ? '' : 'number' }, title);
    });
    this.#table.tHead!.replaceChildren(element('tr', {}, ...head));
    const rows = [];
    for (let end = this.#points.length; end > 0; ) {
      let start = end;
      for (let seconds = 0; start > 0 && seconds < ROW; ) seconds += this.#points[--start]!.seconds;
      rows.push([
        plain(clock(new Date(this.#points[end - 1]!.time))),
        ...this.#series.map(({ values }) => number(this.#options.format(average(values.slice(start, end))))),
      ]);
      end = start;
    }
    setRows(this.#table, rows, 'Nothing yet');
  }
}

/** Of an axis, in seconds since 1970; null: there are no points. */
function spanOf(first: number | null, last: number | null): [from: number, to: number] {
  const to = last ?? Date.now() / 1000;
  return [to - Math.min(SPAN.most, Math.max(SPAN.least, to - (first ?? to))), to];
}

const average = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;

/** `color`: `rgb(…)`, as browsers compute it. */
const faint = (color: string): string => color.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)');
