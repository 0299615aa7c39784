// The output list as descriptors, in two steps:
//
//  1. plan     once per list: what leaves together for VNICs (gro-list.ts; for the underlay that was decided when it
//              was listed, datapath/gso-chains.ts), and what by the underlay TAP (tunnel-writes.ts)
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
import { chainsBegin, chainsStart } from '../../datapath/gso-chains';
import { coalesce, coalesceBegin, coalesceEnd } from './gro-list';
import { isCapturing } from '../../datapath/capture';
import { kindsOf } from '../../offload/gro';
import { outAt, outChain, outForget, outIsJoined, outMayJoin } from '../../datapath/output-list';
import { w } from '../../datapath/worker';
import { VNET_GSO_NONE, vnetGsoType } from '../../wire/virtio';
import { deliveriesBegin, deliveriesEnd, emitDelivery, emitWholes } from './tap-writes';
import { settleDoubt } from './doubt';
import { mirrorList } from './mirror';
import { emitTunnel, isTunnel, planTunnel, tunnelIsWanted, tunnelStart } from './tunnel-writes';
import { emitLones, messagesEnd } from './message-records';
import { emitChain, emitSegments, maySegment, messagesBegin, messagesStart } from './messages';

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
  while (out < end) {
    const next = isDelivery(out) ? emitWholes(out, end) : emitLones(out, end);
    if (next == out && !emitEntry(out)) break;
    out = next == out ? out + OUT_SIZE : next;
  }
  store<u32>(w() + W_OUT_EMITTED, load<u32>(w() + W_OUT_EMITTED) + <u32>(out - first) / OUT_SIZE);
  const emitted = messagesEnd() + deliveriesEnd();
  if (emitted == 0) {
    if (isCapturing()) mirrorList(count);
    forgetList();
  }
  return emitted;
}

// Nothing is left to plan where a list has neither frames for VNICs that may leave together nor what leaves by the
// underlay TAP: what else leaves together is known since it was listed.
function plan(count: u32): void {
  const byTap = tunnelIsWanted();
  if (byTap) planTunnels(outAt(0), outAt(count));
  if (outMayJoin()) planDeliveries(outAt(0), outAt(count));
  store<u32>(w() + W_OUT_PLANNED, 1);
  store<u32>(w() + W_OUT_EMITTED, 0);
}

let owner: u32 = 0; // whose VNICs take super-frames of these kinds
let kinds: u32 = 0;

function planDeliveries(first: usize, end: usize): void {
  coalesceBegin();
  owner = 0;
  for (let out = first; out < end; out += OUT_SIZE) {
    if (!isDelivery(out)) continue;
    const its = <u32>load<u16>(out, OUT_OVERLAY);
    if (its != owner) {
      owner = its;
      kinds = kindsOf(its);
    }
    coalesce(out, kinds);
  }
  coalesceEnd();
}

// The datagrams that do not leave by the TAP are chained anew.
function planTunnels(first: usize, end: usize): void {
  chainsBegin();
  for (let out = first; out < end; out += OUT_SIZE) {
    if (isDelivery(out)) continue;
    store<u32>(out, 0, OUT_NEXT);
    store<u32>(out, 0, OUT_JOINED);
    if (!planTunnel(out)) outChain(out);
  }
}

@inline
function isSuper(out: usize): bool {
  return vnetGsoType(out + OUT_VNET) != VNET_GSO_NONE;
}

@inline
function isDelivery(out: usize): bool {
  return load<u32>(out, OUT_ENDPOINT) == 0;
}

// Of what is not as most entries are: whether the next one may follow.
function emitEntry(out: usize): bool {
  if (outIsJoined(out) || isSettled(out)) return true;
  if (isDelivery(out)) return emitDelivery(out);
  if (isTunnel(out)) return emitTunnel(out);
  return isSuper(out) ? emitSegments(out) : emitChain(out);
}

@inline
function isSettled(out: usize): bool {
  return load<u32>(out, OUT_SETTLED) == load<u32>(out, OUT_FRAMES);
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
