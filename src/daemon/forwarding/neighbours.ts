/**
 * Which hosts elsewhere have which addresses, by what they say themselves (ARP, neighbour advertisements), so that
 * requests for those need not be flooded (RFC 9161). An address that is not heard of again is forgotten in time. One
 * that two MACs claim is nobody's, until only one of them has claimed it for as long. Of each VLAN inside the overlay
 * apart. Pure.
 *
 * Nobody is believed for good by his own word alone: a request for what a MAC has only begun to claim, or for which
 * nobody was asked in half of that time, is flooded as well, so that another owner hears it and contests the claim.
 *
 * Bounded: addresses by `max`, those of one MAC by ADDRESSES_MAX; the one that was silent for longest makes room.
 */
import type { AddressLearning } from '../../search/api.js';

/** Of one MAC: whoever claims more is no host. */
const ADDRESSES_MAX = 16;
/** Everybody is asked again no more often, however many ask. */
const REFRESH_EVERY_MS = 1000;

/** What somebody says of himself. */
export interface Claimed {
  /** 802.1Q VLAN id, 0: untagged. */
  readonly vlan: number;
  readonly ip: string;
  readonly mac: string;
  /** The owner is a router; of no meaning for IPv4. */
  readonly isRouter: boolean;
}

export interface Neighbour {
  readonly mac: string;
  readonly isRouter: boolean;
  /** The request is to be flooded as well, and `asked` to be told. */
  readonly isDue: boolean;
}

interface Binding {
  readonly mac: string;
  readonly isRouter: boolean;
  readonly saidAtMs: number;
  /** Two MACs have claimed it: until then it is nobody's. */
  readonly contestedUntilMs: number;
  /** When everybody was last asked for it; -Infinity: not since this MAC claims it. */
  askedAtMs: number;
}

export class Neighbours {
  #rules: AddressLearning | null = null;
  /** By VLAN and address; the one that was silent for longest first. */
  readonly #bindings = new Map<string, Binding>();
  /** Keys of those, by MAC, likewise. */
  readonly #byMac = new Map<string, Set<string>>();

  get size(): number {
    return this.#bindings.size;
  }

  /** null: nothing is kept, and what was is forgotten. */
  configure(rules: AddressLearning | null): void {
    this.#rules = rules;
    if (rules === null) for (const key of [...this.#bindings.keys()]) this.#remove(key);
    else this.#shrink(rules.max);
  }

  /** A host says so, here or elsewhere. */
  heard({ vlan, ip, mac, isRouter }: Claimed, nowMs: number): void {
    if (this.#rules === null) return;
    const { ageing, max } = this.#rules;
    const key = keyOf(vlan, ip);
    const before = this.#bindings.get(key);
    const isKept = before !== undefined && nowMs - before.saidAtMs < ageing;
    const isOther = isKept && before.mac !== mac;
    const askedAtMs = isKept && !isOther ? before.askedAtMs : Number.NEGATIVE_INFINITY;
    const contestedUntilMs = isOther ? nowMs + ageing : (before?.contestedUntilMs ?? 0);
    this.#remove(key);
    this.#bindings.set(key, { mac, isRouter, saidAtMs: nowMs, contestedUntilMs, askedAtMs });
    const own = this.#byMac.get(mac) ?? new Set();
    this.#byMac.set(mac, own.add(key));
    const [oldest] = own;
    if (own.size > ADDRESSES_MAX) this.#remove(oldest as string);
    this.#shrink(max);
  }

  /** null: nobody is known to have it now. Changes nothing. */
  ownerOf(vlan: number, ip: string, nowMs: number): Neighbour | null {
    const binding = this.#bindings.get(keyOf(vlan, ip));
    if (this.#rules === null || binding === undefined || nowMs < binding.contestedUntilMs) return null;
    const ageMs = nowMs - binding.saidAtMs;
    if (ageMs >= this.#rules.ageing) return null;
    const sinceAskedMs = nowMs - binding.askedAtMs;
    const isDue = sinceAskedMs >= REFRESH_EVERY_MS && Math.max(ageMs, sinceAskedMs) * 2 >= this.#rules.ageing;
    return { mac: binding.mac, isRouter: binding.isRouter, isDue };
  }

  /** A request for it was flooded. */
  asked(vlan: number, ip: string, nowMs: number): void {
    const binding = this.#bindings.get(keyOf(vlan, ip));
    if (binding !== undefined) binding.askedAtMs = nowMs;
  }

  #shrink(max: number): void {
    for (const key of this.#bindings.keys()) {
      if (this.#bindings.size <= max) return;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    const binding = this.#bindings.get(key);
    if (binding === undefined) return;
    this.#bindings.delete(key);
    const own = this.#byMac.get(binding.mac);
    own?.delete(key);
    if (own?.size === 0) this.#byMac.delete(binding.mac);
  }
}

function keyOf(vlan: number, ip: string): string {
  return `${vlan} ${ip}`;
}
