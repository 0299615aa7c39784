/**
 * The VTEPs that one overlay knows, and so takes datagrams from (source-check): where MACs are that the operator or the
 * search plugin has told of, what the plugin floods or points to, its list if it has one, and what the operator allows.
 * Where a MAC was heard does not count: whoever was let in once would stay.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMulticast } from '../../address.js';
import type { OverlayIndex } from '../../datapath/types.js';
import type { Health } from '../health/health.js';

/** The part of the datapath that is written here. */
export interface VtepTable {
  putVtep(overlay: OverlayIndex, ip: string): boolean;
  removeVtep(overlay: OverlayIndex, ip: string): void;
  /** How many more there may be, of all overlays together. */
  readonly vtepRoom: number;
}

/** No overlay takes more of the room than so many times what is left: those of others find some, whatever one lists. */
const SHARE = 3;

export interface KnownVtepsOptions {
  readonly datapath: VtepTable;
  readonly overlay: () => OverlayIndex;
  readonly health: Health;
  /** Called for each address that was unknown before. */
  readonly onKnown: (ip: string) => void;
  /** Called when {@link KnownVteps.isWhole} has become another. */
  readonly onWhole: () => void;
}

export class KnownVteps {
  readonly #options: KnownVtepsOptions;
  /** How many MACs and lists name it. */
  readonly #names = new Map<string, number>();
  /** Those that the datapath had no room for. */
  readonly #lost = new Set<string>();
  #wasWhole = true;
  readonly #lists = {
    pushed: new Set<string>(),
    own: new Set<string>(),
    allowed: new Set<string>(),
    recalled: new Set<string>(),
  };
  #changes = 0;

  constructor(options: KnownVtepsOptions) {
    this.#options = options;
  }

  has(ip: string): boolean {
    return this.#names.has(ip);
  }

  all(): Iterable<string> {
    return this.#names.keys();
  }

  get size(): number {
    return this.#names.size;
  }

  /** False: some are missing in the datapath, and nobody may be refused for being unknown. */
  get isWhole(): boolean {
    return this.#lost.size === 0;
  }

  /** Once more for each MAC that is told to be there. */
  readonly uses = (ip: string): void => {
    const names = this.#names.get(ip) ?? 0;
    this.#names.set(ip, names + 1);
    if (names > 0) return;
    this.#put(ip);
    this.#options.onKnown(ip);
  };

  /** One such MAC fewer. */
  readonly leaves = (ip: string): void => {
    const names = this.#names.get(ip) ?? 0;
    if (names > 1) {
      this.#names.set(ip, names - 1);
      return;
    }
    this.#names.delete(ip);
    if (!this.#lost.delete(ip)) this.#options.datapath.removeVtep(this.#options.overlay(), ip);
    this.#say();
  };

  /**
   * A list is another one from now on: `pushed` by the plugin, what it floods or points to (`own`), what the operator
   * has `allowed`, what the plugin said before a restart (`recalled`). Those of the one before stay known until the
   * answer is called.
   */
  list(which: 'pushed' | 'own' | 'allowed' | 'recalled', ips: readonly string[]): () => void {
    const before = this.#lists[which];
    const after = new Set(ips.filter((ip) => !isMulticast(ip)));
    const { told } = this;
    for (const ip of after) if (!before.has(ip)) this.uses(ip);
    this.#lists[which] = after;
    if (!isDeepStrictEqual(told, this.told)) this.#changes++;
    return () => {
      for (const ip of before) if (!after.has(ip)) this.leaves(ip);
    };
  }

  /** What the plugin says, or said last: MACs apart. */
  get told(): ReadonlySet<string> {
    const { pushed, own, recalled } = this.#lists;
    return new Set([...pushed, ...own, ...recalled]);
  }

  /** Raised when {@link told} has become another. */
  get changes(): number {
    return this.#changes;
  }

  /** Tries again what had no room. */
  retry(): void {
    for (const ip of this.#lost) this.#put(ip);
  }

  #put(ip: string): void {
    const { datapath, overlay } = this.#options;
    const noted = this.#names.size - this.#lost.size - (this.#lost.has(ip) ? 0 : 1);
    const isAllowed = noted < (datapath.vtepRoom - 1) * SHARE;
    if (isAllowed && datapath.putVtep(overlay(), ip)) this.#lost.delete(ip);
    else this.#lost.add(ip);
    this.#say();
  }

  #say(): void {
    const { health, onWhole } = this.#options;
    const { size } = this.#lost;
    const isChanged = this.#wasWhole !== this.isWhole;
    this.#wasWhole = this.isWhole;
    if (size === 0) health.restore('sources');
    else {
      const what = `source-check is off: there is no room for ${size} of the VTEPs that are known`;
      health.degrade('sources', `${what}; vxlane daemon --fdb-size makes more`);
    }
    if (isChanged) onWhole();
  }
}
