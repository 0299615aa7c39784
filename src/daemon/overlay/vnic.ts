/**
 * One VNIC: a TAP with a MAC on an overlay. The interface outlives the daemon unless the VNIC is temporary; after a
 * restart it is found again wherever the user has moved it, and whatever it is called. A VNIC whose interface or
 * overlay is not there exists all the same and says why in `problem`.
 */
import type { Datapath } from '../../datapath/datapath.js';
import type { VnicProtection } from '../../datapath/types.js';
import { interfaceTaken, nothingToAdopt } from '../../errors.js';
import { allowedPrefixes, type LinkProtection } from '../../link-protection.js';
import { MTU_DEFAULT } from '../../overlay-properties/mtu.js';
import type { RateLimits } from '../../rate-limits.js';
import { interfaceExists, withControlSocket } from '../../system/interface.js';
import { withNetns } from '../../system/netns.js';
import { openTap, type Tap, type TapOptions, type TapState } from '../../system/tap.js';
import { type FoundTap, markOf, TapSearch } from '../../system/tap-search.js';
import { Backoff } from '../health/backoff.js';
import { changesBetween, fitSuperFrames, oddities } from './interface-state.js';
import type { InterfaceWatch } from './interface-watch.js';
import { MemberTap, type Trunks } from './trunks.js';
import type { AttachedVnic, VnicIdentity, VnicOverlay } from './types.js';
import { VnicAddresses } from './vnic-addresses.js';

const UNTRIED = 'not attached yet';
/** RFC 8200 section 5: an interface with less has no IPv6. */
const IPV6_MTU_MIN = 1280;

/** What there may be to say of the interface of a VNIC. */
type Sharing = { readonly trunk?: VnicIdentity['trunk'] };

/** Of an interface. */
interface Place {
  /** null: that of the daemon. */
  readonly netns: string | null;
  readonly name: string;
}

/** What a VNIC needs of the daemon. */
export interface VnicSurroundings {
  /** `id`: differs from that of other daemons. `unloaded`: VNICs that are not loaded, by name. */
  readonly state: { readonly id: string; readonly vnics: { readonly unloaded: ReadonlyMap<string, Sharing> } };
  readonly datapath: Datapath;
  readonly trunks: Trunks;
  readonly interfaces: InterfaceWatch<Vnic>;
  /** All there are, by name. */
  readonly vnics: ReadonlyMap<string, { readonly identity: Sharing }>;
  /** Queues of interfaces that another daemon holds as well, by name of the VNIC. Each is taken once. */
  readonly inheritance: { takeVnic(name: string): readonly number[] | null };
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

/** What of a VNIC may change while frames flow. */
export type VnicChange = LinkProtection & RateLimits & Pick<VnicIdentity, 'addresses'>;

export class Vnic {
  readonly backoff = new Backoff();
  /** Declared just now: an interface of its name that has another MAC is somebody else's. */
  isNew = false;
  /** Why the MAC that its interface was given cannot be the VNIC's; empty when it can, or is. */
  macRefusal = '';
  #identity: VnicIdentity;
  #mac: string;
  /** Why it is not attached. */
  #trouble = UNTRIED;
  /** What its interface did not take of the overlay. */
  #unfit = '';
  #overlay: VnicOverlay | null = null;
  #tap: Tap | null = null;
  #attached: AttachedVnic | null = null;
  /** The interface as it was last seen, of an attached VNIC. */
  #seen: TapState | null = null;
  #netns: string | null;
  #mtuGiven: number | null;
  readonly #addresses: VnicAddresses;
  #kept = '';

  /**
   * In an earlier life: `mtuGiven`, the MTU that its interface was given last, null: that is not known; `addressesPut`,
   * see {@link VnicAddresses.put}, null: there was no such life.
   */
  constructor(
    identity: VnicIdentity,
    {
      mtuGiven = null,
      addressesPut = null,
    }: { mtuGiven?: number | null; addressesPut?: readonly string[] | null } = {},
  ) {
    this.#identity = identity;
    this.#addresses = new VnicAddresses(identity.name, identity.addresses, addressesPut);
    this.#mac = identity.mac;
    this.#mtuGiven = mtuGiven;
    this.#netns = identity.netns;
    // What an earlier life has told of was read from the state file.
    if (addressesPut !== null) this.keeps();
  }

