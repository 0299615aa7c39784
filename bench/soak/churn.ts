/** VNICs and overlays that come and go under traffic. */
import { fileURLToPath } from 'node:url';
import { mustSucceed } from './must-succeed.js';
import { MESH } from './names.js';
import type { Testbed } from './testbed.js';

const SENDER = fileURLToPath(new URL('../e2e/udp-sender.js', import.meta.url));
/** Few, so that the daemon gives each index out again and again. */
const VNIS = 8;

/**
 * A second VNIC of the overlay, in a virtual machine's namespace beside the host's: broadcasts reach it from its
 * neighbour on the same host, and it goes while they come.
 */
export async function churnVnic({ left, right }: Testbed, n: number): Promise<void> {
  const { host, client, guest } = n % 2 === 0 ? left : right;
  const name = 'churn0';
  const number = 1 + (n % 250); // address and MAC go together: neighbours remember them
  const mac = `02:50:a4:01:00:${number.toString(16).padStart(2, '0')}`;
  await client.createVnic({ name, overlay: MESH, mac, netns: guest.netns, temporary: true });
  await guest.exec('ip', 'addr', 'add', `10.77.100.${number}/16`, 'dev', name);
  const broadcasts = host.spawn(['ping', '-n', '-q', '-b', '-c', '100', '-i', '0.01', '-W', '1', '10.77.255.255']);
  const ping = ['ping', '-n', '-q', '-c', '20', '-i', '0.02', '-W', '2', '10.77.0.3'];
  mustSucceed(ping, await guest.try(ping));
  await client.deleteVnic(name);
  await broadcasts.done;
}

/** An overlay between both hosts, with a VNIC each; it must carry frames, and is taken away while it does. */
export async function churnOverlay({ left, right }: Testbed, n: number): Promise<void> {
  const vteps = [left, right] as const;
  const name = `passing${n % VNIS}`;
  for (const [side, { client, host, underlay }] of vteps.entries()) {
    const peer = vteps[1 - side]!.underlay;
    const properties = { 'vxlan/listen_ip': underlay, 'direct/dest_ip': peer };
    const overlay = { name, encap: 'vxlan', vni: 200 + (n % VNIS), search: 'direct', properties, temporary: true };
    await client.createOverlay(overlay);
    const mac = `02:50:a4:02:0${side}:0${n % VNIS}`;
    await client.createVnic({ name: 'pass0', overlay: name, mac, netns: host.netns, temporary: true });
    await host.exec('ip', 'addr', 'add', `10.79.0.${side + 1}/24`, 'dev', 'pass0');
  }
  const ping = ['ping', '-n', '-q', '-c', '20', '-i', '0.02', '-W', '2', '10.79.0.2'];
  mustSucceed(ping, await left.host.try(ping));
  const flow = left.host.spawn([process.execPath, SENDER, '10.79.0.2', '9', '700', '2000', '1']);
  for (const { client } of [right, left]) {
    await client.deleteVnic('pass0');
    await client.deleteOverlay(name);
  }
  await flow.done;
}
