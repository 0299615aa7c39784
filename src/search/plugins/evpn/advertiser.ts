/**
 * What this host tells the fabric, kept in step with what GoBGP has: the difference is sent, some at a time. What GoBGP
 * has of an earlier life stays until it is wanted again, or until {@link Advertiser.sweep}.
 */
import type { Local } from '../../api.js';
import type { Advertised } from './route.js';

/** MACs whose routes are sent at once. */
const MACS_AT_ONCE = 256;
/** Stands where a MAC does, for the route that asks for copies. */
const VTEP = 'vtep';

/** Adds or withdraws, in this order. */
export type Send = (
  changes: readonly { readonly advertised: Advertised; readonly isWithdraw: boolean }[],
) => Promise<void>;

/** What of all that was told another instance tells as well: it has the same keys there, if not the same contents. */
export type Inherited = 'all' | 'macs' | 'nothing';

interface Wanted {
  readonly ips: readonly string[];
  /** null: it is here, and somebody else's: nothing is told of it. */
  readonly sequence: number | null;
}

export class Advertiser {
  readonly #wanted = new Map<string, Wanted>();
  /** By MAC and then by address. */
  readonly #sent = new Map<string, Map<string, Advertised>>();
  /** Who has an address that is here. */
  readonly #owners = new Map<string, string>();
  readonly #dirty = new Set<string>();
  /** Of those that were sent. */
  #outdated: Set<Advertised> = new Set();
  #send: Send | null = null;
  #sending: Promise<void> | null = null;

