/** The MACs that claim one address, when there are several; any number of them may come and go. Pure. */
import type { MacKey } from '../files/keys.js';

/** The revision of a MAC's entry: the later of two claims wins. */
export type RevisionOf = (mac: MacKey) => number;

interface Rank {
  readonly mac: MacKey;
  readonly revision: number;
}

/**
 * The best is kept at the root of a binary heap, so that a prefix full of claims for one address costs O(log n) for
 * each. A claim that goes or is renewed leaves its old rank in the heap until that comes to the root.
 */
export class Contest {
  readonly #revisionOf: RevisionOf;
  readonly #macs: Set<MacKey>;
  #heap: Rank[] = [];
  /** Claims that are not ranked yet: the revisions of their entries may still change. */
  #unranked: MacKey[];

  constructor(revisionOf: RevisionOf, macs: readonly MacKey[]) {
    this.#revisionOf = revisionOf;
    this.#macs = new Set(macs);
    this.#unranked = [...macs];
  }

  get macs(): ReadonlySet<MacKey> {
    return this.#macs;
  }

  add(mac: MacKey): void {
    this.#macs.add(mac);
    this.#unranked.push(mac);
  }

  delete(mac: MacKey): void {
    this.#macs.delete(mac);
  }

  /**
   * The later claim's MAC; of two with one revision the lower one, so that every host says the same. Ask only while
   * there is one, and all entries are as they shall be.
   */
  best(): MacKey {
    if (this.#heap.length + this.#unranked.length > 2 * this.#macs.size) {
      this.#heap = [];
      this.#unranked = [...this.#macs];
    }
    for (const mac of this.#unranked) {
      if (this.#macs.has(mac)) this.#push({ mac, revision: this.#revisionOf(mac) });
    }
    this.#unranked = [];
    while (!this.#isCurrent(this.#heap[0] as Rank)) this.#pop();
    return (this.#heap[0] as Rank).mac;
  }

  #isCurrent({ mac, revision }: Rank): boolean {
    return this.#macs.has(mac) && this.#revisionOf(mac) === revision;
  }

  #push(rank: Rank): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBetter(rank, heap[parent] as Rank)) break;
      heap[at] = heap[parent] as Rank;
      at = parent;
    }
    heap[at] = rank;
  }

  /** Removes the root: the last rank goes down from there. */
  #pop(): void {
    const heap = this.#heap;
    const rank = heap.pop() as Rank;
    if (heap.length === 0) return;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && isBetter(heap[child + 1] as Rank, heap[child] as Rank)) child++;
      if (child >= heap.length || !isBetter(heap[child] as Rank, rank)) break;
      heap[at] = heap[child] as Rank;
      at = child;
    }
    heap[at] = rank;
  }
}

function isBetter(a: Rank, b: Rank): boolean {
  return a.revision > b.revision || (a.revision === b.revision && a.mac < b.mac);
}
