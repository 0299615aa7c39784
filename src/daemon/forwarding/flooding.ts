/**
 * Flooding and learning of one overlay, as its plugin wants them. They are the host's work: they go on by the plugin's
 * last word while it is being restarted.
 */
import { type Endpoint, formatEndpoint, isMulticast, type Listen } from '../../address.js';
import type { OverlayConfig } from '../../datapath/types.js';
import { messageOf } from '../../errors.js';
import { isVtepMac } from '../../oam/loopback.js';
import { isWildcard } from '../../overlay-properties/listen.js';
import type { Flood, PluginLog } from '../../search/api.js';
import { localAddresses } from '../../system/link.js';
import type { Health } from '../health/health.js';
import type { MulticastMemberships } from '../underlay/multicast.js';
import { Learner, type TellMac } from './learner.js';
import type { Targets } from './targets.js';

export interface FloodingOptions {
  readonly overlay: string;
  readonly listen: Listen;
  readonly memberships: MulticastMemberships;
  readonly targets: Targets;
  /** See {@link LearnerOptions}. */
  readonly heardAtMs: (mac: string) => number | null;
  readonly onCameHere: (mac: string) => void;
  readonly onHere: (mac: string, isHere: boolean) => void;
  readonly onStir: () => void;
  readonly tell: TellMac;
  readonly health: Health;
  readonly log: PluginLog;
  readonly nowMs: number;
}

export class Flooding {
  readonly learner: Learner;
  readonly #options: FloodingOptions;
  #flood: Flood | null = null;
  /** Every address of this host, looked at now and then; of use where the overlay listens on all of them. */
  #local: ReadonlySet<string>;
  readonly #joined = new Map<string, Endpoint>();
  #isForgerNamed = false;

  constructor(options: FloodingOptions) {
    const { listen, targets, heardAtMs, onCameHere, onHere, onStir, tell, health, log, nowMs } = options;
    this.#options = options;
    this.#local = isWildcard(listen.ip) ? localAddresses(listen.device) : new Set([listen.ip]);
    const isOwn = (ip: string) => this.#local.has(ip);
    this.learner = new Learner({ targets, heardAtMs, isOwn, onCameHere, onHere, onStir, tell, health, log, nowMs });
  }

  /** What the datapath is to be told of `flood`. Our own endpoint is left out: one list can serve all hosts. */
  configOf(flood: Flood | null): Pick<OverlayConfig, 'flood' | 'learn'> {
    if (flood === null) return { flood: null, learn: false };
    const { endpoints, unknown, learn, here } = flood;
    const others = endpoints.filter((endpoint) => !this.#isOwn(endpoint));
    return {
      flood: { endpoints: others, unknown: unknown ?? false },
      learn: learn !== undefined || here !== undefined,
    };
  }

  /** The plugin's word. A group that cannot be joined is the overlay's health, and is tried again by {@link watch}. */
  follow(flood: Flood | null): void {
    if (flood === this.#flood) return;
    this.#flood = flood;
    this.learner.configure(flood?.learn ?? null, flood?.here ?? null);
    const wanted = new Set(this.#wantedMulticasts().map(formatEndpoint));
    for (const [key, multicast] of this.#joined) if (!wanted.has(key)) this.#leave(key, multicast);
    this.#join();
  }

  /** To be called every few seconds. `local`: the addresses of this host. True when {@link configOf} differs. */
  watch(local: ReadonlySet<string>): boolean {
    const before = this.#local;
    const { ip, device } = this.#options.listen;
    if (isWildcard(ip)) this.#local = device === undefined ? local : localAddresses(device);
    this.#join();
    const endpoints = this.#flood?.endpoints ?? [];
    return endpoints.some((endpoint) => this.#isOwn(endpoint) !== this.#isOwn(endpoint, before));
  }

  /**
   * See {@link Learner.heard}. Of a VTEP's own MAC, which OAM comes from, there is nothing to learn; and a guest that
   * sends from the one of this host would have its OAM.
   */
  heard(mac: string, ip: string | null, nowMs: number): void {
    if (!isVtepMac(mac, ip === null ? this.#local : [ip])) this.learner.heard(mac, ip, nowMs);
    else if (ip === null) this.#nameForger(mac);
  }

  #nameForger(mac: string): void {
    if (this.#isForgerNamed) return;
    this.#isForgerNamed = true;
    this.#options.log.warn('a guest sends from the MAC of this VTEP, which is not learned to be there', { mac });
  }

  tick(nowMs: number): void {
    this.learner.tick(nowMs);
  }

  /** The overlay goes. Resolves when it receives from no group any more. */
  async close(): Promise<void> {
    const { memberships, overlay } = this.#options;
    await Promise.all([...this.#joined.values()].map((multicast) => memberships.leave(overlay, multicast)));
    this.#joined.clear();
  }

  #isOwn({ ip, port }: Endpoint, local = this.#local): boolean {
    return port === this.#options.listen.port && local.has(ip);
  }

  #wantedMulticasts(): Endpoint[] {
    return this.#flood?.endpoints.filter(({ ip }) => isMulticast(ip)) ?? [];
  }

  #join(): void {
    const { memberships, overlay, health } = this.#options;
    try {
      for (const multicast of this.#wantedMulticasts()) {
        memberships.join(overlay, multicast);
        this.#joined.set(formatEndpoint(multicast), multicast);
      }
      memberships.follow();
      health.restore('flood');
    } catch (thrown) {
      health.degrade('flood', messageOf(thrown));
    }
  }

  #leave(key: string, multicast: Endpoint): void {
    const { memberships, overlay, log } = this.#options;
    this.#joined.delete(key);
    memberships.leave(overlay, multicast).catch((thrown: unknown) => {
      log.error('a multicast group was not left', { group: key, reason: messageOf(thrown) });
    });
  }
}
