/** VNIC interfaces: TAPs of the tun driver. One descriptor, one queue; a read or write moves one whole frame. */
import {
  interfaceBusy,
  interfaceNameInvalid,
  interfaceNotTap,
  mtuRefused,
  tunMissing,
  tunNotPermitted,
} from '../errors.js';
import { EACCES, EBADFD, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, systemError } from './errno.js';
import { tapHolder } from './holders.js';
import {
  interfaceDriver,
  interfaceExists,
  interfaceIndex,
  interfaceMac,
  interfaceMtu,
  isInterfaceName,
  isInterfaceUp,
  isTap,
  setInterfaceMac,
  setInterfaceMtu,
  setInterfaceUp,
  withControlSocket,
} from './interface.js';
import { close as libcClose } from './libc.js';
import { withNetns, withNetnsFd } from './netns.js';
import { deleteLink, setGsoMaxSegs, tapQueuesHeld } from './rtnetlink.js';
import {
  attachTun,
  IFF_MULTI_QUEUE,
  IFF_TUN_EXCL,
  IFF_VNET_HDR,
  nameOfTun,
  netnsOfTun,
  type Offload,
  type Offloads,
  openTun,
  setOffloads,
  setPersistent,
  setVnetHeaderSize,
  TUN_DEVICE,
} from './tun.js';

export type { Offload, Offloads } from './tun.js';

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
  /** What the frames that are read may lack. */
  readonly offloads: Offloads;
  setOffload(offload: Offload): void;
  /** Wherever the interface is now: it may have been renamed or moved to another namespace. */
  setMtu(mtu: number): void;
  /** Bytes, as the interface has it now. */
  mtu(): number;
  /** Super-frames of at most so many segments, wherever the interface is now. */
  setGsoMaxSegs(count: number): void;
  /** Makes the interface vanish, in whatever namespace it is. It is no error when it is gone already. */
  remove(): void;
  /** Lets go of the interface, which stays if it is persistent. Closing twice is harmless. */
  close(): void;
}

/**
 * Creates a TAP, or attaches to a persistent one of this name that nobody holds, and sees to its MAC, MTU and state
 * up; what is right already is not touched, so addresses and routes stay. On failure an interface made here is gone
 * again, and one that was there is as it was.
 */
export function openTap(options: TapOptions): Tap {
  if (!isInterfaceName(options.name)) throw interfaceNameInvalid(options.name);
  return withNetns(options.netns, () => withControlSocket((control) => openHere(control, options)));
}

function openHere(control: number, options: TapOptions): Tap {
  const { name, persist } = options;
  const existed = findTap(control, options);
  if (existed) refuseHeld(control, options, 0);
  const fds: number[] = [];
  const undo: (() => void)[] = [];
  try {
    attachQueues(fds, options, existed);
    // Another process may have done the same meanwhile: a multi-queue TAP lets everybody in.
    if (existed) refuseHeld(control, options, fds.length);
    configure(fds[0]!, control, options, existed, undo);
    // What only a holder sees needs no way back: the next one sets it for himself.
    setVnetHeaderSize(fds[0]!, name);
    const offloads = setOffloads(fds[0]!, name, options.offload);
    // Last: until here an interface made above is not persistent, and goes with its descriptors.
    const errno = -setPersistent(fds[0]!, persist);
    if (errno !== 0) throw systemError(`set persistence of ${name}`, errno);
    return new AttachedTap(fds, options, offloads);
  } catch (thrown) {
    if (existed) undoAll(undo);
    for (const fd of fds) libcClose(fd);
    throw thrown;
  }
}

/** True when there is a TAP of that name, false when there is nothing; anything else there is an error. */
function findTap(control: number, { name, netns }: TapOptions): boolean {
  if (!interfaceExists(control, name)) return false;
  const driver = interfaceDriver(control, name);
  if (isTap(driver)) return true;
  const kind = driver === null || driver.driver === '' ? 'another kind of interface' : driver.driver;
  throw interfaceNotTap(name, netns, kind === 'tun' ? 'a TUN interface' : kind);
}

/** One queue has one reader, which the kernel sees to; that all queues are ours we must see to ourselves. */
function refuseHeld(control: number, { name, netns }: TapOptions, ours: number): void {
  const held = tapQueuesHeld(interfaceIndex(control, name), name);
  if (held !== null && held > ours) throw interfaceBusy(name, netns, tapHolder(name));
}

