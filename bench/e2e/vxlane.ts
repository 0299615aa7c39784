/** A variant of vxlane: a daemon on each host, with state, socket, port and VNIC of its own. */
import { join } from 'node:path';
import { VXLAN_PORT } from '../../src/address.js';
import { type Client, createClient } from '../../src/control/client.js';
import { Host } from '../../src/demo/host.js';
import { seedTable, type Table } from './table.js';
import {
  type Contender,
  MTU,
  type Side,
  sides,
  type Testbed,
  type Tunnel,
  UNDERLAY,
  UNDERLAY_DEVICE,
  VNI,
} from './tunnel.js';
import type { Variant } from './variants.js';
import { idleMac, vnicMac } from './vnic-mac.js';

const OVERLAY = 'bench0';
const HOSTS = ['left', 'right'] as const;
/** Longer than the gap between two pings: else the workers sleep in between, as they should. */
const BUSY_POLL_US = 1000;
/** The daemon's default, which a larger table needs more than. */
const FDB_SIZE = 65536;
/** For reading them from state and file; generous. */
const START_MS_PER_ENTRY = 0.2;

/** `number` keeps the variants of a run apart: interfaces, addresses and ports. */
export async function addVxlane(
  testbed: Testbed,
  variant: Variant,
  number: number,
  wantsBusy: boolean,
): Promise<Contender> {
  const tunnel = await addPair(testbed, variant, number);
  const polls = variant.daemonArgs.some((word) => word.startsWith('--busy-poll'));
  const daemonArgs = [...variant.daemonArgs, '--busy-poll', String(BUSY_POLL_US)];
  const twin = { ...variant, name: `${variant.name}-busy`, daemonArgs };
  const busy = wantsBusy && !polls ? await addPair(testbed, twin, number + 100) : null;
  return { name: variant.name, kind: 'vxlane', ...tunnel, busy };
}

async function addPair(testbed: Testbed, variant: Variant, number: number): Promise<Tunnel> {
  const pids: number[] = [];
  for (const [machine, side] of sides(testbed)) {
    if (variant.kernel === HOSTS[side]) {
      await addKernelEnd(machine, number, side);
      continue;
    }
    const host = new Host(
      `${machine.name}-${variant.name}`,
      machine.netns,
      join(machine.dir, variant.name),
      testbed.lab.processes,
    );
    testbed.lab.hosts.push(host); // its log is the laboratory's
    pids.push(await addEnd(host, variant, number, side));
  }
  return { right: `10.51.${number}.2`, daemons: pids };
}

/** The kernel's vxlan device, as a peer of a daemon on the other host. */
async function addKernelEnd(machine: Host, number: number, side: Side): Promise<void> {
  const device = `tap${number}`;
  const ends = ['local', UNDERLAY[side], 'remote', UNDERLAY[side === 0 ? 1 : 0], 'dev', UNDERLAY_DEVICE];
  const tunnel = ['id', String(VNI), ...ends, 'dstport', String(VXLAN_PORT + number)];
  await machine.exec('ip', 'link', 'add', device, 'address', vnicMac(number, side), 'type', 'vxlan', ...tunnel);
  await machine.exec('ip', 'link', 'set', device, 'mtu', MTU, 'up');
  await machine.exec('ip', 'addr', 'add', innerAddress(number, side), 'dev', device);
}

function innerAddress(number: number, side: Side): string {
  return `10.51.${number}.${side + 1}/24`;
}

/** Answers the daemon's id. */
async function addEnd(host: Host, variant: Variant, number: number, side: Side): Promise<number> {
  const { daemonArgs, entries, overlays, vnics } = variant;
  const port = VXLAN_PORT + number;
  const properties = { 'vxlan/listen_ip': UNDERLAY[side], 'vxlan/listen_port': String(port), mtu: MTU };
  const given = Object.fromEntries(variant.properties.map((text) => text.split(/=(.*)/s).slice(0, 2)));
  const table: Table = { overlay: OVERLAY, vni: VNI, port, entries, properties: { ...properties, ...given } };
  if (entries > 0) await seedTable(host, number, table);
  host.readyTimeoutMs += entries * START_MS_PER_ENTRY;
  const size = Math.max(FDB_SIZE, entries + 1024);
  const args = daemonArgs.map((word) => word.replaceAll('{side}', String(side)));
  await host.startDaemon('--fdb-size', String(size), ...args);

  const client = createClient(host.socket);
  if (entries === 0) {
    const point = { 'direct/dest_ip': UNDERLAY[side === 0 ? 1 : 0], 'direct/dest_port': String(port) };
    await client.createOverlay({
      ...{ name: OVERLAY, encap: 'vxlan', vni: VNI, search: 'direct' },
      properties: { ...properties, ...point, ...given },
    });
  } else await expectEntries(client, variant);
  for (let more = 1; more < overlays; more++) {
    const idle = { ...properties, ...given, 'direct/dest_ip': UNDERLAY[side === 0 ? 1 : 0] };
    const name = `idle${more}`;
    await client.createOverlay({
      name,
      encap: 'vxlan',
      vni: VNI + more,
      search: 'direct',
      properties: idle,
      temporary: true,
    });
  }
  const device = `tap${number}`;
  await client.createVnic({ name: device, overlay: OVERLAY, mac: vnicMac(number, side), netns: host.netns });
  await host.exec('ip', 'addr', 'add', innerAddress(number, side), 'dev', device);
  for (let more = 1; more < vnics; more++) {
    const idle = { name: `${device}-${more}`, overlay: OVERLAY, mac: idleMac(number, side, more), netns: host.netns };
    await client.createVnic({ ...idle, temporary: true });
  }
  return host.daemonPid!;
}

/** A figure of a table that is not there would be worse than none. */
async function expectEntries(client: Client, { name, entries }: Variant): Promise<void> {
  const { fdbEntries } = await client.daemon();
  if (fdbEntries < entries) throw new Error(`variant ${name}: ${fdbEntries} FDB entries instead of ${entries}`);
}
