/**
 * Runs in the page that page.ts makes, in a browser: draws the charts into the figures, both in the same order. Imports
 * nothing at run time, as the page has this text inside.
 */

/** One metric: a bar for each contender. */
export interface Chart {
  readonly title: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isRate: boolean;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  /** Its place among all contenders, which has the same colour in all charts. */
  readonly place: number;
  readonly median: number;
  readonly rounds: readonly number[];
}

/** As much of a browser and of uPlot as is used here: the types of browsers would hold for the whole project. */
interface Element {
  readonly textContent: string;
}
declare const document: { querySelector(selector: string): Element; querySelectorAll(selector: string): Element[] };
declare const uPlot: {
  new (options: object, data: readonly (readonly (number | undefined)[])[], target: Element): unknown;
  readonly paths: { bars(options: object): unknown };
};

const COLOURS = ['#4878a8', '#e08a3c', '#5a9e5a', '#b05a7a', '#7a6aa8'];
/** Pixels. */
const SIZE = { width: 320, height: 220 };
/** Of all bars of a chart together, in pixels. */
const BARS_WIDTH = 160;

function draw({ bars }: Chart, figure: Element): void {
  const dots = bars.flatMap(({ rounds }, x) => rounds.map((round) => ({ x, round })));
  // One x for each dot; the first dot of a bar's x carries the bar as well.
  const xs = dots.map(({ x }) => x);
  const medians = bars.map(({ median }, x) =>
    xs.map((at, i) => (at === x && xs.indexOf(x) === i ? median : undefined)),
  );
  const options = {
    ...SIZE,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: () => [-0.6, bars.length - 0.4] }, y: { range: fromZero } },
    axes: [
      {
        splits: () => bars.map((_, x) => x),
        values: () => bars.map(({ name, median }) => `${name}\n${digits(median)}`),
        size: 44,
        grid: { show: false },
      },
      {},
    ],
    series: [
      {},
      ...bars.map(({ place }) => ({
        fill: COLOURS[place % COLOURS.length],
        paths: uPlot.paths.bars({ size: [1, BARS_WIDTH / bars.length] }),
        points: { show: false },
      })),
      { paths: () => null, points: { show: true, size: 6, stroke: '#222', fill: '#fff' } },
    ],
  };
  new uPlot(options, [xs, ...medians, dots.map(({ round }) => round)], figure);
}

function fromZero(_chart: unknown, _least: number, most: number): [number, number] {
  return [0, most * 1.1];
}

/** Three digits that matter. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

const charts = JSON.parse(document.querySelector('#charts').textContent) as Chart[];
const figures = [...document.querySelectorAll('figure')];
for (const [index, chart] of charts.entries()) draw(chart, figures[index]!);
