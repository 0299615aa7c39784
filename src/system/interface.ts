/** Network interfaces by name, in the thread's namespace, through `struct ifreq` ioctls: MAC, MTU, flags, driver. */
import { check, ENODEV, systemError } from './errno.js';
import { AF_INET, ioctl, lastErrno, close as libcClose, pointerTo, SOCK_CLOEXEC, SOCK_DGRAM, socket } from './libc.js';

//  struct ifreq, 64-bit:   0                15 16               39
//                         | name, NUL-padded  | a union by ioctl  |
export const IFNAMSIZ = 16;
const IFREQ_SIZE = 40;
/** Where the union of `struct ifreq` starts. */
export const IFR_DATA = IFNAMSIZ;

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCSIFHWADDR = 0x8924;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCETHTOOL = 0x8946;

const IFF_UP = 1;
const ARPHRD_ETHER = 1;
const MAC_LEN = 6;

// struct ethtool_drvinfo: u32 cmd, then char[32] driver, version, fw_version, bus_info, ...
const ETHTOOL_GDRVINFO = 3;
// struct ethtool_value: u32 cmd, u32 data
const ETHTOOL_GLINK = 0x0a;
// struct ethtool_sset_info: u32 cmd, u32 reserved, u64 sets, u32 counts
const ETHTOOL_GSSET_INFO = 0x37;
const SSET_INFO_SIZE = 20;
const SSET_INFO_SETS = 8;
const SSET_INFO_COUNT = 16;
// struct ethtool_gstrings: u32 cmd, u32 set, u32 count, then char[32] each
const ETHTOOL_GSTRINGS = 0x1b;
const GSTRINGS_HLEN = 12;
const GSTRING_LEN = 32;
const ETH_SS_FEATURES = 4;
// struct ethtool_gfeatures: u32 cmd, u32 blocks, then for every 32 features u32 available, requested, active, fixed
const ETHTOOL_GFEATURES = 0x3a;
const GFEATURES_HLEN = 8;
const FEATURES_BLOCK = 16;
const FEATURES_ACTIVE = 8;
const DRVINFO_SIZE = 196;
const DRVINFO_DRIVER = 4;
const DRVINFO_TEXT_LEN = 32;
const DRVINFO_BUS_INFO = DRVINFO_DRIVER + 3 * DRVINFO_TEXT_LEN;

/** True for a name the kernel takes as it stands: no `%`, which it would replace by a number. */
export function isInterfaceName(name: string): boolean {
  return /^[^\s/:%\0]+$/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) < IFNAMSIZ;
}

/** A `struct ifreq` that names an interface. */
export function ifreq(name: string): Buffer {
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 0, IFNAMSIZ - 1);
  return request;
}

/** NUL-terminated text in at most `size` bytes. */
export function cString(bytes: Buffer, offset: number, size: number): string {
  const end = bytes.indexOf(0, offset);
  return bytes.toString('utf8', offset, end === -1 ? offset + size : Math.min(end, offset + size));
}

/** Runs `action` with a socket for interface ioctls, made in the thread's namespace; it is closed afterwards. */
export function withControlSocket<T>(action: (control: number) => T): T {
  const control = check('socket for interface settings', socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    return action(control);
  } finally {
    libcClose(control);
  }
}

export function interfaceExists(control: number, name: string): boolean {
  if (ioctl(control, SIOCGIFINDEX, ifreq(name)) >= 0) return true;
  const errno = lastErrno();
  if (errno === ENODEV) return false;
  throw systemError(`look for interface ${name}`, errno);
}

/** The kernel's number of it, which stays when it is renamed. */
export function interfaceIndex(control: number, name: string): number {
  const request = ifreq(name);
  check(`read index of ${name}`, ioctl(control, SIOCGIFINDEX, request));
  return request.readInt32LE(IFR_DATA);
}

/** Canonical text of the MAC. */
export function interfaceMac(control: number, name: string): string {
  const request = ifreq(name);
  check(`read MAC of ${name}`, ioctl(control, SIOCGIFHWADDR, request));
  const mac = request.subarray(IFR_DATA + 2, IFR_DATA + 2 + MAC_LEN);
  return (mac.toString('hex').match(/../g) as string[]).join(':');
}

/** `fd` is a control socket, or the descriptor of the TAP itself. */
export function setInterfaceMac(fd: number, name: string, mac: string): void {
  const request = ifreq(name);
  request.writeUInt16LE(ARPHRD_ETHER, IFR_DATA);
  request.write(mac.replaceAll(':', ''), IFR_DATA + 2, MAC_LEN, 'hex');
  check(`set MAC of ${name} to ${mac}`, ioctl(fd, SIOCSIFHWADDR, request));
}

