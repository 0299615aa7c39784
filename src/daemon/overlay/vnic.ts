/**
 * One VNIC: a TAP with a MAC on an overlay. The interface outlives the daemon unless the VNIC is temporary; after a
 * restart it is found again wherever the user has moved it. A VNIC whose interface or overlay is not there exists all
 * the same and says why in `problem`.
 */
import type { Datapath } from '../../datapath/datapath.js';
import { interfaceRenamed, interfaceTaken } from '../../errors.js';
import { MTU_DEFAULT } from '../../overlay-properties/mtu.js';
import { interfaceExists, withControlSocket } from '../../system/interface.js';
import { findInterface, findLooseTap, withNetns } from '../../system/netns.js';
import { openTap, type Tap } from '../../system/tap.js';
import { Backoff } from '../health/backoff.js';
import type { AttachedVnic, VnicOverlay } from './types.js';

/** Bytes around an inner packet on their way through a send: Ethernet, two tags, VXLAN. */
const SEND_OVERHEAD = 14 + 8 + 8;
/** What one send with UDP_SEGMENT may carry. */
const SEND_MAX = 65_507;
const SEGMENTS_MAX = 64;

export interface VnicIdentity {
  readonly name: string;
  /** Name of its overlay. */
  readonly overlay: string;
  /** Canonical text. */
  readonly mac: string;
  /** Where it was created: a name under /run/netns, an absolute path, or null for the daemon's own namespace. */
  readonly netns: string | null;
  readonly allowAnyMac: boolean;
  /** The interface goes with the daemon. */
  readonly temporary: boolean;
}

type IsVnic = (name: string) => boolean;

export class Vnic {
  readonly identity: VnicIdentity;
  readonly backoff = new Backoff();
  /** Why it is not attached, or why its interface is not as it should be; empty when all is well. */
  problem = 'not attached yet';
  /** Declared just now: an interface of its name that has another MAC is somebody else's. */
  isNew = false;
  #tap: Tap | null = null;
  #attached: AttachedVnic | null = null;
  #netns: string | null;
  #mtuGiven: number | null;
  #mtuKept: number | null;

  /** `mtuGiven`: the MTU that its interface was given last, in an earlier life; null: that is not known. */
  constructor(identity: VnicIdentity, mtuGiven: number | null = null) {
    this.identity = identity;
    this.#mtuGiven = mtuGiven;
    this.#mtuKept = mtuGiven;
    this.#netns = identity.netns;
  }

  get name(): string {
    return this.identity.name;
  }

  get isAttached(): boolean {
    return this.#attached !== null;
  }

  /** Its index in the datapath, null while it is not attached. */
  get index(): number | null {
    return this.#attached?.index ?? null;
  }

  /** Where the interface was when it was last attached. */
  get netns(): string | null {
    return this.#netns;
  }

  /** The MTU that its interface was given last, to be kept: one that is less then is the operator's. */
  get mtuGiven(): number | null {
    return this.#mtuGiven;
  }

  /** Whether {@link mtuGiven} is that of the state file. */
  get isMtuKept(): boolean {
    return this.#mtuKept === this.#mtuGiven;
  }

  /** It is about to be in the state file. */
  keepsMtu(): void {
    this.#mtuKept = this.#mtuGiven;
  }

  /** The MTU of its interface; null while there is none. */
  get mtu(): number | null {
    try {
      return this.#tap?.mtu() ?? null;
    } catch {
      return null; // it was deleted just now
    }
  }

  /** Refuses a name that an interface of its namespace has. */
  checkNew(): void {
    const { name, netns } = this.identity;
    const isTaken = withNetns(netns, () => withControlSocket((control) => interfaceExists(control, name)));
    if (isTaken) throw interfaceTaken(name, netns);
  }

  /** A new VNIC: makes its interface and hands it to the datapath. All or nothing. */
  create(overlay: VnicOverlay, datapath: Datapath, nowMs: number): void {
    const tap = this.#open(overlay, datapath, this.identity.netns);
    try {
      this.#join(overlay, datapath, tap, nowMs);
    } catch (thrown) {
      tap.remove();
      throw thrown;
    }
  }

  /**
   * A VNIC of an earlier life: finds its interface, or makes it anew (the machine was restarted). `isVnic`: whether a
   * VNIC has the name.
   */
  reattach(overlay: VnicOverlay, datapath: Datapath, nowMs: number, isVnic: IsVnic): void {
    const found = this.#find(isVnic);
    if (found === undefined && this.isNew) this.checkNew();
    this.#netns = found === undefined ? this.identity.netns : found;
    const tap = this.#open(overlay, datapath, this.#netns);
    try {
      this.#join(overlay, datapath, tap, nowMs);
    } catch (thrown) {
      tap.close();
      throw thrown;
    }
  }

