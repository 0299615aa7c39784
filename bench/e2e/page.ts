/** The summary as an HTML page that needs nothing but itself: no network, no other file. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, type Environment } from '../environment.js';
import type { Chart } from './charts.js';
import { titleOf } from './print.js';
import type { Line, Turn } from './summary.js';

const SECTIONS: readonly { readonly title: string; readonly units: readonly string[] }[] = [
  { title: 'Throughput', units: ['Gbit/s'] },
  { title: 'Frames per second', units: ['k frames/s'] },
  { title: 'Latency', units: ['µs'] },
  { title: 'Processor time', units: ['s/GB', 'µs/frame'] },
];
/** Of what belongs to none of them. */
const REST = 'More';

export function page(where: Environment, lines: readonly Line[], turns: readonly Turn[]): string {
  const charts = lines.map((line) => chartOf(line, lines, turns));
  const titles = [...SECTIONS.map(({ title }) => title), REST];
  const sections = titles
    .map((title) => ({ title, charts: charts.filter((chart) => sectionOf(chart) === title) }))
    .filter((section) => section.charts.length > 0);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>vxlane bench e2e</title>
<style>
${uPlotFile('uPlot.min.css')}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 66rem; padding: 0 1rem; color: #222 }
section { display: flex; flex-wrap: wrap; gap: 1.5rem } section h2 { flex-basis: 100%; margin: 1rem 0 0 }
figure { margin: 0; width: 20rem } figcaption { font-weight: 600; min-height: 3rem }
small { font-weight: 400; color: #666 }
pre { color: #666; white-space: pre-wrap }
</style>
<h1>vxlane beside other tunnels</h1>
<p>The same traffic through each tunnel in turn, between the same two network namespaces. A bar is the median of the
rounds, a dot is one round. Read the ratios; the figures themselves are those of this machine on this day.</p>
<pre>${escaped(describe(where))}</pre>
${sections.map(({ title, charts: of }) => `<section><h2>${title}</h2>${of.map(figure).join('')}</section>`).join('\n')}
<script>${uPlotFile('uPlot.iife.min.js')}</script>
<script type="application/json" id="charts">${inScript(sections.flatMap((section) => section.charts))}</script>
<script type="module">${readFileSync(new URL('./charts.js', import.meta.url), 'utf8')}</script>
</html>
`;
}

function chartOf(line: Line, lines: readonly Line[], turns: readonly Turn[]): Chart {
  const { name, unit, isRate, medians, row } = line;
  const index = lines.filter((other) => other.row === row).indexOf(line);
  const all = Object.entries(medians).map(([contender, median], place) => ({ contender, median, place }));
  return {
    title: name,
    unit,
    isRate,
    bars: all
      .filter(({ median }) => Number.isFinite(median))
      .map(({ contender, median, place }) => ({
        name: titleOf(contender),
        place,
        median,
        rounds: turns.filter((turn) => turn.contender === contender).map(({ values }) => values[row]![index]!),
      })),
  };
}

function sectionOf({ unit }: Chart): string {
  return SECTIONS.find(({ units }) => units.includes(unit))?.title ?? REST;
}

function figure({ title, unit, isRate }: Chart): string {
  const better = isRate ? 'more is better' : 'less is better';
  return `<figure><figcaption>${escaped(title)}<br><small>${escaped(unit)}, ${better}</small></figcaption></figure>`;
}

function uPlotFile(name: string): string {
  return readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), 'utf8');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** No text inside ends the script element. */
function inScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
