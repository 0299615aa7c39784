// Replication: a broadcast or multicast frame is copied to the VNICs of its overlay on this host.
//
// A copy is a write to a TAP, and a thousand of them take the kernel milliseconds. So a turn makes COPIES_MAX at most:
//
//  1. at once     where the turn may still make as many copies as the frame needs, and none of its sender waits
//  2. waiting     else the frame is kept. Later turns begin with copies of what waits: the senders take turns of
//                 QUANTUM copies, and the frames of one sender keep their order
//  3. full        a frame that may not wait gets no copies, which counts as one copy, dropped as replication_full
//
// What happens to the frame beside (the flood list, a proxy, its own delivery) waits for none of this.
//
// Indexes of overlays and VNICs are given out again while frames wait. So what waits names the incarnation of its
// overlay and its sender, and who gets the next copy is found in the table of VNICs, by their numbers.

import {
  COPIES_MAX,
  Drop,
  OVERLAYS_MAX,
  OVL_FIRST_VNIC,
  OVL_FLAGS,
  OVL_FLAG_LIVE,
  OVL_INCARNATION,
  QUEUE_COUNT,
  QUEUE_HEAD,
  QUEUE_LARGE,
  QUEUE_NEXT,
  QUEUE_SIZE,
  QUEUE_TAIL,
  REPLICA_BUT,
  REPLICA_BYTES,
  REPLICA_CURSOR,
  REPLICA_FRAME,
  REPLICA_FRAMES,
  REPLICA_LEN,
  REPLICA_NEXT,
  REPLICA_OVERLAY,
  REPLICA_OVERLAY_INCARNATION,
  REPLICA_SENDER,
  REPLICA_SENDER_INCARNATION,
  REPLICA_VNET,
  VNICS_MAX,
  VNIC_FLAGS,
  VNIC_INCARNATION,
  VNIC_NEXT,
  VNIC_OVERLAY,
  W_COPIES_LEFT,
  W_REPLICAS,
  W_REPLICA_QUEUES,
  W_REPLICA_SMALL,
  W_REPLICA_TURN,
} from '../layout';
import { overlayAt, vnicAt } from '../table/records';
import { vnetCopy } from '../wire/virtio';
import { countCopy, drop } from './counters';
import { Frame, takeFrame } from './frame';
import { outDeliver } from './output';
import { outHasRoom } from './output-list';
import { isSmall, slotAt, slotFree, slotTake } from './replica-slots';
import { w } from './worker';

const QUANTUM: u32 = 32; // copies of one sender before the next has its turn

@inline
function waiting(): u32 {
  return load<u32>(w() + W_REPLICAS);
}

// That this turn may make.
@inline
function copiesLeft(): u32 {
  return load<u32>(w() + W_COPIES_LEFT);
}

@inline
function queueAt(queue: u32): usize {
  return w() + W_REPLICA_QUEUES + <usize>queue * QUEUE_SIZE;
}

@inline
function queueOf(overlay: u32, sender: u32): u32 {
  return sender != 0 ? sender : <u32>VNICS_MAX + overlay;
}

// Whether there are copies to make, which no event will announce.
export function isReplicating(): bool {
  return waiting() != 0;
}

// Every VNIC of the overlay but one gets a copy of the frame, which is complete. `sender`: the VNIC that it came from,
// 0: the underlay.
export function replicate(frame: Frame, overlay: u32, sender: u32, but: u32): void {
  if (firstOf(overlay) == but && nextOf(but) == 0) return;
  const isBehind = load<u16>(queueAt(queueOf(overlay, sender)), QUEUE_COUNT) != 0;
  if (isBehind || !fitsTurn(overlay)) return keep(frame, overlay, sender, but);
  for (let vnic = firstOf(overlay); vnic != 0; vnic = nextOf(vnic)) {
    if (vnic != but) copy(frame, overlay, vnic, sender);
  }
}

@inline
function firstOf(overlay: u32): u32 {
  return load<u32>(overlayAt(overlay), OVL_FIRST_VNIC);
}

