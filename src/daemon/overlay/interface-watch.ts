/**
 * What other tools do to the interfaces of VNICs. The kernel tells of links and addresses to sockets inside their
 * namespace, so there is one in every namespace that has interfaces of ours. It tells nobody when a namespace loses its
 * last name and process: our own descriptors would hold it then for ever, so that is looked for.
 */
import { holderOf, namespaces, netnsInode } from '../../system/netns-holders.js';
import { LINKS_AND_ADDRESSES, NetworkWatch } from '../../system/routes.js';

/** How often it is looked whether namespaces are still held by others. */
const HOLDERS_EVERY_MS = 1000;

/** Where the interface of a VNIC is. Namespaces by their inodes. */
export interface Place {
  /** The one that its descriptors were opened in. */
  readonly home: number;
  readonly inode: number;
  readonly ifindex: number;
  /** Runs an action in that namespace. */
  enter<T>(action: () => T): T;
}

interface Namespace<T> {
  readonly watch: NetworkWatch;
  /** Several share one. */
  readonly byIndex: Map<number, ReadonlySet<T>>;
}

export class InterfaceWatch<T extends object> {
  readonly #places = new Map<T, Place>();
  readonly #namespaces = new Map<number, Namespace<T>>();
  /** How each namespace is reached; undefined: not known, so that it cannot be told when nobody holds it any more. */
  readonly #holders = new Map<number, string | null | undefined>();
  /** What each was last called: one that has lost its last holder is told by that. */
  readonly #names = new Map<number, string | null>();
  readonly #unseen = new Set<T>();
  readonly #own = netnsInode(null);
  #holdersAtMs = Number.NEGATIVE_INFINITY;

  /** It is there from now on. */
  put(vnic: T, place: Place): void {
    const before = this.#places.get(vnic);
    if (before?.inode === place.inode && before.ifindex === place.ifindex && before.home === place.home) return;
    let namespace = this.#namespaces.get(place.inode);
    namespace ??= { watch: place.enter(() => new NetworkWatch(LINKS_AND_ADDRESSES)), byIndex: new Map() };
    this.#namespaces.set(place.inode, namespace);
    namespace.byIndex.set(place.ifindex, new Set([...(namespace.byIndex.get(place.ifindex) ?? []), vnic]));
    this.#places.set(vnic, place);
    // What happened to it since it was seen there may not have been told.
    this.#unseen.add(vnic);
    if (before !== undefined) this.#leave(vnic, before);
  }

  remove(vnic: T): void {
    const place = this.#places.get(vnic);
    this.#places.delete(vnic);
    this.#unseen.delete(vnic);
    if (place !== undefined) this.#leave(vnic, place);
  }

  #leave(vnic: T, { inode, ifindex }: Place): void {
    const namespace = this.#namespaces.get(inode);
    const now = this.#places.get(vnic);
    const isStill = now?.inode === inode && now.ifindex === ifindex;
    if (namespace === undefined) return;
    const others = new Set(namespace.byIndex.get(ifindex));
    if (!isStill) others.delete(vnic);
    if (others.size > 0) namespace.byIndex.set(ifindex, others);
    else namespace.byIndex.delete(ifindex);
    if (namespace.byIndex.size > 0) return;
    namespace.watch.close();
    this.#namespaces.delete(inode);
  }

  /** Those whose interfaces have changed since the last call, or may have. */
  changed(): T[] {
    for (const { watch, byIndex } of this.#namespaces.values()) {
      for (const change of watch.changes()) {
        const sets = 'ifindex' in change ? [byIndex.get(change.ifindex) ?? []] : byIndex.values();
        for (const vnics of sets) for (const vnic of vnics) this.#unseen.add(vnic);
      }
    }
    const vnics = [...this.#unseen];
    this.#unseen.clear();
    return vnics;
  }

  /** How a namespace is reached: a name, a path, or null for our own. `hint`: how it probably is. */
  nameOf(inode: number, hint: string | null): string | null {
    const known = this.#holders.get(inode);
    // One that has just lost its holder keeps the name until orphaned() has told it.
    const isKnown = known !== undefined && netnsInode(known) === inode;
    const found = isKnown ? known : this.#find(inode, hint);
    const name = found === undefined ? known : found;
    this.#holders.set(inode, name);
    if (name !== undefined) this.#names.set(inode, name);
    const last = this.#names.get(inode);
    return last === undefined ? `net:[${inode}]` : last;
  }

  #find(inode: number, hint: string | null): string | null | undefined {
    if (inode === this.#own) return null;
    return netnsInode(hint) === inode ? hint : holderOf(inode);
  }

  /** Somebody holds the namespace, beside our own descriptors. */
  isHeld(inode: number): boolean {
    return inode === this.#own || holderOf(inode) !== undefined;
  }

  /** Namespaces that nobody but our own descriptors hold any more; each is told once. Looks once a second. */
  orphaned(nowMs: number): number[] {
    if (nowMs < this.#holdersAtMs + HOLDERS_EVERY_MS) return [];
    this.#holdersAtMs = nowMs;
    const inUse = new Set([...this.#places.values()].flatMap(({ home, inode }) => [home, inode]));
    for (const known of [this.#holders, this.#names]) {
      for (const inode of known.keys()) if (!inUse.has(inode)) known.delete(inode);
    }
    const lost = [...this.#holders].filter(([inode, name]) => name !== undefined && netnsInode(name) !== inode);
    if (lost.length === 0) return [];
    const held = new Map([...namespaces()].map(({ netns, inode }) => [inode, netns]));
    for (const [inode] of lost) this.#holders.set(inode, held.has(inode) ? held.get(inode) : holderOf(inode));
    return lost.flatMap(([inode]) => (this.#holders.get(inode) === undefined ? [inode] : []));
  }

  close(): void {
    for (const { watch } of this.#namespaces.values()) watch.close();
    this.#namespaces.clear();
    this.#places.clear();
  }
}
