/** TAPs as rtnetlink shows them, in the thread's namespace: what they are called, how they are, and whose they are. */
import { SystemError } from '../errors.js';
import { ENODEV } from './errno.js';
import { cString } from './interface.js';
import { type Attribute, ask, askAll, attribute, NLM_F_ACK, u32 } from './netlink.js';
import {
  IFI_FLAGS,
  IFI_INDEX,
  IFINFO_LEN,
  IFLA_INFO_DATA,
  IFLA_LINKINFO,
  IFLA_TUN_NUM_DISABLED_QUEUES,
  IFLA_TUN_NUM_QUEUES,
  RTM_GETLINK,
  RTM_NEWLINK,
} from './rtnetlink.js';

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_IFALIAS = 20;
const IFLA_EXT_MASK = 29;
const IFLA_CARRIER = 33;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_TUN_TYPE = 3;
const IFF_UP = 1;
const TUN_TYPE_TAP = 2;
/** Counters take most of the time that a list of many interfaces takes. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
const MAC_LEN = 6;
const BRIDGES = new Set(['bridge', 'openvswitch']);

export interface TapLink {
  readonly ifindex: number;
  readonly name: string;
  /** Canonical text. */
  readonly mac: string;
  /** Bytes. */
  readonly mtu: number;
  /** Administratively. */
  readonly isUp: boolean;
  /** A process holds it, and nobody took its carrier away. */
  readonly hasCarrier: boolean;
  readonly isBridgePort: boolean;
  /** A process holds a queue of it, as far as that can be seen: of one with a single queue it is {@link hasCarrier}. */
  readonly isHeld: boolean;
  /** Its alias (`ip link set alias`), empty when it has none. It stays when the interface is renamed or moved. */
  readonly mark: string;
}

/** The TAP of this name; null when there is none, or it is another kind of interface. */
export function tapNamed(name: string): TapLink | null {
  try {
    const attributes: Attribute[] = [[IFLA_IFNAME, Buffer.from(`${name}\0`)], SKIP_STATS];
    return tapLinkIn(ask(`look at interface ${name}`, RTM_GETLINK, 0, Buffer.alloc(IFINFO_LEN), attributes));
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === ENODEV) return null;
    throw thrown;
  }
}

/** All TAPs of the namespace. */
export function tapLinks(): TapLink[] {
  const links = askAll('list the interfaces', RTM_GETLINK, Buffer.alloc(IFINFO_LEN), [SKIP_STATS]);
  return links.flatMap((body) => tapLinkIn(body) ?? []);
}

/** Gives it an alias. At most 255 bytes. */
export function setMark(ifindex: number, name: string, mark: string): void {
  const header = Buffer.alloc(IFINFO_LEN);
  header.writeInt32LE(ifindex, IFI_INDEX);
  ask(`set alias of ${name}`, RTM_NEWLINK, NLM_F_ACK, header, [[IFLA_IFALIAS, Buffer.from(mark)]]);
}

const SKIP_STATS: Attribute = [IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS)];

/** Of the body of a message about a link; null: it is no TAP. */
export function tapLinkIn(body: Buffer): TapLink | null {
  if (body.length < IFINFO_LEN) return null;
  const attributes = body.subarray(IFINFO_LEN);
  const info = attribute(attributes, IFLA_LINKINFO) ?? Buffer.alloc(0);
  const data = attribute(info, IFLA_INFO_DATA);
  if (textOf(attribute(info, IFLA_INFO_KIND)) !== 'tun' || data === null) return null;
  if (attribute(data, IFLA_TUN_TYPE)?.[0] !== TUN_TYPE_TAP) return null;
  const mac = attribute(attributes, IFLA_ADDRESS);
  const hasCarrier = attribute(attributes, IFLA_CARRIER)?.[0] === 1;
  const queues = attribute(data, IFLA_TUN_NUM_QUEUES);
  const disabled = attribute(data, IFLA_TUN_NUM_DISABLED_QUEUES);
  return {
    ifindex: body.readInt32LE(IFI_INDEX),
    name: textOf(attribute(attributes, IFLA_IFNAME)),
    mac: mac?.length === MAC_LEN ? (mac.toString('hex').match(/../g) as string[]).join(':') : '',
    mtu: attribute(attributes, IFLA_MTU)?.readUInt32LE() ?? 0,
    isUp: (body.readUInt32LE(IFI_FLAGS) & IFF_UP) !== 0,
    hasCarrier,
    isBridgePort: BRIDGES.has(textOf(attribute(info, IFLA_INFO_SLAVE_KIND))),
    isHeld: queues && disabled ? queues.readUInt32LE() + disabled.readUInt32LE() > 0 : hasCarrier,
    mark: textOf(attribute(attributes, IFLA_IFALIAS)),
  };
}

function textOf(value: Buffer | null): string {
  return value === null ? '' : cString(value, 0, value.length);
}
