/** What `vxlane ping` prints: a line an answer, what is to be said of one VTEP in the end, and the matrix of all. */
import { parseEndpoint } from '../address.js';
import type { PingView, VtepPing } from '../control/protocol.js';
import { type Column, formatTable, type Paint } from '../table.js';

/** All rounds of one VTEP. */
export interface VtepSums {
  readonly endpoint: string;
  readonly found: string;
  readonly sent: number;
  readonly answered: number;
  readonly lossPercent: number;
  /** null: no answer came. */
  readonly rttMs: { readonly min: number; readonly avg: number; readonly max: number } | null;
  readonly largest: number | null;
  readonly pathMtu: number | null;
  readonly echo: VtepPing['echo'];
}

/** In the order in which they came; of what is asked once, the last word. */
export function summed(rounds: readonly PingView[]): VtepSums[] {
  const asked = new Map<string, VtepPing[]>();
  for (const { vteps } of rounds) {
    for (const each of vteps) asked.set(each.endpoint, [...(asked.get(each.endpoint) ?? []), each]);
  }
  return [...asked].map(([endpoint, pings]) => {
    const last = pings.at(-1)!;
    const times = pings.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]));
    const { found, largest, pathMtu, echo } = last;
    const counts = { sent: pings.length, answered: times.length, lossPercent: 100 * (1 - times.length / pings.length) };
    return { endpoint, found, ...counts, rttMs: spread(times), largest, pathMtu, echo };
  });
}

function spread(times: readonly number[]): VtepSums['rttMs'] {
  if (times.length === 0) return null;
  const sum = times.reduce((all, time) => all + time, 0);
  return { min: Math.min(...times), avg: sum / times.length, max: Math.max(...times) };
}

/** A line for each that was asked. */
export function roundText({ overlay, vni, vteps }: PingView, round: number, size: number): string {
  return vteps
    .map(({ endpoint, found, rttMs, unsent }) => {
      const first = `ping ${endpoint} on ${overlay} (VNI ${vni}), ${size} bytes${found === '' ? '' : `: ${found}`}\n`;
      const silence = unsent === '' ? `no answer from ${endpoint}` : `${endpoint} was not asked (${unsent})`;
      const answer =
        rttMs === null
          ? `${silence}: seq=${round}`
          : `${size} bytes from ${endpoint}: seq=${round} time=${rounded(rttMs)} ms`;
      return `${round === 1 ? first : ''}${answer}\n`;
    })
    .join('');
}

/** The end, of one VTEP. */
export function ofOne(sums: VtepSums, { vni, mtu }: PingView, sweep: boolean): string {
  const { sent, answered, lossPercent, rttMs } = sums;
  const times = rttMs === null ? '' : `; rtt min/avg/max ${spreadText(rttMs)} ms`;
  const lines = [`${sent} sent, ${answered} answered, ${Math.round(lossPercent)} % lost${times}`];
  if (answered === 0) lines.push(silenceText(sums, vni));
  if (sweep) lines.push(...sizeText(sums, mtu));
  else if (sums.pathMtu !== null) lines.push(`path MTU ${sums.pathMtu} to ${hostOf(sums.endpoint)}`);
  lines.push(`underlay echo: ${hostOf(sums.endpoint)} ${echoText(sums)}`);
  return `${lines.join('\n')}\n`;
}

function silenceText({ endpoint }: VtepSums, vni: number): string {
  const who = 'only vxlane does, with oam-loopback=answer, and to VTEPs that it knows (source-check)';
  return `${endpoint} does not answer on VNI ${vni}: ${who}; the kernel's vxlan and others never do`;
}

function sizeText({ endpoint, largest, pathMtu }: VtepSums, mtu: number): string[] {
  const path = pathMtu === null ? '' : `: path MTU ${pathMtu} to ${hostOf(endpoint)}`;
  if (largest === null) return pathMtu === null ? [] : [`path MTU ${pathMtu} to ${hostOf(endpoint)}`];
  const whole = `largest size that comes back: ${largest} bytes`;
  return [`${whole}${largest === mtu ? ", the overlay's MTU" : ` of the overlay's MTU of ${mtu}`}${path}`];
}

function echoText({ echo }: VtepSums): string {
  if (echo === null) return 'was not asked';
  return echo.rttMs === null ? `does not answer (${echo.reason})` : `answers in ${rounded(echo.rttMs)} ms`;
}

const hostOf = (endpoint: string): string => parseEndpoint(endpoint)?.ip ?? endpoint;

const rounded = (ms: number): string => ms.toFixed(ms < 10 ? 2 : 1);

const spreadText = ({ min, avg, max }: NonNullable<VtepSums['rttMs']>): string =>
  [min, avg, max].map(rounded).join('/');

const COLUMNS: readonly Column<VtepSums>[] = [
  { title: 'ENDPOINT', value: ({ endpoint }) => endpoint },
  {
    title: 'LBR',
    value: ({ sent, answered }) => `${answered}/${sent}`,
    isNumber: true,
    tint: ({ sent, answered }) => (answered === sent ? 'good' : 'bad'),
  },
  { title: 'MIN/AVG/MAX MS', value: ({ rttMs }) => (rttMs === null ? '' : spreadText(rttMs)), isNumber: true },
  { title: 'LOSS', value: ({ lossPercent }) => `${Math.round(lossPercent)} %`, isNumber: true },
  { title: 'LARGEST', value: ({ largest }) => (largest === null ? '' : String(largest)), isNumber: true },
  { title: 'PATH MTU', value: ({ pathMtu }) => (pathMtu === null ? '' : String(pathMtu)), isNumber: true },
  { title: 'UNDERLAY ECHO', value: echoCell },
];

function echoCell({ echo }: VtepSums): string {
  if (echo === null) return '';
  return echo.rttMs === null ? echo.reason : `${rounded(echo.rttMs)} ms`;
}

export function matrix(vteps: readonly VtepSums[], paint: Paint): string {
  return formatTable(COLUMNS, vteps, paint);
}
