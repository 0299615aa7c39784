/** A TAP that this process holds, wherever it is and whatever it is called by now. */
import { mtuRefused } from '../errors.js';
import { EBADFD, EINVAL, systemError } from './errno.js';
import { interfaceIndex, setInterfaceMac, setInterfaceMtu, withControlSocket } from './interface.js';
import {
  addInterfaceAddress,
  type InterfaceAddress,
  interfaceAddresses,
  removeInterfaceAddress,
} from './interface-addresses.js';
import { close as libcClose } from './libc.js';
import { withNetns, withNetnsFd } from './netns.js';
import { netnsInode } from './netns-holders.js';
import { deleteLink, setGsoMaxSegs } from './rtnetlink.js';
import { type TapLink, tapNamed } from './tap-links.js';
import { nameOfTun, netnsOfTun, type Offload, type Offloads, setOffloads, setPersistent } from './tun.js';

export interface TapOptions {
  readonly name: string;
  /** Canonical text. */
  readonly mac: string;
  /** Bytes, without the Ethernet header. */
  readonly mtu: number;
  /** Of an interface that is there already and has the MTU `now`; {@link mtu} when it is left out. */
  readonly mtuOfExisting?: (now: number) => number;
  /** Name under /run/netns, absolute path, or null for the thread's own. */
  readonly netns: string | null;
  /** The interface outlives its descriptor, and so this process. */
  readonly persist: boolean;
  /** Descriptors, one a worker. */
  readonly queues: number;
  readonly offload: Offload;
  /** The MAC of an interface that is there already stays as it is. */
  readonly keepsMac?: boolean;
  /** The mark of another VNIC on an interface that is there already makes room for this one's. */
  readonly adopts?: boolean | undefined;
  /** Alias of the interface, unless it has one; see `tap-search.ts`. */
  readonly mark?: string;
  /** Its queues are had already; another process has them as well. They are closed when opening fails. */
  readonly taken?: readonly number[] | null;
}

/** An interface at a moment. */
export interface TapState {
  /** Of the network namespace that it is in. */
  readonly inode: number;
  readonly link: TapLink;
}

export interface Tap {
  /**
   * One a queue; a single one for an interface that somebody made without IFF_MULTI_QUEUE. Non-blocking,
   * close-on-exec; valid until {@link close} or {@link remove}.
   */
  readonly fds: readonly number[];
  /** The first of {@link fds}. */
  readonly fd: number;
  readonly name: string;
  /** It was made just now, not found. */
  readonly isNew: boolean;
  /** Inode of the network namespace that {@link fds} were opened in: they hold it, wherever the interface is. */
  readonly home: number;
  /** What the frames that are read may lack. */
  readonly offloads: Offloads;
  setOffload(offload: Offload): void;
  /** null: it is gone. */
  look(): TapState | null;
  /** Runs an action inside the namespace that the interface is in. */
  enter<T>(action: () => T): T;
  setMac(mac: string): void;
  /** Wherever the interface is now: it may have been renamed or moved to another namespace. So do the next three. */
  setMtu(mtu: number): void;
  addresses(): InterfaceAddress[];
  /** Canonical `ADDRESS/LENGTH`. */
  addAddress(address: string): void;
  removeAddress(address: string): void;
  /** Super-frames of at most so many segments, wherever the interface is now. */
  setGsoMaxSegs(count: number): void;
  /** Makes the interface vanish, in whatever namespace it is. It is no error when it is gone already. */
  remove(): void;
  /** Lets go of the interface, which stays if it is persistent. Closing twice is harmless. */
  close(): void;
  /** Takes its opening back: an interface that was made goes, one that was there stays, also an adopted one. */
  takeBack(): void;
}

export function setMtu(control: number, name: string, mtu: number): void {
  try {
    setInterfaceMtu(control, name, mtu);
  } catch (thrown) {
    throw (thrown as { errno?: number }).errno === EINVAL ? mtuRefused(name, mtu) : thrown;
  }
}

