/** Why an overlay is DEGRADED: one reason per part that can fail, so that each part clears only its own. */

/**
 * `underlay`: the overlay's socket. `start`: the plugin is not running. `reload`: it could not re-read its sources.
 * `facts`: what it says of itself anew cannot be. `lookup`: the last question to it failed. `push`: it handed over
 * nonsense unasked. `plugin`: its own word.
 * `fdb`, `endpoints`: tables of the datapath that had no room for an answer. `statics`: nor for the operator's targets.
 * `declaration`: what the configuration file says of it is not in effect.
 * `mtu`: what the operator gave does not fit the underlay, or nothing does.
 * `vnics`: those that are down, and interfaces that are not as they should be.
 * `flood`: broadcasts do not go everywhere they should. `learning`: some MACs cannot be learned.
 * `sources`: who sends cannot be looked at.
 */
export type HealthPart =
  | 'underlay'
  | 'start'
  | 'reload'
  | 'facts'
  | 'plugin'
  | 'lookup'
  | 'push'
  | 'fdb'
  | 'endpoints'
  | 'statics'
  | 'declaration'
  | 'mtu'
  | 'vnics'
  | 'flood'
  | 'learning'
  | 'sources';

const ORDER: readonly HealthPart[] = [
  'underlay',
  'start',
  'reload',
  'facts',
  'plugin',
  'lookup',
  'push',
  'fdb',
  'endpoints',
  'statics',
  'declaration',
  'mtu',
  'vnics',
  'flood',
  'learning',
  'sources',
];

export class Health {
  readonly #reasons = new Map<HealthPart, string>();
  readonly #onChange: () => void;

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  degrade(part: HealthPart, reason: string): void {
    if (this.#reasons.get(part) === reason) return;
    this.#reasons.set(part, reason);
    this.#onChange();
  }

  restore(part: HealthPart): void {
    if (this.#reasons.delete(part)) this.#onChange();
  }

  /** Whether this part is the trouble, or a part of it. */
  has(part: HealthPart): boolean {
    return this.#reasons.has(part);
  }

  get status(): 'ONLINE' | 'DEGRADED' {
    return this.#reasons.size === 0 ? 'ONLINE' : 'DEGRADED';
  }

  /** The reasons on one line, empty when there are none. */
  get details(): string {
    return this.#text(ORDER);
  }

  /** Those of the overlay itself: VNICs that wait for it give them as theirs. */
  get ownDetails(): string {
    return this.#text(ORDER.filter((part) => part !== 'vnics'));
  }

  #text(parts: readonly HealthPart[]): string {
    if (this.#reasons.size === 0) return '';
    return parts.flatMap((part) => this.#reasons.get(part) ?? []).join('; ');
  }
}
