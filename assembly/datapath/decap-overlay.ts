// The overlay of the last datagram that passed step 2 of decap.ts, and what it was found by: datagrams come in runs of
// one overlay.

import { Drop, OVL_FLAGS, OVL_FLAG_LIVE } from '../layout';
import { overlayAt } from '../table/records';
import { overlayOfVni } from '../table/vnis';
import { tunnelHeader, tunnelIsControl, tunnelRefusal, tunnelVni } from '../wire/tunnel';
import { checkSources } from './source-check';
import { kindOf, refusedHeader } from './tunnel-header';
import { currentPass } from './worker';

let overlay: u32 = 0; // 0: there is none
let header: u64 = 0;
let owner: u32 = 0; // its socket
let isControl: bool = false; // it said that it is for this VTEP itself
let pass: u32 = 0;
let found: u32 = 0; // how often one was found

/** The overlay in hand. */
@inline
export function decapOverlay(): u32 {
  return overlay;
}

/** Whether its datagrams say that they are for this VTEP itself. */
@inline
export function decapIsControl(): bool {
  return isControl;
}

/** The header of its datagrams, as one word. */
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
  const isOfLast = (tunnelHeader(datagram) == header) & (socket == owner) & (pass == currentPass());
  return isOfLast ? Drop.none : findOverlay(datagram, socket);
}

function findOverlay(datagram: usize, socket: u32): Drop {
  overlay = 0;
  pass = 0; // of no call
  const kind = kindOf(socket);
  const wrong = tunnelRefusal(kind, datagram);
  if (wrong != Drop.none) return wrong;
  const its = overlayOfVni(socket, tunnelVni(datagram));
  const record = overlayAt(its);
  const flags = load<u32>(record, OVL_FLAGS);
  if (its == 0 || !(flags & OVL_FLAG_LIVE)) return Drop.unknown_vni;
  const refused = refusedHeader(kind, datagram, record);
  if (refused != Drop.none) return refused;
  overlay = its;
  header = tunnelHeader(datagram);
  isControl = tunnelIsControl(kind, datagram);
  owner = socket;
  pass = currentPass();
  found++;
  checkSources(flags, socket);
  return Drop.none;
}
