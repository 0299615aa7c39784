/** Machines behind a bridge of a host. */
import { eventually, type Host } from './support.js';

/** Cables a machine to a bridge: its `eth0` with that MAC, the host's port `p-NAME`. Both carry frames then. */
export async function plug(host: Host, machine: Host, bridge: string, mac: string, addresses: readonly string[]) {
  const port = `p-${machine.name}`;
  const peer = ['peer', 'name', 'eth0', 'address', mac, 'netns', machine.netns];
  await host.exec('ip', 'link', 'add', port, 'type', 'veth', ...peer);
  await host.exec('ip', 'link', 'set', port, 'master', bridge, 'up');
  await machine.exec('ip', 'link', 'set', 'eth0', 'mtu', '1400', 'up');
  for (const address of addresses) {
    const nodad = address.includes(':') ? ['nodad'] : [];
    await machine.exec('ip', 'addr', 'add', address, 'dev', 'eth0', ...nodad);
  }
  await untilCarries(machine, 'eth0');
  await untilCarries(host, port);
}

interface Link {
  readonly operstate: string;
  readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } };
}

/**
 * Waits until the kernel carries frames over an interface, and as a bridge's port forwards them: what is sent before it
 * has noticed the carrier is lost, and on a machine with many interfaces it notices seconds later.
 */
export async function untilCarries(host: Host, device: string): Promise<void> {
  await eventually(`${host.name}: ${device} carries frames`, async () => {
    const [link] = await host.json<Link[]>('ip', '-j', '-d', 'link', 'show', 'dev', device);
    const state = link?.linkinfo?.info_slave_data?.state ?? 'forwarding';
    return link?.operstate !== 'DOWN' && link?.operstate !== 'LOWERLAYERDOWN' && state === 'forwarding';
  });
}
