// The overlay of the last datagram that passed step 2 of decap.ts, and what it was found by: datagrams come in runs of
// one overlay.

import { Drop, OVL_FLAGS, OVL_FLAG_LIVE, OVL_FLAG_STRICT_HEADER, OVL_SOCKET } from '../layout';
import { overlayAt } from '../table/records';
import { overlayOfVni } from '../table/vnis';
import { vxlanHasVni, vxlanHeader, vxlanReservedBits, vxlanVni } from '../wire/vxlan';
import { checkSources } from './source-check';
import { currentPass } from './worker';

let overlay: u32 = 0; // 0: there is none
let header: u64 = 0;
let owner: u32 = 0; // its socket
let pass: u32 = 0;
let found: u32 = 0; // how often one was found

/** The overlay in hand. */
@inline
export function decapOverlay(): u32 {
  return overlay;
}

/** The VXLAN header of its datagrams, as one word. */
@inline
export function decapHeader(): u64 {
  return header;
}

/** Another number whenever the overlay in hand was found anew: what was remembered with an older one is not of it. */
@inline
export function decapFound(): u32 {
  return found;
}

/**
 * Step 2, of a datagram that holds the header. Drop.none: its overlay is in hand; else why it is refused, and none is
 * in hand. One whose header is the last one's, byte by byte, is of the same overlay.
 */
@inline
export function takeOverlay(datagram: usize, socket: u32): Drop {
  const isOfLast = (vxlanHeader(datagram) == header) & (socket == owner) & (pass == currentPass());
  return isOfLast ? Drop.none : findOverlay(datagram, socket);
}

function findOverlay(datagram: usize, socket: u32): Drop {
  overlay = 0;
  pass = 0; // of no call
  if (!vxlanHasVni(datagram)) return Drop.bad_vxlan_header;
  const its = overlayOfVni(vxlanVni(datagram));
  const record = overlayAt(its);
  const flags = load<u32>(record, OVL_FLAGS);
  if (its == 0 || !(flags & OVL_FLAG_LIVE) || load<u32>(record, OVL_SOCKET) != socket) return Drop.unknown_vni;
  if (flags & OVL_FLAG_STRICT_HEADER && vxlanReservedBits(datagram)) return Drop.reserved_bits;
  overlay = its;
  header = vxlanHeader(datagram);
  owner = socket;
  pass = currentPass();
  found++;
  checkSources(flags, socket);
  return Drop.none;
}
