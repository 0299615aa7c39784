/** The VTEPs of an overlay: all that frames go to or may come from, and those that an operator means. */
import {
  type Endpoint,
  formatEndpoint,
  ipFamily,
  isMulticast,
  parseEndpoint,
  parseIp,
  parseMac,
} from '../../address.js';
import { badPing } from '../../errors.js';
import { isOwnEndpoint } from '../../overlay-properties/listen.js';
import type { Overlay } from '../overlay/overlay.js';
import { lookup, ownerOf } from './lookup.js';
import type { Registry } from './registry.js';

export interface FoundVtep {
  readonly endpoint: Endpoint;
  /** How it was found; empty: it was named. */
  readonly found: string;
}

/**
 * Where its table, its plugin's point or its flood list send, and those from whom it takes frames though nothing is
 * sent there yet: these listen at the overlay's own port, as far as is known. By address; not this host.
 */
export function vtepsOf({ datapath }: Pick<Registry, 'datapath'>, overlay: Overlay): Endpoint[] {
  const { index, sources } = overlay.attached();
  const { listen } = overlay.configuration.settings.socket;
  const used = datapath.endpointsOf(index).filter(({ ip }) => overlay.remotes.has(ip) && !isMulticast(ip));
  const ips = new Set(used.map(({ ip }) => ip));
  const silent = [...sources.known.all()].filter((ip) => !ips.has(ip)).map((ip) => ({ ip, port: listen.port }));
  return [...used, ...silent]
    .filter((endpoint) => !isOwnEndpoint(listen, endpoint) && ipFamily(endpoint.ip) === ipFamily(listen.ip))
    .sort((a, b) => (formatEndpoint(a) < formatEndpoint(b) ? -1 : 1));
}

/** Those that `text` means: an endpoint, a VTEP's address, a MAC, or an address inside. Throws if there is none. */
export async function vtepsMeant(
  registry: Pick<Registry, 'datapath'>,
  overlay: Overlay,
  text: string,
): Promise<FoundVtep[]> {
  const ip = parseIp(text);
  const mac = parseMac(text);
  if (ip !== null) return vtepsAt(registry, overlay, ip);
  if (mac !== null) return [await vtepBehind(overlay, mac, '')];
  const endpoint = parseEndpoint(text, overlay.configuration.settings.socket.listen.port);
  if (endpoint === null) throw badPing(`${text}: expected IP:PORT or IP of a VTEP, a MAC, or an IP address inside`);
  return [{ endpoint: checked(overlay, endpoint), found: '' }];
}

async function vtepsAt(registry: Pick<Registry, 'datapath'>, overlay: Overlay, ip: string): Promise<FoundVtep[]> {
  const known = vtepsOf(registry, overlay).filter((endpoint) => endpoint.ip === ip);
  if (known.length > 0) return known.map((endpoint) => ({ endpoint, found: '' }));
  const owner = await ownerOf(overlay, ip);
  if (owner.mac !== null) return [await vtepBehind(overlay, owner.mac, `${ip} is at ${owner.mac}; `)];
  const { port } = overlay.configuration.settings.socket.listen;
  const hint = `ping ${formatEndpoint({ ip, port })} asks it all the same`;
  throw badPing(`${ip} is no VTEP of ${overlay.name}, and no address inside: ${owner.reason}; ${hint}`);
}

async function vtepBehind(overlay: Overlay, mac: string, found: string): Promise<FoundVtep> {
  const { verdict, destination, source } = await lookup(overlay, mac);
  const { port } = overlay.configuration.settings.socket.listen;
  const endpoint = verdict === 'forward' ? parseEndpoint(destination, port) : null;
  if (endpoint !== null) return { endpoint, found: `${found}${mac} is at ${destination} (${source} says so)` };
  const what = { local: 'delivered here', flood: 'flooded', drop: 'dropped', forward: 'sent' }[verdict];
  throw badPing(`frames to ${mac} are ${what} (${destination}): no VTEP is behind it`);
}

function checked(overlay: Overlay, endpoint: Endpoint): Endpoint {
  const { listen } = overlay.configuration.settings.socket;
  const text = formatEndpoint(endpoint);
  if (isOwnEndpoint(listen, endpoint)) throw badPing(`${text} is this VTEP itself`);
  if (isMulticast(endpoint.ip)) throw badPing(`${text} is a group`);
  if (ipFamily(endpoint.ip) === ipFamily(listen.ip)) return endpoint;
  throw badPing(`${text}: ${overlay.name} has an underlay of IPv${ipFamily(listen.ip)}`);
}