  /** Takes it out of the datapath and makes the interface vanish, wherever it is. Throws when that stays. */
  async remove(overlay: VnicOverlay | undefined, datapath: Datapath, isVnic: IsVnic): Promise<void> {
    const tap = this.#tap ?? this.#openLeftOver(isVnic);
    this.#tap = null;
    await this.#leave(overlay, datapath);
    tap?.remove();
  }

  /** Takes it out of the datapath; its interface stays, with its addresses, for {@link reattach}. */
  async detach(overlay: VnicOverlay | undefined, datapath: Datapath): Promise<void> {
    const tap = this.#tap;
    this.#tap = null;
    await this.#leave(overlay, datapath);
    tap?.close();
  }

  async #leave(overlay: VnicOverlay | undefined, datapath: Datapath): Promise<void> {
    const attached = this.#attached;
    this.#attached = null;
    if (attached === null) return;
    overlay?.removeVnic(attached);
    await datapath.removeVnic(attached.index);
  }

  /** The datapath has ended: lets go of the interface, which stays unless the VNIC is temporary. */
  close(): void {
    if (this.identity.temporary) this.#tap?.remove();
    else this.#tap?.close();
    this.#tap = null;
  }

  #open(overlay: VnicOverlay, datapath: Datapath, netns: string | null): Tap {
    const { name, mac, temporary } = this.identity;
    const { offload } = overlay.configuration.settings.socket;
    let { mtu } = overlay;
    let given = mtu;
    const tap = openTap({
      ...{ name, mac, mtu, netns, persist: !temporary, queues: datapath.workers, offload },
      mtuOfExisting: (now) => {
        mtu = this.#mtuFrom(now, overlay);
        if (!overlay.isMtuKnown) given = this.#mtuGiven ?? now;
        return mtu;
      },
    });
    this.#mtuGiven = given;
    fitSuperFrames(tap, mtu);
    return tap;
  }

  /**
   * What the MTU of its interface is to be, which is `now`. One that the operator lowered is never raised, and a guess
   * of the overlay's, as in the first moments after a restart, changes nothing.
   */
  #mtuFrom(now: number, { mtu, isMtuKnown }: VnicOverlay): number {
    if (!isMtuKnown) return now;
    return now < (this.#mtuGiven ?? mtu) ? Math.min(now, mtu) : mtu;
  }

  #join(overlay: VnicOverlay, datapath: Datapath, tap: Tap, nowMs: number): void {
    const { name, mac, allowAnyMac } = this.identity;
    const { index: overlayIndex } = overlay.attached();
    const index = datapath.addVnic({ overlay: overlayIndex, fds: tap.fds, mac, allowAnyMac });
    this.#attached = {
      index,
      mac,
      name,
      allowAnyMac,
      attachedAtMs: nowMs,
      takesUdpSuperFrames: tap.offloads.uso,
      setMtu: (mtu) => this.#setMtu(tap, mtu, mtu),
      followMtu: () => this.#setMtu(tap, this.#mtuFrom(tap.mtu(), overlay), overlay.mtu),
      setOffload: (offload) => tap.setOffload(offload),
      setProblem: (reason) => {
        this.problem = reason;
      },
    };
    this.#tap = tap;
    overlay.addVnic(this.#attached);
    this.problem = '';
    this.isNew = false;
    this.backoff.succeeded(nowMs);
  }

  #setMtu(tap: Tap, mtu: number, given: number): void {
    tap.setMtu(mtu);
    this.#mtuGiven = given;
    fitSuperFrames(tap, mtu);
  }

  /** The interface of a VNIC that could not be attached, should there be one. */
  #openLeftOver(isVnic: IsVnic): Tap | null {
    const { name, mac } = this.identity;
    const netns = this.#find(isVnic);
    if (netns === undefined) return null;
    return openTap({ name, mac, mtu: MTU_DEFAULT, netns, persist: false, queues: 1, offload: 'off' });
  }

  /** Where its interface is; undefined when it is gone. Throws when it has another name now. */
  #find(isVnic: IsVnic): string | null | undefined {
    const { name, mac, netns } = this.identity;
    const found = findInterface(name, mac, netns);
    if (found !== undefined) return found;
    const renamed = findLooseTap(mac, netns, isVnic);
    if (renamed !== undefined) throw interfaceRenamed(name, renamed, netns);
    return undefined;
  }
}

/** A super-frame that fits one send is cut, sent, received and joined once; one that is a little larger, twice. */
function fitSuperFrames(tap: Tap, mtu: number): void {
  try {
    tap.setGsoMaxSegs(Math.min(SEGMENTS_MAX, Math.floor(SEND_MAX / (mtu + SEND_OVERHEAD))));
  } catch {
    // It costs speed, nothing else.
  }
}
