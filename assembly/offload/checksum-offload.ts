// A single frame from a TAP whose checksum the kernel left to the device (NEEDS_CSUM without a GSO type): the field
// holds the sum of the pseudo header, and the rest is summed here (skb_checksum_help of net/core/dev.c).

import { store16be } from '../wire/bytes';
import { checksum } from '../wire/checksum';
import { UDP_CHECKSUM, udpSetChecksum } from '../wire/udp';

const CHECKSUM_LEN: u32 = 2;

/**
 * Makes the checksum good that covers `start` to the end of the frame; its field is `offset` bytes behind `start`.
 * False, and nothing done: these do not lie inside the frame. Only UDP has its field at 6; there 0 is sent as 0xffff.
 */
export function completeChecksum(frame: usize, len: u32, start: u32, offset: u32): bool {
  if (start >= len || len - start < CHECKSUM_LEN || offset > len - start - CHECKSUM_LEN) return false;
  const header = frame + start;
  const made = checksum(header, len - start, 0);
  if (offset == UDP_CHECKSUM) udpSetChecksum(header, made);
  else store16be(header, offset, made);
  return true;
}
