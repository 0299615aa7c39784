/**
 * Whose a MAC is that is on this host, and perhaps elsewhere as well (RFC 7432 section 15). One that speaks here is
 * told of with a number above what was heard. When somebody else's claim is better it is there: nothing more is told
 * of it, until it speaks here again, or that claim is gone. Pure.
 */
import type { Moves } from './moves.js';
import { type Claim, compareClaims } from './rib.js';

/** Of the MAC mobility community (RFC 7432 section 7.7). */
const SEQUENCE_MAX = 0xffff_ffff;

/** A MAC that is here, by what the host says. */
interface Own {
  /** Of our route. */
  sequence: number;
  /** The highest number with which it was taken away; null: it is ours. */
  yieldedTo: number | null;
  /** Who else has it, by a sticky route; null: nobody. */
  stickyAt: string | null;
}

/** MACs that a line names. */
const NAMED_MAX = 3;

export class Mobility {
  readonly #vtep: string;
  readonly #moves: Moves;
  readonly #own = new Map<string, Own>();

  /** `vtep`: of this host. */
  constructor(vtep: string, moves: Moves) {
    this.#vtep = vtep;
    this.#moves = moves;
  }

  /** The host has it, whoever else says so. */
  isHere(mac: string): boolean {
    return this.#own.has(mac);
  }

  /** Number of the route that is to be told of a MAC; undefined: it is not here, or it is somebody else's. */
  sequenceOf(mac: string): number | undefined {
    const own = this.#own.get(mac);
    return own === undefined || own.yieldedTo !== null ? undefined : own.sequence;
  }

  /**
   * A MAC speaks here, or has come. `heard`: the best claim of all others; `told`: the number of our own route of an
   * earlier life, whose VNIC is still here: if somebody has had the MAC since, it has to speak first. It stays somebody
   * else's as well by a sticky route, and when it is frozen.
   */
  speaks(mac: string, heard: Claim | undefined, told: number | undefined, nowMs: number): void {
    const own = this.#own.get(mac) ?? { sequence: told ?? 0, yieldedTo: null, stickyAt: null };
    const isKnown = this.#own.has(mac);
    this.#own.set(mac, own);
    own.stickyAt = stickyOf(heard);
    if (heard === undefined || this.#isAhead(own.sequence, heard)) {
      this.#takeBack(own);
      return;
    }
    if (isKnown && own.yieldedTo === null) return; // it is ours, and frozen
    const next = Math.min(heard.sequence + 1, SEQUENCE_MAX);
    const mayCome = (isKnown || told === undefined) && this.#isAhead(next, heard);
    if (mayCome && this.#moves.mayMove(mac, nowMs)) {
      own.sequence = next;
      own.yieldedTo = null;
    } else own.yieldedTo = Math.max(own.yieldedTo ?? 0, heard.sequence);
  }

  /** The host has it no more. */
  leaves(mac: string): void {
    this.#own.delete(mac);
  }

  /** `heard` is what others claim now. True: the MAC is here, and told of. */
  isOurs(mac: string, heard: Claim | undefined, nowMs: number): boolean {
    const own = this.#own.get(mac);
    if (own === undefined) return false;
    own.stickyAt = stickyOf(heard);
    if (heard === undefined || this.#isAhead(own.sequence, heard)) this.#takeBack(own);
    else if (own.yieldedTo !== null) own.yieldedTo = Math.max(own.yieldedTo, heard.sequence);
    else if (this.#moves.mayMove(mac, nowMs)) own.yieldedTo = heard.sequence;
    return own.yieldedTo === null;
  }

  /** What is wrong, in one line; null: nothing. */
  summary(): string | null {
    const sticky = [...this.#own].filter(([, { stickyAt }]) => stickyAt !== null);
    if (sticky.length === 0) return null;
    const named = sticky.slice(0, NAMED_MAX).map(([mac, { stickyAt }]) => `${mac} at ${stickyAt}`);
    const more = sticky.length - named.length;
    return `MACs are here that are sticky elsewhere: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }

  /** Nobody else has it any more. Who has not heard of that yet goes by the higher number. */
  #takeBack(own: Own): void {
    if (own.yieldedTo === null) return;
    own.sequence = Math.max(own.sequence, Math.min(own.yieldedTo + 1, SEQUENCE_MAX));
    own.yieldedTo = null;
  }

  #isAhead(sequence: number, heard: Claim): boolean {
    return compareClaims({ vtep: this.#vtep, sequence, isSticky: false }, heard) < 0;
  }
}

function stickyOf(heard: Claim | undefined): string | null {
  return heard?.isSticky === true ? heard.vtep : null;
}