  get identity(): VnicIdentity {
    return this.#identity;
  }

  get name(): string {
    return this.#identity.name;
  }

  /** What its interface is called when it is made: as it, or as the trunk that it is of. */
  get device(): string {
    return this.#identity.trunk?.name ?? this.name;
  }

  /** Where its interface is made. */
  get place(): Place {
    return { netns: this.#identity.netns, name: this.device };
  }

  /** The one that frames come from and go to: that of its interface, unless it cannot be. */
  get mac(): string {
    return this.#mac;
  }

  get isAttached(): boolean {
    return this.#attached !== null;
  }

  /** Its index in the datapath, null while it is not attached. */
  get index(): number | null {
    return this.#attached?.index ?? null;
  }

  /** Index in the datapath of the trunk that it is of, while it is attached; null: it is of none. */
  get trunkIndex(): number | null {
    return this.#tap instanceof MemberTap ? this.#tap.trunk : null;
  }

  /** The queues of its interface, while it is attached. */
  get queues(): readonly number[] | null {
    return this.#tap?.fds ?? null;
  }

  /** Where the interface was when it was last seen. */
  get netns(): string | null {
    return this.#netns;
  }

  /** By inode: that of its interface, and the one that its descriptors hold; while it is attached. */
  get namespaces(): { readonly inode: number; readonly home: number } | null {
    return this.#seen && this.#tap && { inode: this.#seen.inode, home: this.#tap.home };
  }

  /** What its interface is called now; null while there is none. */
  get interface(): string | null {
    return this.#seen?.link.name ?? null;
  }

  /** The MTU of its interface; null while there is none. */
  get mtu(): number | null {
    return this.#seen?.link.mtu ?? null;
  }

  /** The MTU that its interface was given last, to be kept: one that is less then is the operator's. */
  get mtuGiven(): number | null {
    return this.#tap instanceof MemberTap ? this.#tap.mtuGiven : this.#mtuGiven;
  }

  /** Those that are its own on its interface, to be kept. */
  get addressesPut(): readonly string[] {
    return this.#addresses.put;
  }

  /** What is to be kept of it is in the state file. */
  get isKept(): boolean {
    return this.#kept === this.#toKeep();
  }

  /** It is about to be in the state file. */
  keeps(): void {
    this.#kept = this.#toKeep();
  }

  #toKeep(): string {
    return `${this.mtuGiven} ${this.#identity.mac} ${this.#addresses.put}`;
  }

