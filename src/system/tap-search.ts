/**
 * Finds the interface of a VNIC again, wherever it is and whatever it is called by now. Its mark says whose it is; an
 * interface without one (an older version made it, or somebody wrote an alias of his own) is known by name and MAC.
 */
import { lookInto } from './netns.js';
import { namespaces } from './netns-holders.js';
import { type TapLink, tapLinks, tapNamed } from './tap-links.js';

export interface FoundTap {
  /** A name under /run/netns, an absolute path, or null for the thread's own. */
  readonly netns: string | null;
  readonly link: TapLink;
}

export interface Sought {
  readonly mark: string;
  readonly name: string;
  /** Canonical text. */
  readonly mac: string;
  /** Where it was made, which is looked at first. */
  readonly netns: string | null;
  /** Whether an interface of that name is another VNIC's. */
  readonly isOther: (name: string) => boolean;
}

/** What every mark begins with. */
const MARK_START = 'vxlane ';

/** `id`: differs from that of every other VNIC, here and elsewhere. */
export function markOf(name: string, id: string): string {
  return `${MARK_START}${name} ${id}`;
}

/** Whether an alias is the mark of a VNIC, of whatever daemon. */
export function isMark(alias: string): boolean {
  return alias.startsWith(MARK_START);
}

/** Of one moment: what it has seen of the namespaces holds for all that is looked for with it. */
export class TapSearch {
  #all: readonly FoundTap[] | null = null;
  readonly #in = new Map<string | null, readonly FoundTap[]>();

  find(sought: Sought): FoundTap | undefined {
    const { name, mark, netns: first } = sought;
    // Nearly always it is where it was: that needs no look at all there is.
    const places = first === null ? [null] : [first, null];
    const near = places.flatMap((netns) => {
      const link = lookInto(netns, () => tapNamed(name)) ?? null;
      return link === null ? [] : [{ netns, link }];
    });
    const isOurs = ({ link }: FoundTap) => link.mark === mark || (isUnmarked(link) && link.mac === sought.mac);
    return near.find(isOurs) ?? this.#far(sought);
  }

  #far({ name, mark, mac, netns: first, isOther }: Sought): FoundTap | undefined {
    const taps = [...this.#tapsIn(first), ...this.#taps()];
    const unmarked = taps.filter(({ link }) => isUnmarked(link) && link.mac === mac);
    return (
      taps.find(({ link }) => link.mark === mark) ??
      unmarked.find(({ link }) => link.name === name && !link.isHeld) ??
      // Renamed. Several may have this MAC, on overlays of their own: it is likely this one only where it was made.
      unmarked.find(({ netns, link }) => netns === first && !link.isHeld && !isOther(link.name))
    );
  }

  #taps(): readonly FoundTap[] {
    this.#all ??= [...namespaces()].flatMap(({ netns }) => this.#tapsIn(netns));
    return this.#all;
  }

  #tapsIn(netns: string | null): readonly FoundTap[] {
    const taps = this.#in.get(netns) ?? (lookInto(netns, tapLinks) ?? []).map((link) => ({ netns, link }));
    this.#in.set(netns, taps);
    return taps;
  }
}

function isUnmarked({ mark }: TapLink): boolean {
  return !isMark(mark);
}
