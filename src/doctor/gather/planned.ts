/** What a daemon will have when it is started: overlays of the configuration file and of the state directory. */
import { readFileSync } from 'node:fs';
import { parseEndpoint } from '../../address.js';
import { Problems } from '../../config/problems.js';
import { parse } from '../../config/validate.js';
import { ENCAPSULATIONS, isEncap } from '../../encapsulations.js';
import { messageOf } from '../../errors.js';
import { nameIn } from '../../overlay-properties/tunnel.js';
import type { Tunnel } from '../facts.js';
import type { Known } from '../finding.js';
import { keptOverlays } from './state.js';

/** Endpoints of an overlay that are looked at. */
const ENDPOINTS_MAX = 64;

/** `config`: null: there is no such file. Where both say something of an overlay, the file is right. */
export function plannedTunnels(stateDir: string, config: string | null): Known<readonly Tunnel[]> {
  try {
    const kept = keptOverlays(stateDir).map((kept) => tunnelOf(kept.name, kept.encap, kept.properties, kept.targets));
    const declared = config === null ? [] : declaredIn(config);
    return { value: [...new Map([...kept, ...declared].map((tunnel) => [tunnel.name, tunnel])).values()] };
  } catch (thrown) {
    return { unknown: `no daemon answers, and what it would have cannot be read: ${messageOf(thrown)}` };
  }
}

/** As far as the file makes sense: what is wrong with it the daemon says. */
function declaredIn(path: string): Tunnel[] {
  const parsed = parse(readFileSync(path, 'utf8'), new Problems());
  if (parsed === null) return [];
  return [...parsed.content.overlays].map(([name, { encap, properties, targets }]) =>
    tunnelOf(name, encap ?? 'vxlan', properties ?? {}, targets ?? {}),
  );
}

type Texts = Readonly<Record<string, unknown>>;

function tunnelOf(name: string, kind: string, properties: Texts, targets: Texts): Tunnel {
  // Of one that nobody knows the daemon says so.
  const encap = isEncap(kind) ? kind : 'vxlan';
  const textOf = (property: string) => (properties[property] === undefined ? null : String(properties[property]));
  const named = [...Object.values(targets), textOf('direct/dest_ip'), ...(textOf('flood/endpoints') ?? '').split(',')];
  const endpoints = named.flatMap((each) => parseEndpoint(String(each).trim())?.ip ?? []);
  return {
    name,
    encap,
    listen: {
      ip: textOf(nameIn(encap, 'vxlan/listen_ip'))?.split('%')[0] ?? '0.0.0.0',
      port: Number(textOf(nameIn(encap, 'vxlan/listen_port')) ?? ENCAPSULATIONS[encap].port),
      device: textOf(nameIn(encap, 'vxlan/underlay_dev')),
    },
    mtu: textOf('mtu') === null ? null : Number(textOf('mtu')),
    endpoints: [...new Set(endpoints)].slice(0, ENDPOINTS_MAX),
    isUp: false,
  };
}