  /** Why frames do not flow, or not all, or why its interface is not as it should be; empty when all is well. */
  get problem(): string {
    if (this.#attached === null) return this.#trouble;
    const texts = [this.macRefusal, this.#unfit, ...this.#oddities(), ...this.addressProblems];
    return texts.filter((text) => text !== '').join('; ');
  }

  /** What is wrong with its addresses. That its interface is down says enough: the kernel takes IPv6 ones from it. */
  get addressProblems(): readonly string[] {
    return this.#seen?.link.isUp === true ? this.#addresses.problems : [];
  }

  /** It is not attached, and nothing speaks against it so far. */
  get isUntried(): boolean {
    return this.#attached === null && this.#trouble === UNTRIED;
  }

  /** Of one that is not attached. */
  set problem(reason: string) {
    this.#trouble = reason;
  }

  /** No frames flow. */
  get isDown(): boolean {
    return (
      this.#attached === null || this.macRefusal !== '' || this.#seen?.link.isUp !== true || !this.#seen.link.hasCarrier
    );
  }

  #oddities(): string[] {
    const [seen, overlay, identity] = [this.#seen, this.#overlay, this.#identity];
    return seen === null || overlay === null ? [] : oddities(seen.link, overlay, identity, this.#mac);
  }

  /** Refuses a name that an interface of its namespace has. */
  checkNew(): void {
    if (this.#isThere) throw interfaceTaken(this.device, this.#identity.netns);
  }

  /** Refuses when there is no interface of its name to take over. That it is no TAP, or held, is seen when it is. */
  checkAdopted(): void {
    if (!this.#isThere) throw nothingToAdopt(this.device, this.#identity.netns);
  }

  /**
   * A new VNIC: the interface that an earlier one of its name has left, wherever that was moved. Throws when a
   * namespace is asked for, and that is another.
   */
  leftOver({ state }: Pick<VnicSurroundings, 'state'>): Place | undefined {
    const { mac, netns } = this.#identity;
    const mark = markOf(this.device, state.id);
    const found = new TapSearch().find({ name: this.device, mac, netns, mark, isOther: () => true });
    if (found?.link.mark !== mark) return undefined;
    if (netns !== null && found.netns !== netns) throw interfaceTaken(found.link.name, found.netns);
    return { netns: found.netns, name: found.link.name };
  }

  get #isThere(): boolean {
    return withNetns(this.#identity.netns, () => withControlSocket((control) => interfaceExists(control, this.device)));
  }

  /** A new VNIC: makes its interface, or takes over an `existing` one, and hands it to the datapath. All or nothing. */
  create(overlay: VnicOverlay, surroundings: VnicSurroundings, existing: Place | null = null): void {
    const { netns, name } = existing ?? this.place;
    this.#attach(overlay, surroundings, netns, { name, adopts: existing !== null, isCommanded: true });
  }

  /** A VNIC of an earlier life: finds its interface, or makes it anew (the machine was restarted). */
  reattach(overlay: VnicOverlay, surroundings: VnicSurroundings, search = new TapSearch()): void {
    const name = this.device;
    const { netns } = this.#identity;
    const isHeld = surroundings.trunks.find(name) !== undefined;
    const found = isHeld ? undefined : this.#find(surroundings, search);
    if (found === undefined && this.isNew && !isHeld) this.checkNew();
    if (found === undefined) this.#attach(overlay, surroundings, netns, { name });
    // Who gave a marked one another MAC meant it: that is followed.
    else
      this.#attach(overlay, surroundings, found.netns, {
        name: found.link.name,
        keepsMac: found.link.mark === markOf(name, surroundings.state.id),
      });
  }

  /**
   * Takes it out of the datapath and makes the interface vanish, wherever it is, unless it is also another VNIC's.
   * Throws when it should not stay, and does.
   */
  async remove(overlay: VnicOverlay | undefined, surroundings: VnicSurroundings): Promise<void> {
    const isShared = this.isShared(surroundings);
    const tap = this.#tap ?? (isShared ? null : this.#openLeftOver(surroundings));
    await this.#leave(overlay, surroundings);
    if (isShared) tap?.close();
    else tap?.remove();
  }

  /** Takes it out of the datapath; its interface stays, with its addresses, for {@link reattach}. */
  async detach(overlay: VnicOverlay | undefined, surroundings: VnicSurroundings): Promise<void> {
    const tap = this.#tap;
    await this.#leave(overlay, surroundings);
    tap?.close();
  }

  /** Undoes {@link create}: an interface that was made for it goes, one that it adopted stays. */
  async takeBack(overlay: VnicOverlay, surroundings: VnicSurroundings): Promise<void> {
    const tap = this.#tap;
    await this.#leave(overlay, surroundings);
    tap?.takeBack();
  }

  /** Its interface is also that of another VNIC, attached or not. */
  isShared({ vnics, state }: Pick<VnicSurroundings, 'vnics' | 'state'>): boolean {
    const { name, trunk } = this.#identity;
    const isWith = (other: Sharing) => other.trunk?.name === trunk?.name;
    if (trunk === undefined) return false;
    const loaded = [...vnics].some(([other, { identity }]) => other !== name && isWith(identity));
    return loaded || [...state.vnics.unloaded].some(([other, unloaded]) => other !== name && isWith(unloaded));
  }

  async #leave(overlay: VnicOverlay | undefined, { datapath, interfaces }: VnicSurroundings): Promise<void> {
    const [attached, tap] = [this.#attached, this.#tap];
    this.#attached = null;
    this.#tap = null;
    this.#seen = null;
    this.macRefusal = '';
    this.#unfit = '';
    interfaces.remove(this);
    if (attached === null) return;
    overlay?.removeVnic(attached);
    await datapath.removeVnic(attached.index);
    if (tap instanceof MemberTap) await tap.leave();
  }

  /** The datapath has ended: lets go of the interface, which stays unless the VNIC is temporary. */
  close(): void {
    if (this.identity.temporary) this.#tap?.remove();
    else this.#tap?.close();
    this.#tap = null;
  }

  /**
   * Looks at its interface, and takes over what has changed but the MAC: see {@link foreignMac}. Answers what, a phrase
   * each; null: the interface is gone.
   */
  look({ interfaces }: VnicSurroundings): string[] | null {
    const [tap, before] = [this.#tap, this.#seen];
    if (tap === null) return [];
    const seen = tap.look();
    if (seen === null) return null;
    const { inode, link } = seen;
    this.#seen = seen;
    this.#lookAtAddresses(tap, before, seen);
    interfaces.put(this, { home: tap.home, inode, ifindex: link.ifindex, enter: (action) => tap.enter(action) });
    const [from, to] = [this.#netns, interfaces.nameOf(inode, this.#netns)];
    this.#netns = to;
    if (before === null) return [];
    if (before.link.mtu !== link.mtu) fitSuperFrames(tap, link.mtu);
    return changesBetween({ ...before, netns: from }, { ...seen, netns: to });
  }

  /** The MAC of its interface, if that is not the VNIC's. */
  get foreignMac(): string | null {
    const mac = this.#seen?.link.mac;
    return mac === undefined || mac === this.#mac ? null : mac;
  }

  /** Its MAC is that of its interface from now on. `isMeant`: for good, or until the declared one is given back. */
  takeMac(mac: string, isMeant: boolean, { datapath }: VnicSurroundings): void {
    const [before, overlay] = [this.#attached, this.#overlay];
    if (before === null || overlay === null) return;
    datapath.setVnicMac(before.index, mac);
    overlay.removeVnic(before);
    this.#attached = { ...before, mac, wasHere: false };
    overlay.addVnic(this.#attached);
    this.#mac = mac;
    if (isMeant) this.#identity = { ...this.#identity, mac };
  }

  /** Frames of another MAC never pass, so it does not follow its interface to one. */
  get keepsItsMac(): boolean {
    return this.#identity.protection.includes('mac-nospoof');
  }

  /** Gives the interface the MAC and the addresses that were declared. */
  restore(): void {
    const isForeign = this.keepsItsMac && this.foreignMac !== null;
    if (isForeign || this.#mac !== this.#identity.mac) this.#tap?.setMac(this.#identity.mac);
    this.giveAddresses();
  }

  /** These from now on: {@link guard} tells the datapath, {@link giveAddresses} puts addresses on its interface. */
  change({ addresses, protection, allowedIps, rateBps, ratePps, stormPps }: VnicChange): void {
    this.#identity = { ...this.#identity, addresses, protection, allowedIps, rateBps, ratePps, stormPps };
    this.#addresses.want(addresses);
    if (this.#attached !== null) this.#overlay?.addressesChanged(this.#attached);
  }

  /** Its frames are judged by its protection and limits. Resolves when none is by the former ones. */
  async guard({ datapath }: Pick<VnicSurroundings, 'datapath'>): Promise<void> {
    const index = this.index;
    if (index === null) return;
    datapath.setVnicLimits(index, this.#identity);
    await datapath.setVnicProtection(index, protectionOf(this.#identity));
  }

  /** Its interface has its addresses, if it has an interface; what the kernel does not take is a problem of it. */
  giveAddresses(): void {
    if (this.#tap !== null && !this.#addresses.isNone)
      this.#orGone(this.#tap, (tap) => this.#addresses.give(tap, true));
  }

  /** The kernel takes them away where the interface goes to another namespace, and IPv6 ones where it goes down. */
  #lookAtAddresses(tap: Tap, before: TapState | null, { inode, link }: TapState): void {
    if (before === null || this.#addresses.isNone) return;
    const isBack = !before.link.isUp && link.isUp;
    const hasIpv6 = before.link.mtu < IPV6_MTU_MIN && link.mtu >= IPV6_MTU_MIN;
    if (before.inode !== inode || isBack || hasIpv6) this.giveAddresses();
    else this.#orGone(tap, () => this.#addresses.look(tap));
  }

  /** An interface that goes meanwhile is seen to be gone by whoever looks next. */
  #orGone(tap: Tap, action: (tap: Tap) => void): void {
    try {
      action(tap);
    } catch (thrown) {
      if (tap.look() !== null) throw thrown;
    }
  }

  #attach(
    overlay: VnicOverlay,
    surroundings: VnicSurroundings,
    netns: string | null,
    existing: Pick<TapOptions, 'name' | 'keepsMac' | 'adopts'> & { readonly isCommanded?: boolean },
  ): void {
    const { isCommanded = false, ...options } = existing;
    this.#netns = netns;
    const tap = this.#open(overlay, surroundings, { netns, ...options });
    try {
      if (!this.#addresses.isNone) this.#addresses.give(tap, tap.isNew || options.keepsMac === true);
      if (isCommanded) this.#addresses.check();
      this.#join(overlay, surroundings, tap, !isCommanded && !this.isNew);
    } catch (thrown) {
      this.#overlay = null;
      if (!tap.isNew && isCommanded) this.#addresses.takeBack(tap);
      const end = () => tap.takeBack();
      // Workers read it, though nobody's frames: what cannot be removed after that is found, and said, by the next try.
      if (tap instanceof MemberTap)
        void tap
          .leave()
          .then(end, end)
          .catch(() => {});
      else end();
      throw thrown;
    }
  }

  #open(
    overlay: VnicOverlay,
    { datapath, state, inheritance, trunks }: VnicSurroundings,
    at: Pick<TapOptions, 'name' | 'netns' | 'keepsMac' | 'adopts'>,
  ): Tap {
    const { mac, temporary, trunk } = this.#identity;
    const { offload } = overlay.configuration.settings.socket;
    const shared = trunk && trunks.find(trunk.name);
    if (shared !== undefined) return shared.join({ mtu: overlay.isMtuKnown ? overlay.mtu : shared.given, offload });
    let { mtu } = overlay;
    let given = mtu;
    const keepsMac = at.keepsMac === true && !this.keepsItsMac;
    const tap = openTap({
      ...{
        ...at,
        keepsMac,
        mac,
        mtu,
        persist: !temporary,
        queues: datapath.workers,
        offload,
        mark: markOf(this.device, state.id),
      },
      taken: inheritance.takeVnic(this.device),
      mtuOfExisting: (now) => {
        mtu = this.#mtuFrom(now, overlay);
        if (!overlay.isMtuKnown) given = this.#mtuGiven ?? now;
        return mtu;
      },
    });
    this.#mtuGiven = given;
    fitSuperFrames(tap, mtu);
    if (trunk === undefined) return tap;
    // Not the MTU that it has: one that the operator lowered is no wish of the overlay's.
    const wish = overlay.isMtuKnown ? overlay.mtu : Math.max(mtu, given);
    return trunks.open(trunk.name, tap, { mtu: wish, offload }, given);
  }

  /**
   * What the MTU of its interface is to be, which is `now`. One that the operator lowered is never raised, and a guess
   * of the overlay's, as in the first moments after a restart, changes nothing.
   */
  #mtuFrom(now: number, { mtu, isMtuKnown }: VnicOverlay): number {
    if (!isMtuKnown) return now;
    return now < (this.#mtuGiven ?? mtu) ? Math.min(now, mtu) : mtu;
  }

  #join(overlay: VnicOverlay, surroundings: VnicSurroundings, tap: Tap, wasHere: boolean): void {
    const { datapath, now } = surroundings;
    const { name, mac, allowAnyMac, trunk } = this.#identity;
    const { index: overlayIndex } = overlay.attached();
    const index = datapath.addVnic({
      ...{ overlay: overlayIndex, fds: tap.fds, mac, allowAnyMac },
      trunk: trunk && tap instanceof MemberTap ? { trunk: tap.trunk, vlan: trunk.vlan } : null,
      protection: protectionOf(this.#identity),
      limits: this.#identity,
    });
    this.#attached = {
      index,
      mac,
      name,
      allowAnyMac,
      addresses: () => this.#identity.addresses,
      attachedAtMs: now(),
      wasHere,
      takesUdpSuperFrames: tap.offloads.uso,
      setMtu: (mtu) => this.#setMtu(tap, mtu, mtu),
      followMtu: () => {
        if (tap instanceof MemberTap) {
          tap.followMtu(overlay.mtu);
          return this.#gaveMtu(tap, tap.look()?.link.mtu ?? overlay.mtu);
        }
        // Asked for now: what an operator lowered a moment ago has not been seen yet.
        const now = tap.look()?.link.mtu ?? overlay.mtu;
        this.#setMtu(tap, this.#mtuFrom(now, overlay), overlay.mtu);
      },
      setOffload: (offload) => tap.setOffload(offload),
      setProblem: (reason) => {
        this.#unfit = reason;
      },
    };
    this.#mac = mac;
    this.#tap = tap;
    this.#overlay = overlay;
    overlay.addVnic(this.#attached);
    this.isNew = false;
    this.backoff.succeeded(now());
    this.look(surroundings);
  }

  #setMtu(tap: Tap, mtu: number, given: number): void {
    tap.setMtu(mtu);
    this.#mtuGiven = given;
    this.#gaveMtu(tap, tap instanceof MemberTap ? tap.mtuGiven : mtu);
  }

  #gaveMtu(tap: Tap, mtu: number): void {
    const before = this.#seen;
    if (before !== null) {
      this.#seen = { ...before, link: { ...before.link, mtu } };
      this.#lookAtAddresses(tap, before, this.#seen);
    }
    fitSuperFrames(tap, mtu);
  }

  /** The interface of a VNIC that could not be attached, should there be one. */
  #openLeftOver(surroundings: VnicSurroundings): Tap | null {
    const found = this.#find(surroundings, new TapSearch());
    if (found === undefined) return null;
    const { netns, link } = found;
    // One that has nothing of it but the MAC is likely the renamed one: enough to take it, too little to destroy it.
    if (link.mark !== markOf(this.device, surroundings.state.id) && link.name !== this.device) return null;
    const plain = { mtu: MTU_DEFAULT, persist: false, queues: 1, offload: 'off', keepsMac: true } as const;
    return openTap({ ...plain, name: link.name, mac: link.mac, netns });
  }

  #find({ vnics, state }: VnicSurroundings, search: TapSearch): FoundTap | undefined {
    const name = this.device;
    const { mac, netns } = this.#identity;
    const isOther = (other: string) => vnics.has(other) || state.vnics.unloaded.has(other);
    return search.find({ name, mac, netns, mark: markOf(name, state.id), isOther });
  }
}

function protectionOf(identity: VnicIdentity): VnicProtection {
  const { protection: kinds } = identity;
  return { kinds, allowed: kinds.includes('ip-nospoof') ? allowedPrefixes(identity) : [] };
}
