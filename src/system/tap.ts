/** VNIC interfaces: TAPs of the tun driver. One descriptor, one queue; a read or write moves one whole frame. */
import { interfaceBusy, interfaceNameInvalid, interfaceNotTap, tunMissing, tunNotPermitted } from '../errors.js';
import { AttachedTap, setMtu, type Tap, type TapOptions } from './attached-tap.js';
import { EACCES, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, systemError } from './errno.js';
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
import { withNetns } from './netns.js';
import { setNoQueue, tapQueuesHeld } from './rtnetlink.js';
import { tapObstacles } from './tap-access.js';
import { setMark, tapNamed } from './tap-links.js';
import { isMark } from './tap-search.js';
import {
  attachTun,
  IFF_MULTI_QUEUE,
  IFF_TUN_EXCL,
  IFF_VNET_HDR,
  openTun,
  setOffloads,
  setPersistent,
  setVnetHeaderSize,
  TUN_DEVICE,
} from './tun.js';

export type { Tap, TapOptions, TapState } from './attached-tap.js';
export type { Offload, Offloads } from './tun.js';

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
  const { taken = null } = options;
  const fds: number[] = [...(taken ?? [])];
  const undo: (() => void)[] = [];
  let existed = taken !== null;
  try {
    existed = findTap(control, options);
    if (existed) refuseHeld(control, options, fds.length);
    if (taken === null) attachQueues(fds, options, existed);
    // Another process may have done the same meanwhile: a multi-queue TAP lets everybody in.
    if (existed) refuseHeld(control, options, fds.length);
    configure(fds[0]!, control, options, existed, undo);
    // What only a holder sees needs no way back: the next one sets it for himself.
    setVnetHeaderSize(fds[0]!, name);
    const offloads = setOffloads(fds[0]!, name, options.offload);
    mark(options, existed);
    // Last: until here an interface made above is not persistent, and goes with its descriptors.
    const errno = -setPersistent(fds[0]!, persist);
    if (errno !== 0) throw systemError(`set persistence of ${name}`, errno);
    return new AttachedTap(fds, options, offloads, !existed);
  } catch (thrown) {
    if (existed) undoAll(undo);
    for (const fd of fds) libcClose(fd);
    throw thrown;
  }
}

/** An operator's own alias stays, and so does another VNIC's mark, unless that is what is adopted. */
function mark({ name, mark: text, adopts = false }: TapOptions, existed: boolean): void {
  if (text === undefined) return;
  const former = existed ? (tapNamed(name)?.mark ?? '') : '';
  if (former !== '' && !(adopts && isMark(former))) return;
  const ifindex = withControlSocket((control) => interfaceIndex(control, name));
  setMark(ifindex, name, text);
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
  if (errno === EPERM || errno === EACCES) throw tunNotPermitted(name, netns, tapObstacles());
  throw systemError(`open ${TUN_DEVICE}`, errno);
}

/** Throws unless the answer of `attachTun` is 0. */
function attached(answer: number, { name, netns }: TapOptions, existed: boolean): void {
  if (answer === 0) return;
  if (answer === -EBUSY) throw interfaceBusy(name, netns, tapHolder(name));
  if (answer === -EPERM) throw tunNotPermitted(name, netns, tapObstacles());
  throw systemError(`${existed ? 'attach to' : 'create'} TAP ${name}`, -answer);
}

/** Each change leaves its reversal in `undo`. */
function configure(fd: number, control: number, options: TapOptions, existed: boolean, undo: (() => void)[]): void {
  const { name } = options;
  const mac = interfaceMac(control, name);
  if (mac !== options.mac && !(existed && options.keepsMac === true)) {
    setInterfaceMac(fd, name, options.mac);
    undo.push(() => setInterfaceMac(fd, name, mac));
  }
  const mtu = interfaceMtu(control, name);
  const wanted = existed ? (options.mtuOfExisting?.(mtu) ?? options.mtu) : options.mtu;
  if (mtu !== wanted) {
    setMtu(control, name, wanted);
    undo.push(() => setInterfaceMtu(control, name, mtu));
  }
  if (!existed) setNoQueue(interfaceIndex(control, name), name);
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
