/** What to type while `vxlane demo --keep` holds the hosts up. */
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import type { SeedMachine } from './seed.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** Commands for another terminal, with this run's sockets and namespaces. */
export function lookAround(machines: readonly SeedMachine[], file: string): string {
  const [zlan, zlan2] = machines as [SeedMachine, SeedMachine];
  const inside = `ip netns exec ${zlan.host.netns}`;
  const lines = [
    'In another terminal, as root:',
    '',
    pc.dim('# the daemons, by their sockets'),
    `alias vxlane='${process.execPath} ${MAIN}'`,
    ...machines.map(({ seed, host }) => `vxlane show-overlay --socket ${host.socket}   ${pc.dim(`# ${seed.name}`)}`),
    `export VXLANE_SOCKET=${zlan.host.socket}   ${pc.dim('# from here on, zlan')}`,
    'vxlane show-overlay -t overlay0',
    'vxlane show-vnic',
    'vxlane show-stats',
    `vxlane lookup overlay0 ${zlan2.seed.mac}`,
    '',
    pc.dim('# the hosts, by their network namespaces'),
    ...machines.map(({ seed, host }) => `ip netns exec ${host.netns} ip addr   ${pc.dim(`# ${seed.name}`)}`),
    `${inside} ping ${zlan2.seed.ipv4}`,
    `${inside} ping ${zlan2.seed.ipv6}%${zlan.seed.vnic}`,
    `${inside} tcpdump -ni eth0 udp port 4789`,
    '',
    pc.dim('# the file they all read: edit it and watch'),
    `\${EDITOR:-vi} ${file}`,
  ];
  return lines.join('\n');
}
