/**
 * What a file that is right points to, looked at on this host as a daemon would, while none need run: search plugins
 * start and stop, addresses, devices and namespaces are looked for. Nothing is made.
 */
import { formatListenIp, ipFamily } from '../../address.js';
import type { DeclaredOverlay, VnicModel } from '../../config/model.js';
import { ENCAPSULATIONS } from '../../encapsulations.js';
import { addressNotLocal, ConfigurationRefused, messageOf, noUnderlayDevice } from '../../errors.js';
import { isWildcard } from '../../overlay-properties/listen.js';
import { only } from '../../overlay-properties/overlay-properties.js';
import type { PluginLog } from '../../search/api.js';
import type { FoundPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import { PluginHost } from '../../search/host/host.js';
import { Placement } from '../../search/host/placement.js';
import { PluginCounts } from '../../search/host/types.js';
import { localAddresses } from '../../system/link.js';
import { withNetns } from '../../system/netns.js';
import { linkNamed } from '../../system/routes.js';
import type { Wanted } from './apply.js';

const SILENT: PluginLog = { debug() {}, info() {}, warn() {}, error() {} };

/** Throws all that is wrong, a line each: `FILE:LINE: NAME: what is wrong`. */
export async function checkDeep({ file, declaration, plugins }: Wanted, deadlines: Deadlines): Promise<void> {
  const placement = new Placement({ now: () => performance.now() });
  const found: [name: string, reason: string][] = [];
  for (const overlay of declaration.overlays.values()) {
    const reasons = [
      ...whereItListens(overlay),
      ...(await startOf(overlay, plugins.get(overlay.search)!, placement, deadlines)),
    ];
    for (const reason of reasons) found.push([overlay.name, reason]);
  }
  for (const vnic of declaration.vnics.values()) {
    for (const reason of whereItIs(vnic)) found.push([vnic.name, reason]);
  }
  if (found.length === 0) return;
  throw new ConfigurationRefused(
    found.map(([name, reason]) => `${file}:${declaration.lines.get(name)}: ${name}: ${reason}`),
  );
}

function whereItListens({ configuration }: DeclaredOverlay): string[] {
  const { listen } = configuration.settings.socket;
  if (listen.device !== undefined && linkNamed(listen.device) === null)
    return [noUnderlayDevice(listen.device).message];
  if (isWildcard(listen.ip) || localAddresses(listen.device).has(listen.ip)) return [];
  return [addressNotLocal(formatListenIp(listen), listen.port).message];
}

/** What its search plugin has against its properties, and what it says of itself when it has started. */
async function startOf(
  { vni, configuration }: DeclaredOverlay,
  { location, manifest }: FoundPlugin,
  placement: Placement,
  deadlines: Deadlines,
): Promise<string[]> {
  const { values, settings } = configuration;
  const { ip, port } = settings.socket.listen;
  const degraded = new Map<string, string>();
  const host = new PluginHost({
    name: manifest.name,
    open: placement.open(location, settings.confinement, {}),
    values: only(values, manifest.properties),
    vni,
    listen: { ip, port },
    tunnelPort: ENCAPSULATIONS[settings.socket.encap].port,
    family: ipFamily(ip),
    log: SILENT,
    health: { degrade: (part, reason) => degraded.set(part, reason), restore: (part) => degraded.delete(part) },
    counts: new PluginCounts(),
    deadlines,
    sink: { put() {}, withdraw() {}, moved() {}, vteps() {}, floodChanged() {} },
    onDeath: () => {},
  });
  try {
    await host.start();
    return [...degraded.values()];
  } catch (thrown) {
    return [messageOf(thrown)];
  } finally {
    await host.stop();
  }
}

function whereItIs({ netns }: VnicModel): string[] {
  try {
    withNetns(netns, () => {});
    return [];
  } catch (thrown) {
    return [messageOf(thrown)];
  }
}
