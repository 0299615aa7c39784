// The output list as descriptors, in two steps:
//
//  1. plan     once per list: what leaves together (gso-chains.ts for the underlay, gro-list.ts for VNICs), and what by
//              the underlay TAP (tunnel-writes.ts)
//  2. emit     messages (messages.ts) and writes (tap-writes.ts), as many as there is room for
//
// The host makes the calls, tells what became of each (accounting.ts), and calls again until nothing is left: entries
// for which there was no room, and those that the kernel would only take one by one.

import {
  OUT_ENDPOINT,
  OUT_FRAMES,
  OUT_JOINED,
  OUT_NEXT,
  OUT_OVERLAY,
  OUT_SETTLED,
  OUT_VNET,
  W_DELIVER_COUNT,
  W_OUT_COUNT,
  W_OUT_EMITTED,
  W_OUT_PLANNED,
  W_TX_COUNT,
} from '../../layout';
import { coalesce, coalesceBegin, coalesceEnd } from './gro-list';
import { kindsOf } from '../../offload/gro';
import { outAt, outForget } from '../../datapath/output';
import { w } from '../../datapath/worker';
import { VNET_GSO_NONE, vnetGsoType } from '../../wire/virtio';
import { deliveriesBegin, emitDelivery } from './tap-writes';
import { settleDoubt } from './doubt';
import { chain, chainClose, chainsBegin } from './gso-chains';
import { emitTunnel, isTunnel, planTunnel, tunnelIsWanted } from './tunnel-writes';
import { emitChain, emitSegments, maySegment, messagesBegin, messagesStart } from './messages';

// Writes what never changes in the descriptors, and forgets what an instance before this one had listed.
export function outputStart(): void {
  messagesStart();
  forgetList();
}

function forgetList(): void {
  outForget();
  store<u32>(w() + W_OUT_PLANNED, 0);
  settleDoubt();
}

// Answers how many descriptors there are: W_TX_COUNT messages and W_DELIVER_COUNT writes. 0: all is settled.
export function prepare(): u32 {
  const count = load<u32>(w() + W_OUT_COUNT);
  if (count == 0) return 0;
  if (load<u32>(w() + W_OUT_PLANNED) == 0) plan(count);
  messagesBegin();
  deliveriesBegin();
  let index = load<u32>(w() + W_OUT_EMITTED);
  while (index < count && emitEntry(index)) index++;
  store<u32>(w() + W_OUT_EMITTED, index);
  const emitted = load<u32>(w() + W_TX_COUNT) + load<u32>(w() + W_DELIVER_COUNT);
  if (emitted == 0) forgetList();
  return emitted;
}

function plan(count: u32): void {
  chainsBegin();
  coalesceBegin();
  const byTap = tunnelIsWanted();
  let overlay: u32 = 0; // whose datagrams may share a send, or not
  let mayShare = false;
  for (let index: u32 = 0; index < count; index++) {
    const out = outAt(index);
    const its = load<u32>(out, OUT_OVERLAY);
    if (load<u32>(out, OUT_ENDPOINT) == 0) {
      coalesce(index, kindsOf(its));
    } else if (!byTap || !planTunnel(out)) {
      if (its != overlay) mayShare = maySegment(out);
      overlay = its;
      if (mayShare && !isSuper(out)) chain(index, out);
      else chainClose(out);
    }
  }
  coalesceEnd();
  store<u32>(w() + W_OUT_PLANNED, 1);
  store<u32>(w() + W_OUT_EMITTED, 0);
}

@inline
function isSuper(out: usize): bool {
  return vnetGsoType(out + OUT_VNET) != VNET_GSO_NONE;
}

// Whether the next entry may follow.
function emitEntry(index: u32): bool {
  const out = outAt(index);
  if (load<u32>(out, OUT_JOINED) || load<u32>(out, OUT_SETTLED) == load<u32>(out, OUT_FRAMES)) return true;
  if (load<u32>(out, OUT_ENDPOINT) == 0) return emitDelivery(index, out);
  if (isTunnel(out)) return emitTunnel(index);
  return isSuper(out) ? emitSegments(index) : emitChain(index, out);
}

// The kernel will not cut messages for a socket: what has not left is planned anew, datagram by datagram.
export function planApart(): void {
  const count = load<u32>(w() + W_OUT_COUNT);
  for (let index: u32 = 0; index < count; index++) {
    const out = outAt(index);
    if (load<u32>(out, OUT_ENDPOINT) == 0 || isTunnel(out) || maySegment(out)) continue;
    store<u32>(out, 0, OUT_NEXT);
    store<u32>(out, 0, OUT_JOINED);
  }
  store<u32>(w() + W_OUT_EMITTED, 0);
}