@inline
function nextOf(vnic: u32): u32 {
  return load<u32>(vnicAt(vnic), VNIC_NEXT);
}

@inline
function copy(frame: Frame, overlay: u32, vnic: u32, sender: u32): void {
  outDeliver(frame, overlay, vnic, sender);
  countCopy(frame);
  store<u32>(w() + W_COPIES_LEFT, copiesLeft() - 1);
}

// Whether this turn may make a copy for each VNIC of the overlay.
function fitsTurn(overlay: u32): bool {
  let left = copiesLeft();
  for (let vnic = firstOf(overlay); vnic != 0; vnic = nextOf(vnic)) {
    if (left-- == 0) return false;
  }
  return true;
}

// Step 2: the frame waits behind those of its sender.
function keep(frame: Frame, overlay: u32, sender: u32, but: u32): void {
  const queue = queueAt(queueOf(overlay, sender));
  const large = load<u16>(queue, QUEUE_LARGE);
  const slot = slotTake(frame.len, load<u16>(queue, QUEUE_COUNT) - large, large);
  if (slot == 0) return giveUp(frame, Drop.replication_full, overlay, sender);
  const at = slotAt(slot);
  store<u32>(at, overlay, REPLICA_OVERLAY);
  store<u32>(at, load<u32>(overlayAt(overlay), OVL_INCARNATION), REPLICA_OVERLAY_INCARNATION);
  store<u32>(at, sender, REPLICA_SENDER);
  store<u32>(at, load<u32>(vnicAt(sender), VNIC_INCARNATION), REPLICA_SENDER_INCARNATION);
  store<u32>(at, but, REPLICA_BUT);
  store<u32>(at, 1, REPLICA_CURSOR);
  store<u32>(at, frame.len, REPLICA_LEN);
  store<u32>(at, frame.frames, REPLICA_FRAMES);
  store<u32>(at, frame.bytes, REPLICA_BYTES);
  vnetCopy(at + REPLICA_VNET, frame.vnet);
  memory.copy(at + REPLICA_FRAME, frame.start, frame.len);
  enqueue(queueOf(overlay, sender), slot);
}

function enqueue(queue: u32, slot: u32): void {
  const at = queueAt(queue);
  const count = load<u16>(at, QUEUE_COUNT);
  store<u32>(slotAt(slot), 0, REPLICA_NEXT);
  if (count == 0) store<u16>(at, <u16>slot, QUEUE_HEAD);
  else store<u32>(slotAt(load<u16>(at, QUEUE_TAIL)), slot, REPLICA_NEXT);
  store<u16>(at, <u16>slot, QUEUE_TAIL);
  store<u16>(at, count + 1, QUEUE_COUNT);
  if (!isSmall(slot)) store<u16>(at, load<u16>(at, QUEUE_LARGE) + 1, QUEUE_LARGE);
  store<u32>(w() + W_REPLICAS, waiting() + 1);
  if (count == 0) joinTurns(queue);
}

// The queues that are not empty stand in a circle. A new one has its turn after all others.
function joinTurns(queue: u32): void {
  const last = load<u32>(w() + W_REPLICA_TURN);
  const before = last == 0 ? queueAt(queue) : queueAt(last);
  const next: u16 = last == 0 ? <u16>queue : load<u16>(before, QUEUE_NEXT);
  store<u16>(queueAt(queue), next, QUEUE_NEXT);
  store<u16>(before, <u16>queue, QUEUE_NEXT);
  store<u32>(w() + W_REPLICA_TURN, queue);
}

// The head of a queue is done; `last` is the queue that had its turn before this one.
function dequeue(queue: u32, last: u32): void {
  const at = queueAt(queue);
  const slot = <u32>load<u16>(at, QUEUE_HEAD);
  const count = load<u16>(at, QUEUE_COUNT) - 1;
  store<u16>(at, <u16>load<u32>(slotAt(slot), REPLICA_NEXT), QUEUE_HEAD);
  store<u16>(at, count, QUEUE_COUNT);
  if (!isSmall(slot)) store<u16>(at, load<u16>(at, QUEUE_LARGE) - 1, QUEUE_LARGE);
  store<u32>(w() + W_REPLICAS, waiting() - 1);
  slotFree(slot);
  if (count != 0) return;
  store<u16>(queueAt(last), load<u16>(at, QUEUE_NEXT), QUEUE_NEXT);
  store<u32>(w() + W_REPLICA_TURN, last == queue ? 0 : last);
}

