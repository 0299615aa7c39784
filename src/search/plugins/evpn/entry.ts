/** What the table has of a MAC, by the routes of its best place. Pure. */
import type { EtcdEntry as TableEntry } from '../etcd/table.js';
import { ipv4Key, ipv6Key } from '../files/keys.js';
import type { MacRoute } from './route.js';

/** `routes`: at least one, and all from one VTEP; `port` is of all VTEPs. */
export function entryOf(routes: readonly MacRoute[], port: number): TableEntry {
  const [first] = routes as [MacRoute];
  const ips = routes.flatMap(({ ip }) => (ip === null ? [] : [ip]));
  const present = <T>(key: T | null): T[] => (key === null ? [] : [key]);
  return {
    answer: Object.freeze({ target: Object.freeze({ ip: first.vtep, port }) }),
    arp: ips.flatMap((ip) => present(ip.includes(':') ? null : ipv4Key(ip))),
    ndp: ips.flatMap((ip) => present(ip.includes(':') ? ipv6Key(ip) : null)),
    server: null,
    revision: Math.max(...routes.map(({ atMs }) => atMs)),
  };
}
