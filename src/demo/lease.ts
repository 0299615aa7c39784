/**
 * A DHCPv4 lease through the `dhcp-proxy` of hosts.json: dnsmasq on the server's VNIC, busybox' udhcpc on the client's.
 */

import { commandFailed } from '../errors.js';
import type { Host } from './host.js';
import { howItEnded, type Running } from './processes.js';
import type { Tool } from './requirements.js';

export const LEASE_TOOLS: readonly Tool[] = [
  { program: 'dnsmasq', package: 'dnsmasq-base' },
  { program: 'busybox', package: 'busybox' },
];

/** A DHCP server on `device` that gives `address` to `mac`, and to nobody else; it runs until it is stopped. */
export async function serveLease(server: Host, device: string, mac: string, address: string): Promise<Running> {
  const dnsmasq = server.spawn([
    'dnsmasq',
    '--no-daemon',
    '--conf-file=/dev/null',
    '--user=root',
    '--pid-file=',
    '--port=0', // no DNS
    `--interface=${device}`,
    '--bind-interfaces',
    `--dhcp-leasefile=${server.dir}/dnsmasq.leases`,
    `--dhcp-range=${address},static,255.255.255.0,1h`,
    `--dhcp-host=${mac},${address}`,
    '--dhcp-authoritative',
    '--log-dhcp',
    '--no-ping', // the client may hold the address already
  ]);
  await dnsmasq.printed(/started, version/);
  return dnsmasq;
}

/** Runs a client until it has a lease, without configuring the interface; answers the address. */
export async function obtainLease(client: Host, device: string, options: { broadcast: boolean }): Promise<string> {
  const asking = ['-f', '-n', '-q', '-i', device, '-t', '5', '-T', '1', '-s', '/bin/true'];
  const argv = ['busybox', 'udhcpc', ...asking, ...(options.broadcast ? ['-B'] : [])];
  const outcome = await client.try(argv);
  const said = outcome.stdout + outcome.stderr;
  const lease = /lease of (\S+) obtained/.exec(said);
  if (outcome.code !== 0 || lease === null) throw commandFailed(argv, howItEnded(outcome), said);
  return lease[1] as string;
}