/** Adds to `fds` what was opened, also when it throws. */
function attachQueues(fds: number[], options: TapOptions, existed: boolean): void {
  const flags = IFF_MULTI_QUEUE | IFF_VNET_HDR;
  fds.push(openQueue(options));
  const answer = attachTun(fds[0]!, options.name, existed ? flags : flags | IFF_TUN_EXCL);
  if (answer === -EINVAL && existed) {
    // Somebody made it with one queue, and so it stays.
    attached(attachTun(fds[0]!, options.name, flags & ~IFF_MULTI_QUEUE), options, existed);
    return;
  }
  attached(answer, options, existed);
  while (fds.length < options.queues) {
    const fd = openQueue(options);
    fds.push(fd);
    attached(attachTun(fd, options.name, flags), options, true);
  }
}

function openQueue({ name, netns }: TapOptions): number {
  const fd = openTun();
  if (fd >= 0) return fd;
  const errno = -fd;
  if (errno === ENOENT || errno === ENODEV || errno === ENXIO) throw tunMissing();
  if (errno === EPERM || errno === EACCES) throw tunNotPermitted(name, netns);
  throw systemError(`open ${TUN_DEVICE}`, errno);
}

/** Throws unless the answer of `attachTun` is 0. */
function attached(answer: number, { name, netns }: TapOptions, existed: boolean): void {
  if (answer === 0) return;
  if (answer === -EBUSY) throw interfaceBusy(name, netns, tapHolder(name));
  if (answer === -EPERM) throw tunNotPermitted(name, netns);
  throw systemError(`${existed ? 'attach to' : 'create'} TAP ${name}`, -answer);
}

/** Each change leaves its reversal in `undo`. */
function configure(fd: number, control: number, options: TapOptions, existed: boolean, undo: (() => void)[]): void {
  const { name } = options;
  const mac = interfaceMac(control, name);
  if (mac !== options.mac) {
    setInterfaceMac(fd, name, options.mac);
    undo.push(() => setInterfaceMac(fd, name, mac));
  }
  const mtu = interfaceMtu(control, name);
  const wanted = existed ? (options.mtuOfExisting?.(mtu) ?? options.mtu) : options.mtu;
  if (mtu !== wanted) {
    setMtu(control, name, wanted);
    undo.push(() => setInterfaceMtu(control, name, mtu));
  }
  if (!isInterfaceUp(control, name)) {
    setInterfaceUp(control, name, true);
    undo.push(() => setInterfaceUp(control, name, false));
  }
}

function undoAll(undo: (() => void)[]): void {
  for (const step of undo.reverse()) {
    try {
      step();
    } catch {
      // The first failure is the one to report; the other steps still want their turn.
    }
  }
}

function setMtu(control: number, name: string, mtu: number): void {
  try {
    setInterfaceMtu(control, name, mtu);
  } catch (thrown) {
    throw (thrown as { errno?: number }).errno === EINVAL ? mtuRefused(name, mtu) : thrown;
  }
}

class AttachedTap implements Tap {
  readonly fds: readonly number[];
  readonly name: string;
  readonly #options: TapOptions;
  #offloads: Offloads;
  #isOpen = true;

  constructor(fds: readonly number[], options: TapOptions, offloads: Offloads) {
    this.fds = fds;
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

  mtu(): number {
    const name = nameOfTun(this.fd, this.name);
    return this.#inItsNetns((control) => interfaceMtu(control, name));
  }

  setGsoMaxSegs(count: number): void {
    const name = nameOfTun(this.fd, this.name);
    this.#inItsNetns((control) => setGsoMaxSegs(interfaceIndex(control, name), name, count));
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
    const name = nameOfTun(this.fd, this.name);
    this.#inItsNetns((control) => deleteLink(interfaceIndex(control, name), name));
  }

  close(): void {
    if (!this.#isOpen) return;
    for (const fd of this.fds) libcClose(fd);
    this.#isOpen = false;
  }

  #inItsNetns<T>(action: (control: number) => T): T {
    const inside = () => withControlSocket(action);
    const target = netnsOfTun(this.fd);
    // A kernel that cannot say: the namespace it was opened in is the best guess.
    if (target < 0) return withNetns(this.#options.netns, inside);
    try {
      return withNetnsFd(target, `of ${this.name}`, inside);
    } finally {
      libcClose(target);
    }
  }
}
