/** How to reach GoBGP and what of the fabric's routes is this overlay's: the table of properties, and their values. */
import { VXLAN_PORT } from '../../../address.js';
import type { Endpoint, PropertySpec, PropertyValue } from '../../api.js';
import type { TlsFiles } from '../../grpc/tls.js';
import { vtepOf } from '../underlay.js';
import { DEFAULT_RULES, type MoveRules } from './moves.js';
import { parseRd, type RouteTargets, rdOf, targetsOf } from './targets.js';

export const PROPERTIES = [
  {
    name: 'evpn/gobgp',
    type: 'string',
    required: false,
    default: '127.0.0.1:50051',
    help: "GoBGP's gRPC interface: HOST:PORT, or https://HOST:PORT",
  },
  { name: 'evpn/ca', type: 'string', required: false, help: 'PEM file of the authority that signed evpn/gobgp' },
  { name: 'evpn/cert', type: 'string', required: false, help: 'PEM file of the client certificate' },
  { name: 'evpn/key', type: 'string', required: false, help: 'PEM file of the key of evpn/cert' },
  {
    name: 'evpn/vtep',
    type: 'ip',
    required: false,
    help: 'next hop of the routes of this host, where the listen address is 0.0.0.0 or ::',
  },
  { name: 'evpn/rd', type: 'string', required: false, help: 'route distinguisher; default ROUTER_ID:VNI of GoBGP' },
  {
    name: 'evpn/route_targets',
    type: 'string',
    required: false,
    default: 'auto',
    help: 'AS:NUMBER, import:… or export:… before it, *:NUMBER, auto (AS:VNI) or auto-rfc8365, with commas between',
  },
  {
    name: 'evpn/vni',
    type: 'uint',
    required: false,
    range: [1, 16_777_215],
    help: 'VNI that routes of this overlay carry, where that is not its own',
  },
  {
    name: 'evpn/port',
    type: 'uint',
    required: false,
    default: VXLAN_PORT,
    range: [1, 65_535],
    help: 'UDP port of all VTEPs: routes do not say it',
  },
  {
    name: 'evpn/arp_suppress',
    type: 'string',
    required: false,
    default: 'true',
    values: ['true', 'false'],
    help: 'answer ARP and neighbour solicitations from routes; without it they are flooded',
  },
  {
    name: 'evpn/ageing',
    type: 'uint',
    required: false,
    default: 300,
    range: [1, 86_400],
    help: 'seconds of silence after which a MAC behind a VNIC is withdrawn',
  },
  {
    name: 'evpn/graceful',
    type: 'uint',
    required: false,
    default: 120,
    range: [0, 86_400],
    help: 'seconds for which routes of this host stay after a restart without being refreshed; 0: none outlives it',
  },
  {
    name: 'evpn/move_limit',
    type: 'uint',
    required: false,
    default: 5,
    range: [1, 1000],
    help: 'moves of a MAC within evpn/move_window that are nothing special; one more, and the operator is told',
  },
  {
    name: 'evpn/move_window',
    type: 'uint',
    required: false,
    default: 180,
    range: [1, 86_400],
    help: 'seconds within which moves of a MAC are counted',
  },
  {
    name: 'evpn/freeze',
    type: 'uint',
    required: false,
    default: 'off',
    values: ['off'],
    range: [1, 86_400],
    help: 'seconds for which a MAC that moves too often stays where it is; off: it is followed',
  },
] as const satisfies readonly PropertySpec[];

export interface EvpnSettings {
  /** As the operator gave it. */
  readonly gobgp: string;
  /** With its scheme. */
  readonly url: string;
  readonly tls: TlsFiles;
  /** The next hop of our routes. */
  readonly vtep: string;
  /** null: made of GoBGP's router ID and the VNI. */
  readonly rd: string | null;
  readonly routeTargets: string;
  /** What routes carry. */
  readonly vni: number;
  readonly port: number;
  readonly ageingMs: number;
  readonly gracefulMs: number;
  readonly moves: MoveRules;
}

/** What only GoBGP knows: which routes are ours, and which are for us. */
export interface Fabric {
  readonly rd: string;
  readonly targets: RouteTargets;
}

/** Throws one Error with everything that is wrong. */
export function settingsOf(
  values: Readonly<Record<string, PropertyValue>>,
  overlayVni: number,
  listen: Endpoint | undefined,
): EvpnSettings {
  const problems: string[] = [];
  const checked = <T>(make: () => T, otherwise: T): T => {
    try {
      return make();
    } catch (thrown) {
      problems.push((thrown as Error).message);
      return otherwise;
    }
  };
  const gobgp = String(values['evpn/gobgp'] ?? '127.0.0.1:50051');
  const given = (['ca', 'cert', 'key'] as const).filter((name) => values[`evpn/${name}`] !== undefined);
  const url = checked(() => urlOf(gobgp), '');
  if (given.length > 0 && url.startsWith('http:')) {
    problems.push(`${given.map((name) => `evpn/${name}`).join(', ')} given, but evpn/gobgp has no https:// before it`);
  }
  if ((values['evpn/cert'] === undefined) !== (values['evpn/key'] === undefined)) {
    problems.push('evpn/cert and evpn/key: expected both or neither');
  }
  const vni = Number(values['evpn/vni'] ?? overlayVni);
  const routeTargets = String(values['evpn/route_targets'] ?? 'auto');
  checked(() => targetsOf(routeTargets, 0, vni), null);
  const settings = {
    ...{ gobgp, url, vni, routeTargets },
    tls: Object.fromEntries(given.map((name) => [name, String(values[`evpn/${name}`])])),
    vtep: checked(() => vtepOf('evpn/vtep', values['evpn/vtep'], listen), ''),
    rd: values['evpn/rd'] === undefined ? null : checked(() => parseRd(String(values['evpn/rd'])), null),
    port: Number(values['evpn/port'] ?? VXLAN_PORT),
    ageingMs: Number(values['evpn/ageing'] ?? 300) * 1000,
    gracefulMs: Number(values['evpn/graceful'] ?? 120) * 1000,
    moves: {
      limit: Number(values['evpn/move_limit'] ?? DEFAULT_RULES.limit),
      windowMs: Number(values['evpn/move_window'] ?? DEFAULT_RULES.windowMs / 1000) * 1000,
      freezeMs: typeof values['evpn/freeze'] === 'number' ? values['evpn/freeze'] * 1000 : null,
    },
  };
  if (problems.length > 0) throw new Error(problems.join('; '));
  return settings;
}

/** Throws where no route distinguisher can be made of what GoBGP says of itself. */
export function fabricOf(settings: EvpnSettings, asn: number, routerId: string): Fabric {
  return {
    rd: settings.rd ?? rdOf(routerId, settings.vni),
    targets: targetsOf(settings.routeTargets, asn, settings.vni),
  };
}

function urlOf(text: string): string {
  const [, scheme = 'http://', host, port] = /^(https?:\/\/)?(\[[0-9a-f:.]+\]|[\w.-]+):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new Error(`evpn/gobgp: ${JSON.stringify(text)} is no endpoint: expected HOST:PORT or https://HOST:PORT`);
  }
  return `${scheme.toLowerCase()}${host}:${port}`;
}
