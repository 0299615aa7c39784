// A message that the kernel would not cut for EINVAL. Kernels before 6.15 say that of datagrams that are too long for
// their path, too, which says nothing of the next message. So the list in hand goes on datagram by datagram: if one of
// them is refused for its length, that was it; if none is, the socket's messages are not cut any more.

import { W_GSO_REFUSED, W_GSO_SOCKET, W_NO_SEGMENT } from '../../layout';
import { w } from '../../datapath/worker';

let doubted: u32 = 0; // the socket, 0: none
let reason: i32 = 0; // the errno
let isTooLong: bool = false;

// Whether the list in hand goes datagram by datagram.
@inline
export function isInDoubt(): bool {
  return doubted != 0;
}

export function doubt(socket: u32, errno: i32): void {
  doubted = socket;
  reason = errno;
  isTooLong = false;
}

// A single datagram was refused for its length.
@inline
export function sawTooLong(): void {
  isTooLong = true;
}

// The list is sent.
export function settleDoubt(): void {
  if (doubted != 0 && !isTooLong) stopSegmenting(doubted, reason);
  doubted = 0;
}

// From now on every datagram of the socket is sent by itself, and the host is told.
export function stopSegmenting(socket: u32, errno: i32): void {
  store<u32>(w() + W_NO_SEGMENT + ((<usize>socket) << 2), 1);
  store<i32>(w(), errno, W_GSO_REFUSED);
  store<u32>(w(), socket, W_GSO_SOCKET);
}
