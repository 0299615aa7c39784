/** The VTEPs of a table, as the host was told of them last: told again when there are others. */
import type { PluginContext } from '../../api.js';

/** The host takes no longer list (docs/plugins.md). */
const VTEPS_MAX = 16_384;

export class VtepList {
  readonly #context: PluginContext;
  #told: ReadonlySet<string> | null = null;

  constructor(context: PluginContext) {
    this.#context = context;
  }

  /** `ips` stays as it is. Of a longer list than the host takes it is told nothing: it asks where senders are. */
  tell(ips: ReadonlySet<string>): void {
    if (ips.size > VTEPS_MAX || (this.#told !== null && isSame(ips, this.#told))) return;
    this.#told = ips;
    this.#context.vteps?.([...ips]);
  }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const ip of a) if (!b.has(ip)) return false;
  return true;
}
