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
import { decapAhead, decapBegin, decapLooksAhead, decapSettle } from '../../datapath/decap';
import { upcallNotify } from '../../datapath/upcall';
import { beginPass, w } from '../../datapath/worker';
import { socketOwner } from '../../table/records';
import { address, arrivalOf, attachControl, clearMessages, iovec, joinedSize, message, saidOf } from '../descriptors';
import { datagramsOf, decapMessage, isResumed } from '../intake';

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
  let index = from;
  const owner = socketOwner(socket);
  decapBegin(owner);
  while (index < count && decapReceived(index, owner)) index++;
  decapSettle();
  upcallNotify();
  return index;
}

// How many messages to ask for: what a cache holds, by the size of those that came last. Large ones are better taken a
// few at a time, sent on while they are in the cache, and received into the same slots again.
export function receiveWanted(): u32 {
  return wanted;
}

// For the books, should one of them trap.
function countLeft(count: u32): void {
  const isAhead = decapLooksAhead();
  let left: u32 = 0;
  let bytes: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const len = load<u32>(headerOf(index), MSG_LEN);
    left += datagramsOf(len, joinedSize(saidIn(index)));
    bytes += len;
    if (isAhead) decapAhead(slotOf(index));
  }
  store<u32>(w(), left, W_DATAGRAMS_LEFT);
  wanted = bytes > count * LARGE ? FEW : RX_MAX;
}

@inline
function saidIn(index: u32): u64 {
  return saidOf(controlOf(index), load<u64>(headerOf(index), MSG_CONTROLLEN));
}

@inline
function decapReceived(index: u32, socket: u32): bool {
  const header = headerOf(index);
  const isCut = (load<u32>(header, MSG_FLAGS) & MSG_TRUNC) != 0;
  const said = saidIn(index);
  arriveWith(arrivalOf(said));
  const len = load<u32>(header, MSG_LEN);
  if (!decapMessage(slotOf(index), len, joinedSize(said), isCut, socket, nameOf(index))) return false;
  store<u64>(header, CONTROL_SIZE, MSG_CONTROLLEN); // the kernel wrote there what it used
  store<u32>(header, EP_SOCKADDR_MAX, MSG_NAMELEN); // and there
  return true;
}