  /** The sequence number that GoBGP has of a MAC's own routes, perhaps of an earlier life; undefined: it has none. */
  toldOf(mac: string): number | undefined {
    const sequences = [...(this.#sent.get(mac)?.values() ?? [])].map((each) => (each === VTEP ? 0 : each.sequence));
    return sequences.length === 0 ? undefined : Math.max(...sequences);
  }

  /** The MAC here that has an address; undefined: none. */
  ownerOf(ip: string): string | undefined {
    return this.#owners.get(ip);
  }

  /** `sequence`: null, it is somebody else's. */
  want({ mac, ips }: Local, sequence: number | null): Promise<void> {
    this.#disown(mac);
    for (const ip of ips) this.#owners.set(ip, mac);
    this.#wanted.set(mac, { ips, sequence });
    return this.#touch([mac]);
  }

  /** The same MAC with the addresses that it has, by another number. */
  renumber(mac: string, sequence: number | null): Promise<void> {
    const wanted = this.#wanted.get(mac);
    if (wanted === undefined || wanted.sequence === sequence) return Promise.resolve();
    this.#wanted.set(mac, { ips: wanted.ips, sequence });
    return this.#touch([mac]);
  }

  unwant(mac: string): Promise<void> {
    this.#disown(mac);
    this.#wanted.delete(mac);
    return this.#touch([mac]);
  }

  #disown(mac: string): void {
    for (const ip of this.#wanted.get(mac)?.ips ?? []) if (this.#owners.get(ip) === mac) this.#owners.delete(ip);
  }

  /** GoBGP can be told; `has` is what it has of this host, `outdated` what it has otherwise than it is told now. */
  connected(has: readonly Advertised[], outdated: readonly Advertised[], send: Send): void {
    this.#sent.clear();
    for (const each of [...has, ...outdated]) this.#note(each);
    this.#outdated = new Set(outdated);
    this.#send = send;
    this.#wanted.set(VTEP, { ips: [], sequence: 0 });
    void this.#touch(this.#wanted.keys()).catch(() => {});
  }

  /** It cannot. */
  disconnected(): void {
    this.#send = null;
  }

  /** What nobody has wanted again is withdrawn. */
  sweep(): Promise<void> {
    return this.#touch([...this.#sent.keys()].filter((mac) => !this.#wanted.has(mac)));
  }

  /**
   * What was sent is there as another instance has sent it: with the key of this one's, and other contents. It is sent
   * again by {@link retell}, not at once: that instance may be about to leave.
   */
  overwritten(advertised: Advertised): void {
    this.#note(advertised);
    this.#outdated.add(advertised);
    const mac = macOf(advertised);
    if (this.#wanted.has(mac)) this.#dirty.add(mac);
  }

  /** What others have overwritten. */
  retell(): Promise<void> {
    return this.#touch([]);
  }

  /**
   * All is withdrawn that nobody goes on with. Of MACs, that is what is not here any more: what is here, another
   * instance tells from now on.
   */
  leave(inherited: Inherited): Promise<void> {
    if (inherited === 'nothing') this.#wanted.clear();
    else this.#dirty.clear();
    if (inherited === 'all') return Promise.resolve();
    this.#wanted.delete(VTEP);
    return this.sweep();
  }

  #touch(macs: Iterable<string>): Promise<void> {
    for (const mac of macs) this.#dirty.add(mac);
    if (this.#send === null) return Promise.resolve();
    this.#sending ??= this.#run();
    return this.#sending;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what comes in the same turn goes together
    try {
      for (let send = this.#send; send !== null && this.#dirty.size > 0; send = this.#send) {
        await this.#sendSome(send);
      }
    } finally {
      this.#sending = null; // at once: what comes after the last look is another run's
    }
  }

  async #sendSome(send: Send): Promise<void> {
    const macs = [...this.#dirty].slice(0, MACS_AT_ONCE);
    const changes = macs.flatMap((mac) => this.#changesOf(mac));
    for (const mac of macs) this.#dirty.delete(mac);
    try {
      if (changes.length > 0) await send(changes);
    } catch (thrown) {
      for (const mac of macs) this.#dirty.add(mac); // for the next connection
      throw thrown;
    }
    for (const { advertised, isWithdraw } of changes) {
      if (isWithdraw) this.#unnote(advertised);
      else this.#note(advertised);
    }
  }

  #changesOf(mac: string): { advertised: Advertised; isWithdraw: boolean }[] {
    const sent = this.#sent.get(mac) ?? new Map<string, Advertised>();
    const wanted = new Map(this.#advertisedOf(mac).map((each) => [ipKeyOf(each), each]));
    const isSent = (before: Advertised | undefined, each: Advertised) =>
      before !== undefined && !this.#outdated.has(before) && isSame(before, each);
    const added = [...wanted].filter(([key, each]) => !isSent(sent.get(key), each)).map(([, each]) => each);
    const gone = [...sent].filter(([key]) => !wanted.has(key)).map(([, each]) => each);
    return [
      ...added.map((advertised) => ({ advertised, isWithdraw: false })),
      ...gone.map((advertised) => ({ advertised, isWithdraw: true })),
    ];
  }

  /** A route of the MAC alone, and one for each of its addresses. */
  #advertisedOf(mac: string): Advertised[] {
    const wanted = this.#wanted.get(mac);
    if (wanted === undefined || wanted.sequence === null) return [];
    if (mac === VTEP) return [VTEP];
    const { ips, sequence } = wanted;
    return [null, ...ips].map((ip) => ({ mac, ip, sequence }));
  }

  #note(advertised: Advertised): void {
    const mac = macOf(advertised);
    const sent = this.#sent.get(mac);
    this.#outdated.delete(advertised);
    if (sent === undefined) this.#sent.set(mac, new Map([[ipKeyOf(advertised), advertised]]));
    else sent.set(ipKeyOf(advertised), advertised);
  }

  #unnote(advertised: Advertised): void {
    const mac = macOf(advertised);
    const sent = this.#sent.get(mac);
    sent?.delete(ipKeyOf(advertised));
    if (sent?.size === 0) this.#sent.delete(mac);
  }
}

function macOf(advertised: Advertised): string {
  return advertised === VTEP ? VTEP : advertised.mac;
}

function ipKeyOf(advertised: Advertised): string {
  return advertised === VTEP ? '' : (advertised.ip ?? '');
}

function isSame(a: Advertised, b: Advertised): boolean {
  if (a === VTEP || b === VTEP) return a === b;
  return a.sequence === b.sequence;
}