// A turn begins: copies of what waits, as many as it may make. There must be room in the output list.
export function replicateWaiting(): void {
  store<u32>(w() + W_COPIES_LEFT, COPIES_MAX);
  while (copiesLeft() != 0 && waiting() != 0 && outHasRoom()) {
    const last = load<u32>(w() + W_REPLICA_TURN);
    const queue = <u32>load<u16>(queueAt(last), QUEUE_NEXT);
    store<u32>(w() + W_REPLICA_TURN, queue);
    if (copyWaiting(load<u16>(queueAt(queue), QUEUE_HEAD))) dequeue(queue, last);
  }
}

// Up to QUANTUM copies of what waits in a slot. Whether it has all.
function copyWaiting(slot: u32): bool {
  const at = slotAt(slot);
  const overlay = load<u32>(at, REPLICA_OVERLAY);
  const sender = load<u32>(at, REPLICA_SENDER);
  const frame = frameIn(at);
  if (!isThere(at, overlay, sender)) {
    giveUp(frame, Drop.overlay_gone, 0, 0);
    return true;
  }
  const but = load<u32>(at, REPLICA_BUT);
  let left = min(QUANTUM, copiesLeft());
  for (let vnic = load<u32>(at, REPLICA_CURSOR); vnic < <u32>VNICS_MAX; vnic++) {
    const record = vnicAt(vnic);
    if (load<u32>(record, VNIC_OVERLAY) != overlay || load<u32>(record, VNIC_FLAGS) == 0 || vnic == but) continue;
    if (left-- == 0) {
      store<u32>(at, vnic, REPLICA_CURSOR);
      return false;
    }
    copy(frame, overlay, vnic, sender);
  }
  return true;
}

@inline
function frameIn(slot: usize): Frame {
  const bytes = load<u32>(slot, REPLICA_BYTES);
  const frames = load<u32>(slot, REPLICA_FRAMES);
  return takeFrame(slot + REPLICA_FRAME, load<u32>(slot, REPLICA_LEN), slot + REPLICA_VNET, frames, bytes);
}

// The overlay, and the VNIC that sent it.
function isThere(slot: usize, overlay: u32, sender: u32): bool {
  const record = overlayAt(overlay);
  if (load<u32>(record, OVL_INCARNATION) != load<u32>(slot, REPLICA_OVERLAY_INCARNATION)) return false;
  if (!(load<u32>(record, OVL_FLAGS) & OVL_FLAG_LIVE)) return false;
  if (sender == 0) return true;
  const isSame = load<u32>(vnicAt(sender), VNIC_INCARNATION) == load<u32>(slot, REPLICA_SENDER_INCARNATION);
  return isSame && load<u32>(vnicAt(sender), VNIC_FLAGS) != 0;
}

// The copies that a frame still lacks count as one, dropped.
@inline
function giveUp(frame: Frame, reason: Drop, overlay: u32, sender: u32): void {
  countCopy(frame);
  drop(frame, reason, overlay, sender);
}

// Nothing waits. What waited when an instance before this one trapped is lost, and counted.
export function replicationStart(): void {
  for (let queue: u32 = 0; queue < <u32>(VNICS_MAX + OVERLAYS_MAX) && waiting() != 0; queue++) {
    let slot = <u32>load<u16>(queueAt(queue), QUEUE_HEAD);
    for (let left = <u32>load<u16>(queueAt(queue), QUEUE_COUNT); left > 0 && slot != 0; left--) {
      giveUp(frameIn(slotAt(slot)), Drop.worker_restarted, 0, 0);
      slot = load<u32>(slotAt(slot), REPLICA_NEXT);
    }
  }
  memory.fill(w() + W_REPLICAS, 0, W_REPLICA_SMALL - W_REPLICAS);
}
