// Where a message of a socket becomes frames, whichever engine asked for it: it is a datagram, or several that UDP_GRO
// joined.

import { RECEIVED_AT, RECEIVED_FROM, RECEIVED_LEN, RECEIVED_SIZE } from '../layout';
import { arriveWith } from '../datapath/arrival';
import { decapDatagram, decapJoined, decapOther } from '../datapath/decap';
import { decapAhead, decapOrdinary } from '../datapath/decap-ordinary';
import { groMessage, joinDatagrams, openWhole } from '../datapath/gro-message';
import { outHasRoom } from '../datapath/output-list';
import { ipHeaderBefore, isBehindIp } from '../datapath/tunnel-header';

// Bytes of the message whose datagrams were taken: kept between calls, as the engine comes again with the same message
// when the list that was full has been sent.
let taken: u32 = 0;

// No message is in hand.
export function intakeStart(): void {
  taken = 0;
}

// Datagrams that a message of `len` bytes joins.
@inline
export function datagramsOf(len: u32, joined: u32): u32 {
  return joined == 0 || len <= joined ? 1 : (len + joined - 1) / joined;
}

// Whether the message in hand has been taken in part.
@inline
export function isResumed(): bool {
  return taken != 0;
}

// The messages of records `first` to `end` (datapath/received.ts), each one whole datagram that came neither in
// fragments nor with a congestion mark. Answers the first not taken: there was no room in the output list.
export function decapReceived(first: usize, end: usize, socket: u32): usize {
  if (isBehindIp(socket)) skipIpHeaders(first, end);
  decapAhead(first, end);
  arriveWith(0);
  let at = decapOrdinary(first, end, socket, true);
  while (at < end && outHasRoom()) {
    decapOther(at, false, socket);
    at = decapOrdinary(at + RECEIVED_SIZE, end, socket, true);
  }
  return at;
}

// A message of `len` bytes: datagrams of `joined` bytes and a last one that may be shorter, or one datagram with a UDP
// super-frame in it, of segments of that size; 0: it is one datagram. `from`: the struct sockaddr of its sender.
// False: there was no room in the output list; what was taken is not taken again by the next call.
@inline
export function decapMessage(at: usize, len: u32, joined: u32, isCut: bool, socket: u32, from: usize): bool {
  if (isBehindIp(socket)) {
    const before = ipHeaderBefore(at, len, from);
    return decapDatagram(at + before, len - before, isCut, socket, from, true);
  }
  if (joined == 0 || len <= joined) return decapDatagram(at, len, isCut, socket, from, true);
  return decapDatagrams(at, len, joined, isCut, socket, from);
}

// Makes the records from `first` to `end` those of what is behind the IP headers.
function skipIpHeaders(first: usize, end: usize): void {
  for (let at = first; at < end; at += RECEIVED_SIZE) {
    const datagram = load<u32>(at, RECEIVED_AT);
    const len = load<u32>(at, RECEIVED_LEN);
    const before = ipHeaderBefore(datagram, len, load<u32>(at, RECEIVED_FROM));
    store<u32>(at, datagram + before, RECEIVED_AT);
    store<u32>(at, len - before, RECEIVED_LEN);
  }
}

// A message of more than one.
function decapDatagrams(at: usize, len: u32, size: u32, isCut: bool, socket: u32, from: usize): bool {
  do {
    if (!outHasRoom()) return false;
    if (taken == 0 && !isCut && openWhole(groMessage(), at, len, size, socket)) {
      decapJoined(at, groMessage(), datagramsOf(len, size), socket, from);
      return true;
    }
    const rest = len - taken;
    const count = isCut ? 1 : joinDatagrams(groMessage(), at + taken, rest, size, socket);
    if (count > 1) decapJoined(at + taken, groMessage(), count, socket, from);
    else decapDatagram(at + taken, min(size, rest), isCut && rest <= size, socket, from, taken == 0);
    taken += count * size;
  } while (taken < len);
  taken = 0;
  return true;
}
