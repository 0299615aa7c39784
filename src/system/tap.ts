/** VNIC interfaces: TAPs of the tun driver. One descriptor, one queue; a read or write moves one whole frame. */
import {
  interfaceBusy,
  interfaceNameInvalid,
  interfaceNotTap,
  mtuRefused,
  tunMissing,
  tunNotPermitted,
} from '../errors.js';
import { check, EACCES, EBADFD, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, systemError } from './errno.js';
import { tapHolder } from './holders.js';
import {
  cString,
  IFNAMSIZ,
  IFR_DATA,
  ifreq,
  interfaceDriver,
  interfaceExists,
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
import { ioctl, ioctlValue, lastErrno, close as libcClose, O_CLOEXEC, O_NONBLOCK, O_RDWR, open } from './libc.js';
import { withNetns, withNetnsFd } from './netns.js';

const TUN_DEVICE = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNGETIFF = 0x800454d2;
// Since Linux 5.8. SIOCGSKNS would answer where the descriptor was opened, not where the TAP is now.
const TUNGETDEVNETNS = 0x54e3;

const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_TUN_EXCL = 0x8000; // create, never attach
/** How every TAP is attached: whole Ethernet frames and nothing before them. */
const TAP_FLAGS = IFF_TAP | IFF_NO_PI;

export interface TapOptions {
  readonly name: string;
  /** Canonical text. */
  readonly mac: string;
  /** Bytes, without the Ethernet header. */
  readonly mtu: number;
  /** Name under /run/netns, absolute path, or null for the thread's own. */
  readonly netns: string | null;
  /** The interface outlives its descriptor, and so this process. */
  readonly persist: boolean;
}

export interface Tap {
  /** Non-blocking, close-on-exec; valid until {@link close} or {@link remove}. */
  readonly fd: number;
  readonly name: string;
  /** Wherever the interface is now: it may have been renamed or moved to another namespace. */
  setMtu(mtu: number): void;
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
  const existed = findTap(control, options);
  const fd = openTun(options);
  const undo: (() => void)[] = [];
  try {
    attach(fd, options, existed);
    configure(fd, control, options, undo);
    // Last: until here an interface made above is not persistent, and goes with its descriptor.
    check(`set persistence of ${options.name}`, ioctlValue(fd, TUNSETPERSIST, options.persist ? 1 : 0));
  } catch (thrown) {
    if (existed) undoAll(undo);
    libcClose(fd);
    throw thrown;
  }
  return new AttachedTap(fd, options.name, options.netns);
}

/** True when there is a TAP of that name, false when there is nothing; anything else there is an error. */
function findTap(control: number, { name, netns }: TapOptions): boolean {
  if (!interfaceExists(control, name)) return false;
  const driver = interfaceDriver(control, name);
  if (isTap(driver)) return true;
  const kind = driver === null || driver.driver === '' ? 'another kind of interface' : driver.driver;
  throw interfaceNotTap(name, netns, kind === 'tun' ? 'a TUN interface' : kind);
}

function openTun({ name, netns }: TapOptions): number {
  const fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  if (errno === ENOENT || errno === ENODEV || errno === ENXIO) throw tunMissing();
  if (errno === EPERM || errno === EACCES) throw tunNotPermitted(name, netns);
  throw systemError(`open ${TUN_DEVICE}`, errno);
}

function attach(fd: number, { name, netns }: TapOptions, existed: boolean): void {
  const request = ifreq(name);
  request.writeUInt16LE(existed ? TAP_FLAGS : TAP_FLAGS | IFF_TUN_EXCL, IFR_DATA);
  if (ioctl(fd, TUNSETIFF, request) >= 0) return;
  const errno = lastErrno();
  if (errno === EBUSY) throw interfaceBusy(name, netns, tapHolder(name));
  if (errno === EPERM) throw tunNotPermitted(name, netns);
  if (errno === EINVAL && existed) throw interfaceNotTap(name, netns, 'a multi-queue TAP');
  throw systemError(`${existed ? 'attach to' : 'create'} TAP ${name}`, errno);
}

/** Each change leaves its reversal in `undo`. */
function configure(fd: number, control: number, options: TapOptions, undo: (() => void)[]): void {
  const { name } = options;
  const mac = interfaceMac(control, name);
  if (mac !== options.mac) {
    setInterfaceMac(fd, name, options.mac);
    undo.push(() => setInterfaceMac(fd, name, mac));
  }
  const mtu = interfaceMtu(control, name);
  if (mtu !== options.mtu) {
    setMtu(control, name, options.mtu);
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
  readonly fd: number;
  readonly name: string;
  readonly #netns: string | null;
  #isOpen = true;

  constructor(fd: number, name: string, netns: string | null) {
    this.fd = fd;
    this.name = name;
    this.#netns = netns;
  }

  setMtu(mtu: number): void {
    const name = this.#currentName();
    this.#inItsNetns(() => withControlSocket((control) => setMtu(control, name, mtu)));
  }

  remove(): void {
    if (!this.#isOpen) return;
    const errno = ioctlValue(this.fd, TUNSETPERSIST, 0) < 0 ? lastErrno() : 0;
    this.close();
    if (errno !== 0 && errno !== EBADFD) throw systemError(`remove TAP ${this.name}`, errno);
  }

  close(): void {
    if (this.#isOpen) libcClose(this.fd);
    this.#isOpen = false;
  }

  #currentName(): string {
    const request = ifreq('');
    check(`find interface of TAP ${this.name}`, ioctl(this.fd, TUNGETIFF, request));
    return cString(request, 0, IFNAMSIZ);
  }

  #inItsNetns<T>(action: () => T): T {
    const target = ioctlValue(this.fd, TUNGETDEVNETNS, 0);
    // A kernel that cannot say: the namespace it was opened in is the best guess.
    if (target < 0) return withNetns(this.#netns, action);
    try {
      return withNetnsFd(target, `of ${this.name}`, action);
    } finally {
      libcClose(target);
    }
  }
}
