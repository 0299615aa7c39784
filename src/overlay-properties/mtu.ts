/** The MTU of an overlay: what the underlay leaves of its own. All figures are bytes of an IP packet. */
import { ipFamily } from '../address.js';
import { mtuDoesNotFit, underlayTooSmall } from '../errors.js';

export const MTU_MIN = 576;
/** Leaves room for the tunnel's headers on an underlay of 9000. */
export const MTU_MAX = 8900;
/** When the underlay's MTU is not known. */
export const MTU_DEFAULT = 1400;
/** Bytes around an inner frame's payload: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40. */
const OVERHEAD = { 4: 50, 6: 70 } as const;
const TAG = 4;

/** What bounds the MTU of an overlay. */
export interface Underlay {
  readonly mtu: number;
  readonly interface: string;
  /** The listen address, which the interface has, or an address that datagrams leave for by the interface. */
  readonly ip: string;
  readonly isListenAddress: boolean;
}

/** The largest MTU an overlay may have over this underlay; null: it is not known. */
export function largestMtu(underlay: Underlay | null, listenIp: string): number {
  return underlay === null ? MTU_MAX : Math.min(MTU_MAX, underlay.mtu - OVERHEAD[ipFamily(listenIp)]);
}

export function defaultMtu(underlay: Underlay | null, listenIp: string): number {
  return underlay === null ? MTU_DEFAULT : Math.max(MTU_MIN, largestMtu(underlay, listenIp));
}

/** Bytes of the IP packet that carries a frame as long as the MTU allows. */
export function outerLength(mtu: number, listenIp: string): number {
  return mtu + OVERHEAD[ipFamily(listenIp)];
}

/**
 * The largest MTU of what is sent with one VLAN tag in an overlay of this MTU: by default a tag has no room of its own
 * (docs/decisions/0016-tags-have-no-room.md). Null: it is not known.
 */
export function taggedMtu(mtu: number, underlay: Underlay | null, listenIp: string): number | null {
  return underlay === null ? null : Math.min(mtu, underlay.mtu - OVERHEAD[ipFamily(listenIp)] - TAG);
}

/** Refuses an MTU that does not fit, naming the largest that does. */
export function checkMtu(mtu: number, underlay: Underlay | null, listenIp: string): void {
  if (underlay === null) return;
  const largest = largestMtu(underlay, listenIp);
  if (largest < MTU_MIN)
    throw underlayTooSmall(whereOf(underlay), underlay.mtu, MTU_MIN + OVERHEAD[ipFamily(listenIp)]);
  if (mtu > largest) throw mtuDoesNotFit(mtu, whereOf(underlay), underlay.mtu, largest);
}

function whereOf({ interface: name, ip, isListenAddress }: Underlay): string {
  return isListenAddress ? `interface ${name}, which has ${ip},` : `interface ${name}, by which ${ip} is reached,`;
}
