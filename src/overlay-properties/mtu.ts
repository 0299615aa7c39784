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

/** The largest MTU an overlay may have over this underlay; `underlay` is its MTU, null when it is not known. */
export function largestMtu(underlay: number | null, listenIp: string): number {
  return underlay === null ? MTU_MAX : Math.min(MTU_MAX, underlay - OVERHEAD[ipFamily(listenIp)]);
}

export function defaultMtu(underlay: number | null, listenIp: string): number {
  return underlay === null ? MTU_DEFAULT : Math.max(MTU_MIN, largestMtu(underlay, listenIp));
}

/** Refuses an MTU that does not fit, naming the largest that does. */
export function checkMtu(mtu: number, underlay: number | null, listenIp: string): void {
  const largest = largestMtu(underlay, listenIp);
  if (underlay !== null && largest < MTU_MIN) {
    throw underlayTooSmall(underlay, listenIp, MTU_MIN + OVERHEAD[ipFamily(listenIp)]);
  }
  if (mtu > largest) throw mtuDoesNotFit(mtu, underlay as number, listenIp, largest);
}
