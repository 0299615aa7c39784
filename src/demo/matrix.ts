/** Who reaches whom: pings between every ordered pair, and the table of their round-trip times. */
import pc from 'picocolors';
import { formatTable, type Tint } from '../table.js';
import type { Host } from './host.js';
import type { SeedMachine } from './seed.js';

/** Mean round-trip time in milliseconds, null: not every echo request was answered. */
export interface Reach {
  readonly from: string;
  readonly to: string;
  readonly ipv4: number | null;
  readonly ipv6: number | null;
}

/** Pings every ordered pair over IPv4 and over IPv6 link-local, one after the other. */
export async function measure(machines: readonly SeedMachine[]): Promise<Reach[]> {
  const reaches: Reach[] = [];
  for (const from of machines) {
    for (const to of machines) {
      if (from === to) continue;
      const ipv4 = await roundTrip(from.host, to.seed.ipv4);
      const ipv6 = await roundTrip(from.host, `${to.seed.ipv6}%${from.seed.vnic}`);
      reaches.push({ from: from.seed.name, to: to.seed.name, ipv4, ipv6 });
    }
  }
  return reaches;
}

/** True when every ping of every pair was answered. */
export function isWhole(reaches: readonly Reach[]): boolean {
  return reaches.every((reach) => reach.ipv4 !== null && reach.ipv6 !== null);
}

/** One row of the table: a sender and a family. */
interface Row {
  readonly from: string;
  readonly family: 'IPv4' | 'IPv6';
  /** By receiver. */
  readonly times: ReadonlyMap<string, number | null>;
}

/** The table: two rows for a sender, a column for the receiver. */
export function renderMatrix(machines: readonly SeedMachine[], reaches: readonly Reach[]): string {
  const names = machines.map(({ seed }) => seed.name);
  const rows = names.flatMap((from) =>
    (['IPv4', 'IPv6'] as const).map((family): Row => {
      const own = reaches.filter((reach) => reach.from === from);
      const times = own.map(({ to, ipv4, ipv6 }) => [to, family === 'IPv4' ? ipv4 : ipv6] as const);
      return { from, family, times: new Map(times) };
    }),
  );
  const columns = [
    { title: 'ping', value: ({ from }: Row) => `from ${from}` },
    ...names.map((to) => ({
      title: `to ${to}`,
      value: ({ family, times }: Row) => (times.has(to) ? `${family} ${time(times.get(to) ?? null)}` : ''),
      tint: ({ times }: Row): Tint => (!times.has(to) ? 'plain' : times.get(to) === null ? 'bad' : 'good'),
    })),
  ];
  const paint = { good: pc.green, bad: pc.red, faint: pc.dim, plain: (text: string) => text };
  return formatTable(columns, rows, (tint, text) => paint[tint](text)).trimEnd();
}

function time(milliseconds: number | null): string {
  return milliseconds === null ? 'lost' : `${milliseconds.toFixed(2)} ms`;
}

/**
 * The first echo request pays for resolution and lookup, so it is not part of the mean; but it too must be answered.
 */
async function roundTrip(host: Host, target: string): Promise<number | null> {
  const first = await host.try(['ping', '-n', '-q', '-c', '1', '-W', '5', target]);
  if (first.code !== 0) return null;
  const outcome = await host.try(['ping', '-n', '-q', '-c', '5', '-i', '0.1', '-W', '5', target]);
  const mean = / = [\d.]+\/([\d.]+)\//.exec(outcome.stdout);
  const isComplete = / 0% packet loss/.test(outcome.stdout);
  return outcome.code === 0 && isComplete && mean !== null ? Number(mean[1]) : null;
}