export class AttachedTap implements Tap {
  readonly fds: readonly number[];
  readonly name: string;
  readonly isNew: boolean;
  /** Made where it was opened. */
  readonly home = netnsInode(null);
  readonly #options: TapOptions;
  #offloads: Offloads;
  #isOpen = true;

  constructor(fds: readonly number[], options: TapOptions, offloads: Offloads, isNew: boolean) {
    this.fds = fds;
    this.isNew = isNew;
    this.name = options.name;
    this.#options = options;
    this.#offloads = offloads;
  }

  get fd(): number {
    return this.fds[0]!;
  }

  get offloads(): Offloads {
    return this.#offloads;
  }

  setOffload(offload: Offload): void {
    this.#offloads = setOffloads(this.fd, this.name, offload);
  }

  setMtu(mtu: number): void {
    const name = nameOfTun(this.fd, this.name);
    this.#inItsNetns((control) => setMtu(control, name, mtu));
  }

  addresses(): InterfaceAddress[] {
    return this.#byIndex(interfaceAddresses);
  }

  addAddress(address: string): void {
    this.#byIndex((ifindex, name) => addInterfaceAddress(ifindex, name, address));
  }

  removeAddress(address: string): void {
    this.#byIndex((ifindex, name) => removeInterfaceAddress(ifindex, name, address));
  }

  look(): TapState | null {
    try {
      // Between the two calls it may be renamed.
      for (let attempt = 0; attempt < 2; attempt++) {
        const state = this.enter(() => {
          const link = tapNamed(nameOfTun(this.fd, this.name));
          return link && { inode: netnsInode(null), link };
        });
        if (state !== null) return state;
      }
    } catch (thrown) {
      if ((thrown as { errno?: number }).errno !== EBADFD) throw thrown;
    }
    return null;
  }

  setMac(mac: string): void {
    setInterfaceMac(this.fd, nameOfTun(this.fd, this.name), mac);
  }

  setGsoMaxSegs(count: number): void {
    this.#byIndex((ifindex, name) => setGsoMaxSegs(ifindex, name, count));
  }

  remove(): void {
    if (!this.#isOpen) return;
    const errno = -setPersistent(this.fd, false);
    try {
      // The kernel may end an io_uring later than its process, and with it the last hold of the interface.
      if (errno === 0) this.#deleteLink();
    } finally {
      this.close();
    }
    if (errno !== 0 && errno !== EBADFD) throw systemError(`remove TAP ${this.name}`, errno);
  }

  #deleteLink(): void {
    this.#byIndex(deleteLink);
  }

  takeBack(): void {
    if (this.isNew) {
      this.remove();
      return;
    }
    // That of a temporary VNIC would go with its descriptors. It is no error when it is gone already.
    if (this.#isOpen && this.#options.adopts === true) setPersistent(this.fd, true);
    this.close();
  }

  close(): void {
    if (!this.#isOpen) return;
    for (const fd of this.fds) libcClose(fd);
    this.#isOpen = false;
  }

  #byIndex<T>(action: (ifindex: number, name: string) => T): T {
    const name = nameOfTun(this.fd, this.name);
    return this.#inItsNetns((control) => action(interfaceIndex(control, name), name));
  }

  #inItsNetns<T>(action: (control: number) => T): T {
    return this.enter(() => withControlSocket(action));
  }

  enter<T>(action: () => T): T {
    const target = netnsOfTun(this.fd);
    if (target === -EBADFD) throw systemError(`find namespace of TAP ${this.name}`, EBADFD);
    // A kernel that cannot say: the namespace it was opened in is the best guess.
    if (target < 0) return withNetns(this.#options.netns, action);
    try {
      return withNetnsFd(target, `of ${this.name}`, action);
    } finally {
      libcClose(target);
    }
  }
}
