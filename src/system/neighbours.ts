/** The kernel's neighbour tables (ARP and neighbour discovery), in the thread's namespace (rtnetlink(7)). */
import { ipFromBytes } from '../address.js';
import { askAll, attribute } from './netlink.js';

//  struct ndmsg:      0        4         8       10      11
//                    | family | ifindex | state | flags | type |
const NDM_IFINDEX = 4;
const NDM_STATE = 8;
const NDMSG_LEN = 12;
const RTM_GETNEIGH = 30;
const NDA_DST = 1;

/** As ip-neighbour(8) has them. */
const STATES: Readonly<Record<number, string>> = {
  1: 'INCOMPLETE',
  2: 'REACHABLE',
  4: 'STALE',
  8: 'DELAY',
  16: 'PROBE',
  32: 'FAILED',
  64: 'NOARP',
  128: 'PERMANENT',
};

export interface Neighbour {
  readonly ifindex: number;
  /** Canonical. */
  readonly ip: string;
  /** `REACHABLE`, `FAILED`, …; `NONE`: the kernel has none for it. */
  readonly state: string;
}

/** All of them, of both families. */
export function neighbours(): Neighbour[] {
  return askAll('list the neighbours', RTM_GETNEIGH, Buffer.alloc(NDMSG_LEN), []).flatMap((body) => {
    const destination = body.length < NDMSG_LEN ? null : attribute(body.subarray(NDMSG_LEN), NDA_DST);
    if (destination === null || (destination.length !== 4 && destination.length !== 16)) return [];
    const state = STATES[body.readUInt16LE(NDM_STATE)] ?? 'NONE';
    return [{ ifindex: body.readInt32LE(NDM_IFINDEX), ip: ipFromBytes(destination), state }];
  });
}
