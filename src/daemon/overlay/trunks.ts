/**
 * Interfaces that several VNICs share, while at least one of those is attached. Each VNIC holds its interface as if it
 * had it to itself; what they want of it and cannot all have is the least: MTU, and offloads. Whoever comes first opens
 * it, whoever leaves last lets go of it.
 */
import type { Datapath } from '../../datapath/datapath.js';
import type { VnicIndex } from '../../datapath/types.js';
import type { InterfaceAddress } from '../../system/interface-addresses.js';
import type { Offload, Offloads, Tap, TapState } from '../../system/tap.js';

/** What a VNIC wants of the interface. */
interface Wish {
  readonly mtu: number;
  readonly offload: Offload;
}

export class Trunks {
  readonly #datapath: Pick<Datapath, 'addTrunk' | 'removeTrunk'>;
  readonly #trunks = new Map<string, Trunk>();

  constructor(datapath: Pick<Datapath, 'addTrunk' | 'removeTrunk'>) {
    this.#datapath = datapath;
  }

  /** The interface that others have already; undefined: nobody has. */
  find(name: string): Trunk | undefined {
    return this.#trunks.get(name);
  }

  /**
   * An interface that was opened for its first VNIC. `given`: the MTU that it was given last, in bytes; one that is
   * less is the operator's. Throws when the datapath has no room for it, or it is gone: then it is let go of, and one
   * that was made for this is removed.
   */
  open(name: string, tap: Tap, wish: Wish, given: number): MemberTap {
    const end = () => tap.takeBack();
    let index: VnicIndex;
    try {
      index = this.#datapath.addTrunk(tap.fds);
    } catch (thrown) {
      end();
      throw thrown;
    }
    const onEmpty = async () => {
      this.#trunks.delete(name);
      await this.#datapath.removeTrunk(index);
    };
    const trunk = new Trunk(tap, index, given, onEmpty);
    this.#trunks.set(name, trunk);
    try {
      return trunk.join(wish, tap.isNew);
    } catch (thrown) {
      // Workers read it until the datapath says otherwise: its descriptors are not for others before that.
      void onEmpty()
        .then(end, end)
        .catch(() => {});
      throw thrown;
    }
  }
}

class Trunk {
  readonly tap: Tap;
  /** Its record in the datapath. */
  readonly index: VnicIndex;
  readonly #wishes = new Map<MemberTap, Wish>();
  readonly #onEmpty: () => Promise<void>;
  #given: number;

  constructor(tap: Tap, index: VnicIndex, given: number, onEmpty: () => Promise<void>) {
    this.tap = tap;
    this.index = index;
    this.#given = given;
    this.#onEmpty = onEmpty;
  }

  /** The MTU that it was given last: one that is less is the operator's. */
  get given(): number {
    return this.#given;
  }

  get isEmpty(): boolean {
    return this.#wishes.size === 0;
  }

  join(wish: Wish, isNew = false): MemberTap {
    const member = new MemberTap(this, isNew);
    this.#wishes.set(member, wish);
    try {
      this.followMtu(member, wish.mtu);
      this.setOffload(member, wish.offload);
    } catch (thrown) {
      this.#wishes.delete(member);
      this.#settle();
      throw thrown;
    }
    return member;
  }

  /** Resolves when no worker reads it any more, if nobody else has it. */
  async leave(member: MemberTap): Promise<void> {
    if (!this.#wishes.delete(member)) return;
    if (this.isEmpty) return this.#onEmpty();
    this.#settle();
  }

  /** It is as those want it who are left. */
  #settle(): void {
    if (this.isEmpty) return;
    try {
      this.#follow();
      this.#offload();
    } catch {
      // It is gone, which those who have it are told.
    }
  }

  /** It is let go without a word to the datapath, which has ended. */
  forget(member: MemberTap): void {
    this.#wishes.delete(member);
  }

  setMtu(member: MemberTap, mtu: number): void {
    this.#wish(member, { mtu });
    this.#given = this.#least();
    this.tap.setMtu(this.#given);
  }

  /** One that the operator lowered is not raised. */
  followMtu(member: MemberTap, mtu: number): void {
    this.#wish(member, { mtu });
    this.#follow();
  }

  #follow(): void {
    const least = this.#least();
    const now = this.tap.look()?.link.mtu ?? least;
    const next = now < this.#given ? Math.min(now, least) : least;
    if (next !== now) this.tap.setMtu(next);
    this.#given = least;
  }

  setOffload(member: MemberTap, offload: Offload): void {
    this.#wish(member, { offload });
    this.#offload();
  }

  #offload(): void {
    const isOff = [...this.#wishes.values()].some((wish) => wish.offload === 'off');
    this.tap.setOffload(isOff ? 'off' : 'auto');
  }

  #wish(member: MemberTap, change: Partial<Wish>): void {
    const wish = this.#wishes.get(member);
    if (wish !== undefined) this.#wishes.set(member, { ...wish, ...change });
  }

  #least(): number {
    return Math.min(...[...this.#wishes.values()].map(({ mtu }) => mtu));
  }
}

/** What one VNIC has of a trunk. Valid until it leaves; the interface stays while others have it. */
export class MemberTap implements Tap {
  readonly isNew: boolean;
  readonly #trunk: Trunk;

  /** `isNew`: the interface was made for this one. */
  constructor(trunk: Trunk, isNew: boolean) {
    this.#trunk = trunk;
    this.isNew = isNew;
  }

  /** Of the trunk, in the datapath. */
  get trunk(): VnicIndex {
    return this.#trunk.index;
  }

  /** The MTU that the interface was given last. */
  get mtuGiven(): number {
    return this.#trunk.given;
  }

  get fds(): readonly number[] {
    return this.#trunk.tap.fds;
  }

  get fd(): number {
    return this.#trunk.tap.fd;
  }

  get name(): string {
    return this.#trunk.tap.name;
  }

  get home(): number {
    return this.#trunk.tap.home;
  }

  get offloads(): Offloads {
    return this.#trunk.tap.offloads;
  }

  setOffload(offload: Offload): void {
    this.#trunk.setOffload(this, offload);
  }

  look(): TapState | null {
    return this.#trunk.tap.look();
  }

  enter<T>(action: () => T): T {
    return this.#trunk.tap.enter(action);
  }

  setMac(mac: string): void {
    this.#trunk.tap.setMac(mac);
  }

  /** The least of what its VNICs say is what it has. */
  setMtu(mtu: number): void {
    this.#trunk.setMtu(this, mtu);
  }

  /** Likewise; one that the operator lowered stays as low. */
  followMtu(mtu: number): void {
    this.#trunk.followMtu(this, mtu);
  }

  addresses(): InterfaceAddress[] {
    return this.#trunk.tap.addresses();
  }

  addAddress(address: string): void {
    this.#trunk.tap.addAddress(address);
  }

  removeAddress(address: string): void {
    this.#trunk.tap.removeAddress(address);
  }

  setGsoMaxSegs(count: number): void {
    this.#trunk.tap.setGsoMaxSegs(count);
  }

  /** Its VNIC has left the datapath. Resolves when the interface may be closed, if nobody else has it. */
  leave(): Promise<void> {
    return this.#trunk.leave(this);
  }

  remove(): void {
    this.#trunk.forget(this);
    if (this.#trunk.isEmpty) this.#trunk.tap.remove();
  }

  close(): void {
    this.#trunk.forget(this);
    if (this.#trunk.isEmpty) this.#trunk.tap.close();
  }

  takeBack(): void {
    this.#trunk.forget(this);
    if (this.#trunk.isEmpty) this.#trunk.tap.takeBack();
  }
}
