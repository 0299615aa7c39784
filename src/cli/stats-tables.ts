/** The tables of show-stats. */
import type { StatsView, Traffic } from '../control/protocol.js';
import { type Column, formatTable, type Paint, type Tint } from '../table.js';
import { duration } from './duration.js';

type OverlayRow = StatsView['overlays'][number];
type VnicRow = StatsView['vnics'][number];
type StrangerRow = OverlayRow['strangers'][number] & { readonly over: string };
type EndpointRow = StatsView['endpoints'][number];
type DropRow = StatsView['drops'][number];

/** `unit`: '' for counts since the daemon started, `/S` for rates. Tables without rows are left out. */
export function formatStats(stats: StatsView, paint: Paint, unit: '' | '/S'): string {
  const strangers = stats.overlays.flatMap(({ name, strangers: all }) => all.map((each) => ({ over: name, ...each })));
  const endpoints = [...stats.endpoints, ...othersOf(stats)];
  const tables = [
    stats.overlays.length > 0 && formatTable(overlayColumns(unit, stats.overlays), stats.overlays, paint),
    stats.overlays.length > 0 && formatTable(pluginColumns(unit), stats.overlays, paint),
    stats.vnics.length > 0 && formatTable(vnicColumns(unit), stats.vnics, paint),
    strangers.length > 0 && formatTable(strangerColumns(unit), strangers, paint),
    endpoints.length > 0 && formatTable(endpointColumns(unit), endpoints, paint),
    stats.drops.length > 0 && formatTable(dropColumns(unit), stats.drops, paint),
  ];
  return tables.filter((table) => table !== false).join('\n') || 'no overlays and no frames yet\n';
}

function traffic<Row>(name: string, unit: string, of: (row: Row) => Traffic): Column<Row>[] {
  return [
    { title: `${name}-FRAMES${unit}`, value: (row) => String(of(row).frames), isNumber: true },
    { title: `${name}-BYTES${unit}`, value: (row) => String(of(row).bytes), isNumber: true },
  ];
}

const dropTint = (frames: number): Tint => (frames > 0 ? 'bad' : 'plain');

/** What is expected is no trouble, and stands apart. */
function dropCounts<Row extends { expectedDrops: number }>(unit: string, all: (row: Row) => number): Column<Row>[] {
  const drops = (row: Row) => all(row) - row.expectedDrops;
  return [
    { title: `DROPS${unit}`, value: (row) => String(drops(row)), isNumber: true, tint: (row) => dropTint(drops(row)) },
    { title: `EXPECTED${unit}`, value: ({ expectedDrops }) => String(expectedDrops), isNumber: true },
  ];
}

/** Fragments are rare: a column where there are any. */
function overlayColumns(unit: string, rows: readonly OverlayRow[]): Column<OverlayRow>[] {
  const fragmentsColumn: Column<OverlayRow> = {
    title: `FRAGMENTED${unit}`,
    value: ({ fragments }) => String(fragments),
    isNumber: true,
  };
  const drops = (row: OverlayRow) => Object.values(row.drops).reduce((sum, frames) => sum + frames, 0);
  return [
    { title: 'OVERLAY', value: ({ name }) => name },
    ...traffic<OverlayRow>('ENCAP', unit, ({ encap }) => encap),
    ...traffic<OverlayRow>('DECAP', unit, ({ decap }) => decap),
    ...(rows.some(({ fragments }) => fragments > 0) ? [fragmentsColumn] : []),
    ...dropCounts<OverlayRow>(unit, drops),
  ];
}

function pluginColumns(unit: string): Column<OverlayRow>[] {
  const count = (title: string, of: (plugin: OverlayRow['plugin']) => number): Column<OverlayRow> => ({
    title: `${title}${unit}`,
    value: ({ plugin }) => String(of(plugin)),
    isNumber: true,
  });
  const trouble = (title: string, of: (plugin: OverlayRow['plugin']) => number): Column<OverlayRow> => ({
    ...count(title, of),
    tint: ({ plugin }) => dropTint(of(plugin)),
  });
  return [
    { title: 'SEARCH', value: ({ plugin }) => plugin.name },
    { title: 'OVER', value: ({ name }) => name },
    count('QUESTIONS', ({ questions }) => questions),
    trouble('FAULTS', ({ faults }) => faults),
    trouble('TIMEOUTS', ({ timeouts }) => timeouts),
    trouble('DEATHS', ({ deaths }) => deaths),
  ];
}

function vnicColumns(unit: string): Column<VnicRow>[] {
  return [
    { title: 'VNIC', value: ({ name }) => name },
    { title: 'OVER', value: ({ overlay }) => overlay },
    ...traffic<VnicRow>('TX', unit, ({ tx }) => tx),
    ...traffic<VnicRow>('RX', unit, ({ rx }) => rx),
    ...dropCounts<VnicRow>(unit, ({ drops }) => drops),
  ];
}

const UNKNOWN = { pathMtu: null, heardSeconds: null, isSilent: false };

/** Whoever is no endpoint: a row where there is anybody. */
function othersOf({ otherSenders: decap }: StatsView): EndpointRow[] {
  if (decap.frames === 0) return [];
  return [{ endpoint: 'others', overlays: [], encap: { frames: 0, bytes: 0 }, decap, drops: 0, ...UNKNOWN }];
}

function endpointColumns(unit: string): Column<EndpointRow>[] {
  return [
    { title: 'ENDPOINT', value: ({ endpoint }) => endpoint },
    ...traffic<EndpointRow>('ENCAP', unit, ({ encap }) => encap),
    ...traffic<EndpointRow>('DECAP', unit, ({ decap }) => decap),
    {
      title: `DROPS${unit}`,
      value: ({ drops }) => String(drops),
      isNumber: true,
      tint: ({ drops }) => dropTint(drops),
    },
    {
      title: 'HEARD',
      value: ({ heardSeconds, isSilent }) => {
        if (heardSeconds === null) return '';
        return isSilent ? `silent ${duration(heardSeconds)}` : `${duration(heardSeconds)} ago`;
      },
      tint: ({ isSilent }) => (isSilent ? 'bad' : 'plain'),
    },
    { title: 'PATH-MTU', value: ({ pathMtu }) => (pathMtu === null ? '' : String(pathMtu)), isNumber: true },
  ];
}

function strangerColumns(unit: string): Column<StrangerRow>[] {
  return [
    { title: 'REFUSED', value: ({ ip }) => ip },
    { title: 'OVER', value: ({ over }) => over },
    { title: 'MAC', value: ({ mac }) => mac },
    { title: `FRAMES${unit}`, value: ({ frames }) => String(frames), isNumber: true },
    { title: 'ALLOW', value: ({ allow }) => allow },
  ];
}

function dropColumns(unit: string): Column<DropRow>[] {
  return [
    { title: 'DROPPED', value: ({ reason }) => reason },
    {
      title: `FRAMES${unit}`,
      value: ({ frames }) => String(frames),
      isNumber: true,
      tint: ({ frames, isExpected }) => (isExpected ? 'faint' : dropTint(frames)),
    },
    { title: 'BECAUSE', value: ({ text, isExpected }) => (isExpected ? `expected: ${text}` : text) },
  ];
}
