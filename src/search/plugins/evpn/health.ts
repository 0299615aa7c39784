/** Why the overlay is not as the fabric says, in one line, the gravest reason first. */
import type { PluginContext } from '../../api.js';

export class EvpnHealth {
  readonly #context: Pick<PluginContext, 'degrade' | 'restore'>;
  readonly #others: () => string | null;
  /** Why GoBGP cannot be followed; null: it can. */
  #lost: string | null = null;
  /** Neighbours, by address: whether their session is up. */
  #sessions: ReadonlyMap<string, boolean> = new Map();
  /** What the host was told last. */
  #reason: string | null = null;

  /** `others`: what else is wrong; null: nothing. */
  constructor(context: Pick<PluginContext, 'degrade' | 'restore'>, others: () => string | null) {
    this.#context = context;
    this.#others = others;
  }

  get isFollowed(): boolean {
    return this.#lost === null;
  }

  /** Every neighbour's session is up. */
  get isAllUp(): boolean {
    return [...this.#sessions.values()].every(Boolean);
  }

  /** null: GoBGP is followed again. */
  lost(reason: string | null): void {
    this.#lost = reason;
    this.look();
  }

  heardOf(sessions: ReadonlyMap<string, boolean>): void {
    this.#sessions = new Map(sessions);
    this.look();
  }

  look(): void {
    const reason = this.#lost ?? this.#sessionsText() ?? this.#others();
    if (reason === this.#reason) return;
    this.#reason = reason;
    if (reason === null) this.#context.restore();
    else this.#context.degrade(reason);
  }

  #sessionsText(): string | null {
    const addresses = [...this.#sessions.keys()].join(', ');
    if (addresses === '' || [...this.#sessions.values()].some(Boolean)) return null;
    return `GoBGP has no BGP session that is up (neighbours: ${addresses}); routes are used as it keeps them`;
  }
}
