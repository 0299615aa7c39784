/**
 * How long do create-vnic and delete-vnic take, with how many VNICs on the host, with IPv6 in their namespace and
 * without, and how long until a daemon that was killed has all of them again? What of the first two does the kernel
 * take for the same interface, where no daemon is?
 *
 *   npm run bench:vnics -- [COUNT...]
 *
 * Asks a daemon over its control socket (default: with 1, 100, 600 and 1000 VNICs), so no start of a CLI is in it.
 * Needs root: the host is a network namespace. With IPv6 the kernel gives every VNIC a link-local address.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { macFromNumber } from '../src/address.js';
import { type Client, createClient } from '../src/control/client.js';
import type { Host } from '../src/demo/host.js';
import { Lab } from '../src/demo/lab.js';
import { openTap, type Tap } from '../src/system/tap.js';
import { textTable } from '../src/table.js';
import { describe, environment } from './environment.js';
import { median, writeResult } from './results.js';

const FIRST_MAC = 0x020000000000;
const OVERLAY = 'overlay0';
/** VNICs that are timed at each count. */
const SAMPLE = 10;
/** Until the kernel has made sure of the addresses (duplicate address detection) and told of its groups. */
const SETTLED_MS = 3000;

/** Who makes the interfaces: a daemon that is asked to, or this process, and then nobody reads them. */
type Maker = 'vxlane' | 'kernel';

interface Row {
  readonly maker: Maker;
  readonly ipv6: boolean;
  readonly vnics: number;
  readonly createMs: number[];
  readonly deleteMs: number[];
  /** Killed, and started again until all are up; null: there is no daemon. */
  readonly restartMs: number | null;
}

const { positionals } = parseArgs({ allowPositionals: true });
const counts = positionals.length > 0 ? positionals.map(Number) : [1, 100, 600, 1000];

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

interface Interfaces {
  create(number: number): Promise<number>;
  delete(number: number): Promise<number>;
  restart(): Promise<number | null>;
}

function byDaemon(client: Client, host: Host): Interfaces {
  return {
    create: (number) => {
      const [name, mac] = [`v${number}`, macFromNumber(FIRST_MAC + number)];
      return timed(() => client.createVnic({ name, mac, overlay: OVERLAY, allowAnyMac: false, temporary: false }));
    },
    delete: (number) => timed(() => client.deleteVnic(`v${number}`)),
    restart: async () => {
      await host.stopDaemon('SIGKILL');
      return timed(async () => {
        await host.startDaemon('--workers', '1');
        while ((await client.vnics()).some(({ state }) => state !== 'up')) await sleep(20);
      });
    },
  };
}

function byKernel(netns: string): Interfaces {
  const taps = new Map<number, Tap>();
  const rest = { mtu: 1450, netns, persist: true, queues: 1, offload: 'auto' } as const;
  return {
    create: (number) =>
      timed(async () => {
        taps.set(number, openTap({ name: `v${number}`, mac: macFromNumber(FIRST_MAC + number), ...rest }));
      }),
    delete: (number) => timed(async () => taps.get(number)!.remove()),
    restart: async () => null,
  };
}

/** A host without VNICs. */
async function started(lab: Lab, hasIpv6: boolean, maker: Maker): Promise<Interfaces> {
  const host = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const off = hasIpv6 ? 0 : 1;
  const settings = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.disable_ipv6=${off}`);
  await host.exec('sysctl', '-qw', ...settings);
  if (maker === 'kernel') return byKernel(host.netns);
  await host.startDaemon('--workers', '1');
  const client = createClient(host.socket);
  const properties = { 'vxlan/listen_ip': '10.88.88.1', 'direct/dest_ip': '10.88.88.2' };
  await client.createOverlay({ name: OVERLAY, encap: 'vxlan', vni: 23, search: 'direct', properties });
  return byDaemon(client, host);
}

async function measure(hasIpv6: boolean, maker: Maker): Promise<Row[]> {
  const lab = await Lab.create();
  try {
    const interfaces = await started(lab, hasIpv6, maker);
    const rows: Row[] = [];
    let made = 0;
    for (const count of counts) {
      const createMs: number[] = [];
      for (; made < count; made++) createMs.push(await interfaces.create(made));
      await sleep(SETTLED_MS);
      const restartMs = await interfaces.restart();
      const oldest = Array.from({ length: Math.min(count, SAMPLE) }, (_, at) => at);
      const deleteMs: number[] = [];
      for (const number of oldest) deleteMs.push(await interfaces.delete(number));
      for (const number of oldest) await interfaces.create(number);
      const row = { maker, ipv6: hasIpv6, vnics: count, createMs: createMs.slice(-SAMPLE), deleteMs, restartMs };
      console.log(textOf(row).join('  '));
      rows.push(row);
    }
    return rows;
  } finally {
    await lab.close();
  }
}

const shown = (times: readonly number[]) => `${median(times).toFixed(1)} (${Math.max(...times).toFixed(1)})`;

function textOf({ maker, ipv6, vnics, createMs, deleteMs, restartMs }: Row): string[] {
  return [maker, ipv6 ? 'on' : 'off', String(vnics), shown(createMs), shown(deleteMs), restartMs?.toFixed(0) ?? ''];
}

const where = environment();
console.log(describe(where));
const rows: Row[] = [];
for (const hasIpv6 of [false, true]) {
  rows.push(...(await measure(hasIpv6, 'kernel')), ...(await measure(hasIpv6, 'vxlane')));
}
const titles = ['by', 'IPv6', 'VNICs', 'create-vnic: median (longest), ms', 'delete-vnic: the same', 'restart, ms'];
console.log(textTable(titles, rows.map(textOf), 2));
console.log(writeResult('vnics', where.date, { ...where, rows }));
