/**
 * An instance of a search plugin that has been started for an overlay and does not serve it yet: it can still be
 * refused without a trace.
 */
import { formatEndpoint, ipFamily, isMulticast } from '../../address.js';
import { groupNeedsInterface, pointsToItself } from '../../errors.js';
import {
  isOwnEndpoint,
  isWildcard,
  type OverlayConfiguration,
  only,
} from '../../overlay-properties/overlay-properties.js';
import type { Flood, PluginLog, Target } from '../../search/api.js';
import type { FoundPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import { PluginHost } from '../../search/host/host.js';
import { threadAt } from '../../search/host/thread.js';
import type { PluginCounts, PluginFault } from '../../search/host/types.js';
import { EarlyPushes, Relay } from './early-pushes.js';
import { plainQuery } from './query.js';

/** Questions that are asked at once while an instance warms up. */
const WARM_AT_ONCE = 64;
/** Then it serves as warm as it is, and is asked for the rest afterwards. */
const WARM_MAX_MS = 20_000;

export interface InstanceOptions {
  readonly overlay: string;
  readonly vni: number;
  readonly found: FoundPlugin;
  readonly configuration: OverlayConfiguration;
  readonly log: PluginLog;
  readonly counts: PluginCounts;
  readonly deadlines: Deadlines;
  /** Every host that runs, so that its thread is watched. */
  readonly hosts: Set<PluginHost>;
  /** MACs whose pushes are kept until it serves. */
  readonly pushesMax: number;
  readonly now: () => number;
  readonly onDeath: (host: PluginHost, fault: PluginFault) => void;
}

export class PluginInstance {
  readonly found: FoundPlugin;
  readonly configuration: OverlayConfiguration;
  readonly host: PluginHost;
  readonly relay: Relay;
  readonly #options: InstanceOptions;
  #fault: PluginFault | null = null;
  point: Target | null = null;
  flood: Flood | null = null;

  constructor(options: InstanceOptions) {
    const { found, configuration, vni, log, counts, deadlines, hosts } = options;
    const { values, settings } = configuration;
    this.#options = options;
    this.found = found;
    this.configuration = configuration;
    this.relay = new Relay(new EarlyPushes(options.pushesMax));
    this.host = new PluginHost({
      name: found.manifest.name,
      open: threadAt(found.location, settings.pluginMemoryMiB),
      values: only(values, found.manifest.properties),
      vni,
      family: ipFamily(settings.socket.listen.ip),
      log,
      health: this.relay,
      counts,
      deadlines,
      sink: this.relay,
      onDeath: (fault) => this.#died(fault),
    });
    hosts.add(this.host);
  }

  /** Why the instance has ended already, or null. */
  get fault(): PluginFault | null {
    return this.#fault;
  }

  #died(fault: PluginFault): void {
    this.#fault = fault;
    this.#options.onDeath(this.host, fault);
  }

  /** Throws what the plugin has against it; then it must still be stopped. */
  async start(): Promise<void> {
    await this.host.start();
    if (this.found.manifest.mode === 'point') this.point = await this.#askPoint();
    else this.flood = await floodOf(this.host, this.configuration);
  }

  async #askPoint(): Promise<Target> {
    return pointOf(this.host, this.configuration, this.#options.overlay);
  }

  /**
   * Asks what it knows: everything, if it tells, and each of `macs`. Throws when it fails: then it is no better than
   * what it would replace.
   */
  async warm(macs: readonly string[]): Promise<void> {
    if (this.found.manifest.mode === 'point') return;
    const { early } = this.relay;
    const { now } = this.#options;
    const untilMs = now() + WARM_MAX_MS;
    for await (const page of this.host.entries()) {
      for (const { mac, ...answer } of page) early.answered(mac, answer);
      if (early.isFull || now() >= untilMs) break;
    }
    const untold = macs.filter((mac) => !early.answers.has(mac));
    await this.#ask(untold, untilMs);
  }

  async #ask(macs: readonly string[], untilMs: number): Promise<void> {
    const { vni, now } = this.#options;
    for (let at = 0; at < macs.length && now() < untilMs; at += WARM_AT_ONCE) {
      const asked = macs.slice(at, at + WARM_AT_ONCE).map(async (mac) => {
        this.relay.early.answered(mac, await this.host.lookup(plainQuery(vni, mac)));
      });
      await Promise.all(asked);
    }
  }

  async stop(): Promise<void> {
    this.#options.hosts.delete(this.host);
    await this.host.stop();
  }
}

/** The one destination of a point plugin; a VxlaneError when that is the overlay itself. */
export async function pointOf(host: PluginHost, { settings }: OverlayConfiguration, overlay: string): Promise<Target> {
  const target = await host.target();
  if (target !== 'drop' && isOwnEndpoint(settings.socket.listen, target)) {
    throw pointsToItself(overlay, formatEndpoint(target));
  }
  return target;
}

/** What a dynamic plugin floods to; a VxlaneError when that cannot be from where the overlay listens. */
export async function floodOf(host: PluginHost, { settings }: OverlayConfiguration): Promise<Flood | null> {
  const flood = await host.flood();
  const { ip } = settings.socket.listen;
  const group = flood?.endpoints.find((endpoint) => isMulticast(endpoint.ip));
  if (group !== undefined && isWildcard(ip)) throw groupNeedsInterface(group.ip, ip);
  return flood;
}
