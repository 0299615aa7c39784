/** The MTU of an overlay: what the underlay leaves of its own. All figures are bytes of an IP packet. */
import type { Endpoint } from '../address.js';
import { outerOverhead } from '../encapsulations.js';
import { mtuDoesNotFit, underlayTooSmall } from '../errors.js';

export const MTU_MIN = 576;
/** Leaves room for the tunnel's headers on an underlay of 9000. */
export const MTU_MAX = 8900;
/** When the underlay's MTU is not known. */
export const MTU_DEFAULT = 1400;
/** Bytes of an inner frame before its payload. */
const ETHERNET = 14;
const TAG = 4;

const overhead = (listen: Endpoint): number => outerOverhead(listen) + ETHERNET;

/** What bounds the MTU of an overlay. */
export interface Underlay {
  readonly mtu: number;
  readonly interface: string;
  /** The listen address, which the interface has, or an address that datagrams leave for by the interface. */
  readonly ip: string;
  readonly isListenAddress: boolean;
}

/** The largest MTU an overlay may have over this underlay; null: it is not known. */
export function largestMtu(underlay: Underlay | null, listen: Endpoint): number {
  return underlay === null ? MTU_MAX : Math.min(MTU_MAX, underlay.mtu - overhead(listen));
}

export function defaultMtu(underlay: Underlay | null, listen: Endpoint): number {
  return underlay === null ? MTU_DEFAULT : Math.max(MTU_MIN, largestMtu(underlay, listen));
}

/** Bytes of the IP packet that carries a frame as long as the MTU allows. */
export function outerLength(mtu: number, listen: Endpoint): number {
  return mtu + overhead(listen);
}

/**
 * The largest MTU of what is sent with one VLAN tag in an overlay of this MTU: by default a tag has no room of its own
 * (docs/decisions/0016-tags-have-no-room.md). Null: it is not known.
 */
export function taggedMtu(mtu: number, underlay: Underlay | null, listen: Endpoint): number | null {
  return underlay === null ? null : Math.min(mtu, underlay.mtu - overhead(listen) - TAG);
}

/** Refuses an MTU that does not fit, naming the largest that does. */
export function checkMtu(mtu: number, underlay: Underlay | null, listen: Endpoint): void {
  if (underlay === null) return;
  const largest = largestMtu(underlay, listen);
  if (largest < MTU_MIN) throw underlayTooSmall(whereOf(underlay), underlay.mtu, MTU_MIN + overhead(listen));
  if (mtu > largest) throw mtuDoesNotFit(mtu, whereOf(underlay), underlay.mtu, largest);
}

function whereOf({ interface: name, ip, isListenAddress }: Underlay): string {
  return isListenAddress ? `interface ${name}, which has ${ip},` : `interface ${name}, by which ${ip} is reached,`;
}
