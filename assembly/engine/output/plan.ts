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
  OUT_SIZE,
  OUT_VNET,
  W_OUT_COUNT,
  W_OUT_EMITTED,
  W_OUT_PLANNED,
} from '../../layout';
import { coalesce, coalesceBegin, coalesceEnd } from './gro-list';
import { isCapturing } from '../../datapath/capture';
import { kindsOf } from '../../offload/gro';
import { outAt, outForget, outIsAlone, outIsPlain } from '../../datapath/output';
import { w } from '../../datapath/worker';
import { VNET_GSO_NONE, vnetGsoType } from '../../wire/virtio';
import { deliveriesBegin, deliveriesEnd, emitAlone, emitDelivery } from './tap-writes';
import { settleDoubt } from './doubt';
import { chain, chainClose, chainsBegin, chainsStart } from './gso-chains';
import { mirrorList } from './mirror';
import { emitTunnel, isTunnel, planTunnel, tunnelIsWanted, tunnelStart } from './tunnel-writes';
import { emitChain, emitLone, emitSegments, maySegment, messagesBegin, messagesEnd, messagesStart } from './messages';

// Writes what never changes in the descriptors, and forgets what an instance before this one had listed.
export function outputStart(): void {
  messagesStart();
  chainsStart();
  tunnelStart();
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
  const first = outAt(load<u32>(w() + W_OUT_EMITTED));
  const end = outAt(count);
  let out = first;
  while (out < end && emitEntry(out)) out += OUT_SIZE;
  store<u32>(w() + W_OUT_EMITTED, load<u32>(w() + W_OUT_EMITTED) + <u32>(out - first) / OUT_SIZE);
  const emitted = messagesEnd() + deliveriesEnd();
  if (emitted == 0) {
    if (isCapturing()) mirrorList(count);
    forgetList();
  }
  return emitted;
}

function plan(count: u32): void {
  chainsBegin();
  coalesceBegin();
  const byTap = tunnelIsWanted();
  let overlay: u32 = 0; // whose datagrams may share a send, or not
  let mayShare = false;
  let owner: u32 = 0; // whose VNICs take super-frames of these kinds
  let kinds: u32 = 0;
  const end = outAt(count);
  for (let out = outAt(0); out < end; out += OUT_SIZE) {
    const its = <u32>load<u16>(out, OUT_OVERLAY);
    if (load<u32>(out, OUT_ENDPOINT) == 0) {
      if (its != owner) kinds = kindsOf(its);
      owner = its;
      coalesce(out, kinds);
    } else if (!byTap || !planTunnel(out)) {
      if (its != overlay) mayShare = maySegment(out);
      overlay = its;
      if (mayShare && !isSuper(out)) chain(out);
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
@inline
function emitEntry(out: usize): bool {
  if (load<u32>(out, OUT_ENDPOINT) == 0) return outIsAlone(out) ? emitAlone(out) : emitRun(out);
  return outIsPlain(out) ? emitLone(out) : emitOther(out);
}

@inline
function isJoined(out: usize): bool {
  return load<u32>(out, OUT_JOINED) != 0;
}

@inline
function isSettled(out: usize): bool {
  return load<u32>(out, OUT_SETTLED) == load<u32>(out, OUT_FRAMES);
}

// What is more than one frame to a VNIC, or less.
function emitRun(out: usize): bool {
  return isJoined(out) || isSettled(out) || emitDelivery(out);
}

// What is more than one datagram to an endpoint, or less.
function emitOther(out: usize): bool {
  if (isJoined(out) || isSettled(out)) return true;
  if (isTunnel(out)) return emitTunnel(out);
  return isSuper(out) ? emitSegments(out) : emitChain(out);
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
