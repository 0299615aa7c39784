/**
 * The three hosts of the announcement that vxlane re-creates: names, addresses, file and commands as printed there,
 * with `dladm` become `vxlane` and `ifconfig` become `ip`.
 *
 * Two liberties. The announcement names `foo0` in all three `create-vnic` lines but configures bar0 and baz0 on zlan2
 * and zlan3: here they are created by the names that are configured. And illumos' `ifconfig foo0 inet6 fe80::3` sets
 * *the* link-local address, where Linux' `ip addr add` adds one beside the generated one, which the hosts file does not
 * know: so the generated one is flushed first.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.js';
import type { Lab } from './lab.js';

export interface SeedHost {
  readonly name: 'zlan' | 'zlan2' | 'zlan3';
  readonly underlay: string;
  readonly vnic: string;
  readonly mac: string;
  /** Inner addresses. */
  readonly ipv4: string;
  readonly ipv6: string;
}

export const SEED_HOSTS: readonly SeedHost[] = [
  {
    name: 'zlan',
    underlay: '10.88.88.69',
    vnic: 'foo0',
    mac: 'de:ad:be:ef:00:00',
    ipv4: '10.55.55.2',
    ipv6: 'fe80::3',
  },
  {
    name: 'zlan2',
    underlay: '10.88.88.70',
    vnic: 'bar0',
    mac: 'de:ad:be:ef:00:01',
    ipv4: '10.55.55.3',
    ipv6: 'fe80::4',
  },
  {
    name: 'zlan3',
    underlay: '10.88.88.71',
    vnic: 'baz0',
    mac: 'de:ad:be:ef:00:02',
    ipv4: '10.55.55.4',
    ipv6: 'fe80::5',
  },
];

/** /var/tmp/hosts.json of the announcement, byte for byte. */
export const SEED_FILE = `{

        "de:ad:be:ef:00:00": {
                "arp": "10.55.55.2",
                "ip": "10.88.88.69",
                "ndp": "fe80::3",
                "port": 4789
        }, "de:ad:be:ef:00:01": {
                "arp": "10.55.55.3",
                "dhcp-proxy": "de:ad:be:ef:00:00",
                "ip": "10.88.88.70",
                "ndp": "fe80::4",
                "port": 4789
        }, "de:ad:be:ef:00:02": {
                "arp": "10.55.55.4",
                "ip": "10.88.88.71",
                "ndp": "fe80::5",
                "port": 4789
        }
}
`;

/** The commands typed on one host, in order; `file` is where hosts.json lies. */
export function seedCommands(host: SeedHost, file: string): string[] {
  const { underlay, vnic, mac, ipv4, ipv6 } = host;
  const properties = `-p vxlan/listen_ip=${underlay} -p files/config=${file}`;
  return [
    `vxlane create-overlay -v 23 -e vxlan -s files ${properties} overlay0`,
    `vxlane create-vnic -m ${mac} -l overlay0 ${vnic}`,
    `ip link set ${vnic} up`,
    `ip addr add ${ipv4}/24 dev ${vnic}`,
    `ip -6 addr flush dev ${vnic} scope link`,
    `ip -6 addr add ${ipv6}/64 dev ${vnic}`,
  ];
}

/**
 * Types one command line on a host, `vxlane` being this build's. Words are split at spaces: nothing here needs quotes.
 */
export async function type(host: Host, command: string): Promise<string> {
  const [program, ...args] = command.split(' ') as [string, ...string[]];
  return program === 'vxlane' ? host.vxlane(...args) : host.exec(program, ...args);
}

export interface SeedMachine {
  readonly seed: SeedHost;
  readonly host: Host;
}

/**
 * Builds the three hosts in a laboratory, each with its daemon, and types the commands. `onCommand` hears each before
 * it runs. One hosts.json serves all three; it is answered with them.
 */
export async function buildSeed(lab: Lab, onCommand: (host: SeedHost, command: string) => void = () => {}) {
  const file = join(lab.dir, 'hosts.json');
  writeFileSync(file, SEED_FILE);
  const machines: SeedMachine[] = [];
  for (const seed of SEED_HOSTS) {
    machines.push({ seed, host: await lab.addHost(seed.name, { addresses: [`${seed.underlay}/24`] }) });
  }
  await Promise.all(machines.map(({ host }) => host.startDaemon()));
  for (const { seed, host } of machines) {
    for (const command of seedCommands(seed, file)) {
      onCommand(seed, command);
      await type(host, command);
    }
  }
  return { machines, file };
}