/** Bytes. */
export function interfaceMtu(control: number, name: string): number {
  const request = ifreq(name);
  check(`read MTU of ${name}`, ioctl(control, SIOCGIFMTU, request));
  return request.readInt32LE(IFR_DATA);
}

export function setInterfaceMtu(control: number, name: string, mtu: number): void {
  const request = ifreq(name);
  request.writeInt32LE(mtu, IFR_DATA);
  check(`set MTU of ${name} to ${mtu}`, ioctl(control, SIOCSIFMTU, request));
}

export function isInterfaceUp(control: number, name: string): boolean {
  return (interfaceFlags(control, name).readUInt16LE(IFR_DATA) & IFF_UP) !== 0;
}

/** Changes the administrative state and no other flag. */
export function setInterfaceUp(control: number, name: string, isUp: boolean): void {
  const request = interfaceFlags(control, name);
  const flags = request.readUInt16LE(IFR_DATA);
  request.writeUInt16LE(isUp ? flags | IFF_UP : flags & ~IFF_UP, IFR_DATA);
  check(`set ${name} ${isUp ? 'up' : 'down'}`, ioctl(control, SIOCSIFFLAGS, request));
}

function interfaceFlags(control: number, name: string): Buffer {
  const request = ifreq(name);
  check(`read flags of ${name}`, ioctl(control, SIOCGIFFLAGS, request));
  return request;
}

/** The driver's name and bus text (the tun driver says `tun` or `tap` there); null where the driver tells nothing. */
export function interfaceDriver(control: number, name: string): { driver: string; bus: string } | null {
  const info = Buffer.alloc(DRVINFO_SIZE);
  info.writeUInt32LE(ETHTOOL_GDRVINFO, 0);
  const request = ifreq(name);
  request.writeBigUInt64LE(BigInt(pointerTo(info)), IFR_DATA);
  if (ioctl(control, SIOCETHTOOL, request) < 0) return null;
  return {
    driver: cString(info, DRVINFO_DRIVER, DRVINFO_TEXT_LEN),
    bus: cString(info, DRVINFO_BUS_INFO, DRVINFO_TEXT_LEN),
  };
}

/**
 * What the interface does for the stack now, in the words of ethtool(8) (`tx-udp-segmentation`); null where it does not
 * tell, or is gone.
 */
export function interfaceFeatures(control: number, name: string): ReadonlySet<string> | null {
  const ask = (answer: Buffer): boolean => {
    const request = ifreq(name);
    request.writeBigUInt64LE(BigInt(pointerTo(answer)), IFR_DATA);
    return ioctl(control, SIOCETHTOOL, request) >= 0;
  };
  const info = Buffer.alloc(SSET_INFO_SIZE);
  info.writeUInt32LE(ETHTOOL_GSSET_INFO, 0);
  info.writeBigUInt64LE(1n << BigInt(ETH_SS_FEATURES), SSET_INFO_SETS);
  if (!ask(info)) return null;
  const count = info.readUInt32LE(SSET_INFO_COUNT);
  const names = Buffer.alloc(GSTRINGS_HLEN + count * GSTRING_LEN);
  names.writeUInt32LE(ETHTOOL_GSTRINGS, 0);
  names.writeUInt32LE(ETH_SS_FEATURES, 4);
  const blocks = Math.ceil(count / 32);
  const features = Buffer.alloc(GFEATURES_HLEN + blocks * FEATURES_BLOCK);
  features.writeUInt32LE(ETHTOOL_GFEATURES, 0);
  features.writeUInt32LE(blocks, 4);
  if (!ask(names) || !ask(features)) return null;
  const active = new Set<string>();
  for (let index = 0; index < count; index++) {
    const bits = features.readUInt32LE(GFEATURES_HLEN + (index >> 5) * FEATURES_BLOCK + FEATURES_ACTIVE);
    if ((bits >>> (index & 31)) & 1) active.add(cString(names, GSTRINGS_HLEN + index * GSTRING_LEN, GSTRING_LEN));
  }
  return active;
}

/** Of a TAP that is up: whether a process holds it. */
export function hasCarrier(control: number, name: string): boolean {
  const value = Buffer.alloc(8);
  value.writeUInt32LE(ETHTOOL_GLINK, 0);
  const request = ifreq(name);
  request.writeBigUInt64LE(BigInt(pointerTo(value)), IFR_DATA);
  return ioctl(control, SIOCETHTOOL, request) >= 0 && value.readUInt32LE(4) !== 0;
}

/** True for a TAP of the tun driver, whoever made it. */
export function isTap(driver: { driver: string; bus: string } | null): boolean {
  return driver !== null && driver.driver === 'tun' && driver.bus === 'tap';
}
