/**
 * Three hosts on one underlay and one overlay over all of them, with the plugin `files` on two and the kernel's vxlan
 * device on the third, so that frames cross both implementations both ways:
 *
 *   left   vxlane   tap0 10.77.0.1        10.88.0.1
 *   right  vxlane   tap0 10.77.0.2        10.88.0.2
 *   far    kernel   tap0 10.77.0.3        10.88.0.3
 */
import { join } from 'node:path';
import { type Client, createClient } from '../../src/control/client.js';
import type { Host } from '../../src/demo/host.js';
import { Lab } from '../../src/demo/lab.js';
import { DEVICE, MACS, MESH, VNI } from './names.js';
import { writeTable } from './table.js';

const EVERYBODY = '00:00:00:00:00:00';

/** A host that runs vxlane. */
export interface Vtep {
  readonly host: Host;
  readonly client: Client;
  readonly pid: number;
  readonly underlay: string;
  /** A namespace for more VNICs of this host: two interfaces in one would answer each other's ARP requests. */
  readonly guest: Host;
}

export interface Testbed {
  readonly lab: Lab;
  readonly left: Vtep;
  readonly right: Vtep;
  readonly far: Host;
  /** The file of the plugin, one for both. */
  readonly table: string;
}

/** `properties`: of the overlay, `offload=off`. */
export async function buildTestbed(
  daemonArgs: readonly string[],
  properties: Record<string, string>,
): Promise<Testbed> {
  const lab = await Lab.create();
  try {
    const table = join(lab.dir, 'hosts.json');
    writeTable(table, 0);
    const left = await addVtep(lab, 'left', 1, daemonArgs);
    const right = await addVtep(lab, 'right', 2, daemonArgs);
    for (const [vtep, number] of [
      [left, 1],
      [right, 2],
    ] as const) {
      const all = { 'vxlan/listen_ip': vtep.underlay, 'files/config': table, ...properties };
      await vtep.client.createOverlay({ name: MESH, encap: 'vxlan', vni: VNI, search: 'files', properties: all });
      const vnic = { name: DEVICE, overlay: MESH, mac: MACS[number - 1]!, netns: vtep.host.netns };
      await vtep.client.createVnic(vnic);
      await vtep.host.exec('ip', 'addr', 'add', `10.77.0.${number}/16`, 'dev', DEVICE);
    }
    const testbed = { lab, left, right, far: await addKernel(lab), table };
    await proveTestbed(testbed);
    return testbed;
  } catch (error) {
    process.stderr.write(lab.logs());
    await lab.close();
    throw error;
  }
}

async function addVtep(lab: Lab, name: string, number: number, daemonArgs: readonly string[]): Promise<Vtep> {
  const underlay = `10.88.0.${number}`;
  // else the kernel's inner checksums would be left to a network card that never comes
  const host = await lab.addHost(name, { addresses: [`${underlay}/24`], likeOnTheWire: true });
  await host.exec('ethtool', '-K', 'eth0', 'gro', 'on'); // datagrams are joined again, as behind a network card
  await host.startDaemon(...daemonArgs);
  return {
    host,
    client: createClient(host.socket),
    pid: host.daemonPid!,
    underlay,
    guest: await lab.addMachine(`${name}-vm`),
  };
}

/** Broadcasts go to both of the others; it learns nothing, so that a frame from nowhere changes nothing. */
async function addKernel(lab: Lab): Promise<Host> {
  const far = await lab.addHost('far', { addresses: ['10.88.0.3/24'] });
  const device = ['type', 'vxlan', 'id', String(VNI), 'local', '10.88.0.3', 'dstport', '4789', 'nolearning'];
  await far.exec('ip', 'link', 'add', DEVICE, 'address', MACS[2], ...device);
  await far.exec('ip', 'link', 'set', DEVICE, 'up');
  await far.exec('ip', 'addr', 'add', '10.77.0.3/16', 'dev', DEVICE);
  for (const number of [1, 2]) {
    const to = ['dev', DEVICE, 'dst', `10.88.0.${number}`];
    await far.exec('bridge', 'fdb', 'append', EVERYBODY, ...to);
    await far.exec('bridge', 'fdb', 'append', MACS[number - 1]!, ...to);
  }
  return far;
}

/** Every pair reaches each other. */
export async function proveTestbed({ left, right, far }: Testbed): Promise<void> {
  for (const [host, numbers] of [
    [left.host, [2, 3]],
    [right.host, [1, 3]],
    [far, [1, 2]],
  ] as const) {
    for (const number of numbers) await host.exec('ping', '-n', '-q', '-c', '3', '-i', '0.2', `10.77.0.${number}`);
  }
}
