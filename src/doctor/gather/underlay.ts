/** The underlay as the kernel has it, in the daemon's network namespace. */
import { readFileSync } from 'node:fs';
import { hasPorts } from '../../encapsulations.js';
import { outerLength } from '../../overlay-properties/mtu.js';
import { udpChecksumErrors, udpDropsAt, udpPortHolder } from '../../system/holders.js';
import { underlayInterface } from '../../system/link.js';
import { type Neighbour, neighbours } from '../../system/neighbours.js';
import { withNetns } from '../../system/netns.js';
import { type Link, linkAt, linkNamed, routeTo } from '../../system/routes.js';
import type { EndpointFacts, SysctlFacts, Tunnel, UnderlayFacts } from '../facts.js';
import { type Echo, type echoes, keyOf } from './echo.js';

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** Counters of the kernel. */
export interface Counters {
  /** By port. */
  readonly drops: ReadonlyMap<number, number>;
  readonly checksumErrors: number;
}

/** What is asked before there has been time for anything. */
export function countersOf(netns: string | null, tunnels: readonly Tunnel[]): Counters {
  return withNetns(netns, () => ({
    drops: new Map(tunnels.map(({ listen: { port } }) => [port, udpDropsAt(port)])),
    checksumErrors: udpChecksumErrors(),
  }));
}

/** What may be asked of endpoints. */
export function echoesOf(netns: string | null, tunnels: readonly Tunnel[]): Echo[] {
  return withNetns(netns, () =>
    tunnels.flatMap((tunnel) => tunnel.endpoints.flatMap((ip) => echoOf(tunnel, ip) ?? [])),
  );
}

export interface Earlier {
  readonly before: Counters;
  readonly answers: Awaited<ReturnType<typeof echoes>>;
  /** The number of the daemon's process, which may have the port; null: there is none. */
  readonly daemon: number | null;
}

export function underlayFacts(
  netns: string | null,
  tunnels: readonly Tunnel[],
  { before, answers, daemon }: Earlier,
): UnderlayFacts[] {
  return withNetns(netns, () => {
    const known = neighbours();
    const checksumErrors = [before.checksumErrors, udpChecksumErrors()] as const;
    return tunnels.map((tunnel): UnderlayFacts => {
      const { listen, isUp } = tunnel;
      const link = linkOf(tunnel);
      const holder = isUp || !hasPorts(tunnel.encap) ? null : udpPortHolder(listen.ip, listen.port);
      return {
        tunnel,
        link,
        rpFilter: link === null ? null : rpFilterOf(link.name),
        portHolder: holder?.startsWith(`pid ${daemon} `) ? null : holder,
        socketDrops: [before.drops.get(listen.port) ?? 0, udpDropsAt(listen.port)],
        checksumErrors,
        endpoints: tunnel.endpoints.map((ip): EndpointFacts => {
          const route = routeOf(tunnel, ip);
          const hop = route?.gateway ?? ip;
          const echo = echoOf(tunnel, ip);
          return {
            ip,
            route,
            link: route === null ? null : linkAt(route.ifindex),
            neighbour: stateOf(known, route?.ifindex ?? 0, hop),
            echo: (echo === null ? null : answers.get(keyOf(echo))) ?? 'not asked',
            echoBytes: echo?.bytes ?? 0,
          };
        }),
      };
    });
  });
}

export function sysctlFacts(netns: string | null): SysctlFacts {
  return withNetns(netns, () => ({ rmemMax: sysctl('core/rmem_max') ?? 0, wmemMax: sysctl('core/wmem_max') ?? 0 }));
}

/** null: nobody knows how large its datagrams are. */
function echoOf(tunnel: Tunnel, ip: string): Echo | null {
  if (tunnel.mtu === null) return null;
  const route = routeOf(tunnel, ip);
  const isReachable = route !== null && !route.isLocal;
  return { from: sourceOf(tunnel), to: ip, bytes: outerLength(tunnel.mtu, tunnel.listen), isReachable };
}

/** `any`: whatever the kernel likes. */
function sourceOf({ listen: { ip, device } }: Tunnel): string {
  return device ?? (WILDCARDS.has(ip) ? 'any' : ip);
}

function linkOf({ listen: { ip, device } }: Tunnel): Link | null {
  if (WILDCARDS.has(ip) && device === null) return null;
  const ifindex = underlayInterface(ip, device ?? undefined);
  const link = ifindex === null ? null : linkAt(ifindex);
  return link?.isRunning ? link : null;
}

function routeOf({ listen: { ip, device } }: Tunnel, to: string) {
  const by = device === null ? null : (linkNamed(device)?.ifindex ?? null);
  try {
    return routeTo(to, WILDCARDS.has(ip) ? null : ip, by);
  } catch {
    return null; // the address that it would be sent from is none of this host's
  }
}

function stateOf(known: readonly Neighbour[], ifindex: number, ip: string): string | null {
  return known.find((each) => each.ifindex === ifindex && each.ip === ip)?.state ?? null;
}

/** The kernel takes the larger of the two. */
function rpFilterOf(name: string): number | null {
  const values = ['all', name].map((each) => sysctl(`ipv4/conf/${each}/rp_filter`));
  return values.includes(null) ? null : Math.max(...(values as number[]));
}

function sysctl(path: string): number | null {
  try {
    return Number(readFileSync(`/proc/sys/net/${path}`, 'utf8'));
  } catch {
    return null;
  }
}
