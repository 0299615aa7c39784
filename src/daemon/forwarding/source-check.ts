/** Who may send to one overlay from the underlay: by which rule, who is known, and who was refused. */
import type { Listen } from '../../address.js';
import { isOwnEndpoint, isWildcard } from '../../overlay-properties/listen.js';
import type { OverlaySettings } from '../../overlay-properties/overlay-properties.js';
import { SOURCE_ALLOW, type SourceCheckMode, sourceCheckMode } from '../../overlay-properties/source-check.js';
import type { Flood, PluginLog, Target } from '../../search/api.js';
import { localAddresses } from '../../system/link.js';
import { KnownVteps, type KnownVtepsOptions } from './known-vteps.js';
import { Strangers } from './strangers.js';

/** Where the search plugin sends frames whatever their MAC. */
interface OwnDestinations {
  readonly point: Target | null;
  readonly flood: Flood | null;
}

export interface SourceCheckOptions extends Omit<KnownVtepsOptions, 'onKnown'> {
  /** Of the overlay. */
  readonly name: string;
  readonly listen: Listen;
  readonly log: PluginLog;
}

export class SourceCheck {
  readonly known: KnownVteps;
  readonly strangers: Strangers;
  readonly #listen: Listen;
  #allowed: readonly string[] = [];

  constructor({ name, listen, log, ...options }: SourceCheckOptions) {
    this.#listen = listen;
    this.strangers = new Strangers(log, (ip) => {
      return `vxlane modify-overlay -p ${SOURCE_ALLOW}=${[...this.#allowed, ip].join(',')} ${name}`;
    });
    this.known = new KnownVteps({ ...options, onKnown: (ip) => this.strangers.forget(ip) });
  }

  /** The rule that is kept: none where somebody who is known could not be noted. */
  modeOf(settings: OverlaySettings, flood: Flood | null): SourceCheckMode {
    return this.known.isWhole ? sourceCheckMode(settings, flood) : 'off';
  }

  /**
   * These hold from now on; what was known by the ones before stays so until the answer is called. `isServing`: the
   * plugin has said them now, so what it said before a restart does no longer.
   */
  follow(settings: OverlaySettings, { point, flood }: OwnDestinations, isServing = false): () => void {
    const endpoints = [...(point === null || point === 'drop' ? [] : [point]), ...(flood?.endpoints ?? [])];
    const ends = [
      this.known.list(
        'own',
        endpoints.filter((endpoint) => !isOwnEndpoint(this.#listen, endpoint)).map(({ ip }) => ip),
      ),
      this.known.list('allowed', settings.sourceAllow),
      ...(isServing ? [this.known.list('recalled', [])] : []),
    ];
    this.#allowed = settings.sourceAllow;
    return () => {
      for (const end of ends) end();
    };
  }

  /** The plugin's list. This host is no VTEP that sends to itself: a program here could, in its name. */
  pushed(ips: readonly string[]): void {
    const { ip, device } = this.#listen;
    const own = isWildcard(ip) ? localAddresses(device) : new Set([ip]);
    this.known.list(
      'pushed',
      ips.filter((each) => !own.has(each)),
    )();
  }

  /** What the plugin named before a restart, until it serves. */
  recall(ips: readonly string[]): void {
    this.known.list('recalled', ips)();
  }

  tick(nowMs: number): void {
    this.strangers.tick(nowMs);
  }
}
