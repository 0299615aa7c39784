/** The network of a namespace, as the kernel and its tools tell it. */
import { readFileSync } from 'node:fs';
import { withNetns } from '../../system/netns.js';
import type { Part } from '../part.js';
import { run } from '../run.js';

const COMMANDS: readonly (readonly [file: string, what: string, command: string])[] = [
  ['links.json', 'interfaces', 'ip -d -s -j link'],
  ['addresses.json', 'addresses', 'ip -j addr'],
  ['routes4.json', 'IPv4 routes of all tables', 'ip -j -4 route show table all'],
  ['routes6.json', 'IPv6 routes of all tables', 'ip -j -6 route show table all'],
  ['rules4.json', 'IPv4 routing rules', 'ip -j -4 rule'],
  ['rules6.json', 'IPv6 routing rules', 'ip -j -6 rule'],
  ['neighbours.json', 'neighbours', 'ip -j neigh'],
  ['queues.txt', 'queueing disciplines', 'tc -s qdisc'],
  ['nft.txt', 'rules of nftables', 'nft list ruleset'],
  ['iptables.txt', 'rules of iptables', 'iptables-save'],
  ['ip6tables.txt', 'rules of ip6tables', 'ip6tables-save'],
  ['udp.txt', 'UDP sockets', 'ss -uanpme'],
];

const COUNTERS = ['snmp', 'snmp6', 'netstat', 'softnet_stat', 'dev', 'igmp'];

const SYSCTLS = [
  ...['rmem_max', 'wmem_max', 'rmem_default', 'wmem_default', 'netdev_max_backlog', 'netdev_budget'].map(
    (each) => `core/${each}`,
  ),
  ...['ip_forward', 'ip_no_pmtu_disc', 'udp_mem', 'udp_rmem_min', 'ip_local_port_range'].map((each) => `ipv4/${each}`),
  ...['rp_filter', 'accept_local', 'arp_ignore', 'arp_filter'].flatMap((each) =>
    ['all', 'default'].map((conf) => `ipv4/conf/${conf}/${each}`),
  ),
  ...['forwarding', 'disable_ipv6', 'accept_ra'].map((each) => `ipv6/conf/all/${each}`),
  'netfilter/nf_conntrack_count',
  'netfilter/nf_conntrack_max',
];

/** `folder`: where they are in the archive. `netns`: null: that of this process. */
export function networkParts(folder: string, netns: string | null): Part[] {
  const commands = COMMANDS.map(
    ([file, what, command]): Part => ({
      name: `${folder}/${file}`,
      what: `${what} (${command})`,
      gather: () => run(command.split(' ') as [string, ...string[]], netns),
    }),
  );
  const files = (file: string, what: string, paths: readonly string[]): Part => ({
    name: `${folder}/${file}`,
    what,
    gather: () => withNetns(netns, () => paths.map((path) => `${path}\n${textAt(path)}\n`).join('\n')),
  });
  return [
    ...commands,
    // Of the thread: /proc/net is the process's, which stays where it is.
    files(
      'counters.txt',
      "the kernel's own counters",
      COUNTERS.map((each) => `/proc/thread-self/net/${each}`),
    ),
    files(
      'sysctls.txt',
      'settings of the kernel',
      SYSCTLS.map((each) => `/proc/sys/net/${each}`),
    ),
  ];
}

/** What is in a file of /proc, or why it cannot be read. */
function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (thrown) {
    return `(${(thrown as NodeJS.ErrnoException).code})`;
  }
}
