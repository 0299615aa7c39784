// Datagrams from an underlay socket (mmsg engine): recvmmsg fills the slots, each with one datagram or with several
// that UDP_GRO joined.

import {
  CONTROL_SIZE,
  EP_SOCKADDR_MAX,
  IOVEC_SIZE,
  MMSGHDR_SIZE,
  MSG_CONTROLLEN,
  MSG_FLAGS,
  MSG_LEN,
  MSG_NAME,
  MSG_NAMELEN,
  RECEIVED_SIZE,
  RX_MAX,
  RX_NAME_SIZE,
  RX_SLOT_SIZE,
  W_DATAGRAMS_LEFT,
  W_RX_CONTROL,
  W_RX_IOV,
  W_RX_MMSG,
  W_RX_NAMES,
  W_RX_SLOTS,
} from '../../layout';
import { arriveWith } from '../../datapath/arrival';
import { receivedAt, receivedPut } from '../../datapath/received';
import { upcallNotify } from '../../datapath/upcall';
import { beginPass, w } from '../../datapath/worker';
import { socketOwner } from '../../table/records';
import {
  address,
  arrivalOf,
  attachControl,
  clearMessages,
  iovec,
  joinedSize,
  message,
  saidOf,
  saysMore,
  tosKind,
} from '../descriptors';
import { datagramsOf, decapMessage, decapReceived, isResumed } from '../intake';

const MSG_TRUNC: u32 = 0x20;

const LARGE: u32 = 8192; // bytes; a mean above it makes the messages large
const FEW: u32 = 2;

let wanted: u32 = RX_MAX;

@inline
function headerOf(index: u32): usize {
  return w() + W_RX_MMSG + <usize>index * MMSGHDR_SIZE;
}

@inline
function controlOf(index: u32): usize {
  return w() + W_RX_CONTROL + <usize>index * CONTROL_SIZE;
}

// The struct sockaddr of where it came from.
@inline
function nameOf(index: u32): usize {
  return w() + W_RX_NAMES + <usize>index * RX_NAME_SIZE;
}

@inline
function slotOf(index: u32): usize {
  return w() + W_RX_SLOTS + <usize>index * RX_SLOT_SIZE;
}

export function receiveStart(): void {
  clearMessages(w() + W_RX_MMSG, RX_MAX);
  for (let index: u32 = 0; index < <u32>RX_MAX; index++) {
    const vector = w() + W_RX_IOV + <usize>index * IOVEC_SIZE;
    iovec(vector, slotOf(index), RX_SLOT_SIZE);
    message(headerOf(index), vector, 1);
    attachControl(headerOf(index), controlOf(index), CONTROL_SIZE);
    store<u64>(headerOf(index), address(nameOf(index)), MSG_NAME);
    store<u32>(headerOf(index), EP_SOCKADDR_MAX, MSG_NAMELEN);
  }
}

// Messages `from` to `count` of those received on a socket. Answers the first not taken: send, then call again.
export function decapBatch(socket: u32, from: u32, count: u32): u32 {
  beginPass();
  if (from == 0 && !isResumed()) countLeft(count);
  const owner = socketOwner(socket);
  let index = from;
  while (index < count) {
    const end = recordPlain(index, count);
    const taken = end == receivedAt(0) ? takeOther(index, owner) : index + takePlain(end, owner);
    if (taken == index) break;
    for (; index < taken; index++) renew(headerOf(index));
  }
  upcallNotify();
  return index;
}

// The records of those from `from` on, up to `count`, that are one datagram of which nothing has to be known but where
// it is.
function recordPlain(from: u32, count: u32): usize {
  const kind = tosKind(controlOf(from));
  let end = receivedAt(0);
  for (let index = from; index < count && isPlain(index, kind); index++) {
    end = receivedPut(end, slotOf(index), load<u32>(headerOf(index), MSG_LEN), nameOf(index));
  }
  return end;
}

@inline
function isPlain(index: u32, kind: u64): bool {
  return saysMore(controlOf(index), load<u64>(headerOf(index), MSG_CONTROLLEN), kind) == 0 && !isCut(index);
}

// Answers how many of the records before `end` were taken.
function takePlain(end: usize, owner: u32): u32 {
  return <u32>(decapReceived(receivedAt(0), end, owner) - receivedAt(0)) / RECEIVED_SIZE;
}

// Answers the next one, or the same if it was not taken.
function takeOther(index: u32, owner: u32): u32 {
  const said = saidIn(index);
  const len = load<u32>(headerOf(index), MSG_LEN);
  arriveWith(arrivalOf(said));
  return index + <u32>decapMessage(slotOf(index), len, joinedSize(said), isCut(index), owner, nameOf(index));
}

// The kernel wrote there what it used.
@inline
function renew(header: usize): void {
  store<u64>(header, CONTROL_SIZE, MSG_CONTROLLEN);
  store<u32>(header, EP_SOCKADDR_MAX, MSG_NAMELEN);
}

// How many messages to ask for: what a cache holds, by the size of those that came last. Large ones are better taken a
// few at a time, sent on while they are in the cache, and received into the same slots again.
export function receiveWanted(): u32 {
  return wanted;
}

// For the books, should one of them trap.
function countLeft(count: u32): void {
  let left: u32 = 0;
  let bytes: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const len = load<u32>(headerOf(index), MSG_LEN);
    left += datagramsOf(len, joinedSize(saidIn(index)));
    bytes += len;
  }
  store<u32>(w(), left, W_DATAGRAMS_LEFT);
  wanted = bytes > count * LARGE ? FEW : RX_MAX;
}

@inline
function saidIn(index: u32): u64 {
  return saidOf(controlOf(index), load<u64>(headerOf(index), MSG_CONTROLLEN));
}

@inline
function isCut(index: u32): bool {
  return (load<u32>(headerOf(index), MSG_FLAGS) & MSG_TRUNC) != 0;
}
