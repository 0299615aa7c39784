/** Who reaches whom: pings between every ordered pair, and the table of their round-trip times. */
import Table from 'cli-table3';
import pc from 'picocolors';
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

/** The table: a row for the sender, a column for the receiver. */
export function renderMatrix(machines: readonly SeedMachine[], reaches: readonly Reach[]): string {
  const names = machines.map(({ seed }) => seed.name);
  const head = ['ping', ...names.map((name) => pc.cyan(`to ${name}`))];
  const table = new Table({ head, style: { head: [], border: [] } }); // its own colours would not ask whether to
  for (const from of names) {
    const cells = names.map((to) => cell(reaches.find((reach) => reach.from === from && reach.to === to)));
    table.push([pc.cyan(`from ${from}`), ...cells]);
  }
  return table.toString();
}

function cell(reach: Reach | undefined): string {
  return reach === undefined ? '' : `IPv4 ${time(reach.ipv4)}\nIPv6 ${time(reach.ipv6)}`;
}

function time(milliseconds: number | null): string {
  return milliseconds === null ? pc.red('lost') : pc.green(`${milliseconds.toFixed(2)} ms`);
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
