// VLAN tags (IEEE 802.1Q, 802.1ad) between the source address and the EtherType.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-----+-+-----------------------+
// |   TPID = 0x8100 or 0x88a8     | PCP |D|        VLAN id        |   repeated once for a double tag;
// +-------------------------------+-----+-+-----------------------+   then the EtherType
//   byte 12                         byte 14

import { load16be } from './bytes';
import { ETH_ALEN, ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q } from './ethernet';

const TAG: usize = ETH_ALEN + ETH_ALEN; // the outermost tag, if there is one
const TCI: usize = TAG + 2; // its priority, drop eligibility and VLAN id
const TPID_8021Q: u32 = 0x0081; // as a little-endian load has them
const TPID_8021AD: u32 = 0xa888;
/** Bytes of one tag. */
export const VLAN_HLEN: u32 = 4;
/** `vlanDepth` of a frame with more tags than any switch makes. */
export const VLAN_TOWER: i32 = 3;
/** `vlanDepth` of a frame that ends before its EtherType. */
export const VLAN_TRUNCATED: i32 = -1;

/** Whether an EtherType is a tag's TPID. */
@inline
export function isVlanTag(etherType: u32): bool {
  return etherType == ETH_P_8021Q || etherType == ETH_P_8021AD;
}

/**
 * How many tags a frame of `len` bytes carries: 0, 1 or 2, else VLAN_TOWER (more) or VLAN_TRUNCATED. This is the
 * check of the room for everything up to and including the EtherType inside the tags; it reads only inside `len`.
 */
@inline
export function vlanDepth(frame: usize, len: u32): i32 {
  if (len < ETH_HLEN) return VLAN_TRUNCATED;
  return vlanHas(frame) ? taggedDepth(frame, len) : 0;
}

/** Whether a frame that has an Ethernet header carries a tag. */
@inline
export function vlanHas(frame: usize): bool {
  const tpid = <u32>load<u16>(frame, TAG); // in memory's order: every frame passes here
  return (tpid == TPID_8021Q) | (tpid == TPID_8021AD);
}

/** The rare rest of `vlanDepth`, kept out of line: the frame has a tag. */
function taggedDepth(frame: usize, len: u32): i32 {
  assert(len >= ETH_HLEN && isVlanTag(load16be(frame, TAG)));
  if (len < ETH_HLEN + VLAN_HLEN) return VLAN_TRUNCATED;
  if (!isVlanTag(load16be(frame, TAG + VLAN_HLEN))) return 1;
  if (len < ETH_HLEN + 2 * VLAN_HLEN) return VLAN_TRUNCATED;
  return isVlanTag(load16be(frame, TAG + 2 * VLAN_HLEN)) ? VLAN_TOWER : 2;
}

/** The EtherType inside `depth` tags (0..2, from `vlanDepth`). */
@inline
export function innerEtherType(frame: usize, depth: i32): u32 {
  assert(depth >= 0 && depth < VLAN_TOWER);
  return load16be(frame + <usize>depth * VLAN_HLEN, TAG);
}

/** VLAN id of the outermost tag, 0 for an untagged frame (and for a tag that only carries a priority). */
@inline
export function vlanId(frame: usize): u32 {
  return isVlanTag(load16be(frame, TAG)) ? load16be(frame, TCI) & 0x0fff : 0;
}

/** Where the layer 3 header starts, in bytes from the start of a frame with `depth` tags (0..2). */
@inline
export function l3Offset(depth: i32): u32 {
  assert(depth >= 0 && depth < VLAN_TOWER);
  return ETH_HLEN + <u32>depth * VLAN_HLEN;
}

/** Whether two frames have the same addresses, tags and EtherType: `l3` bytes, which are 14, 18 or 22 (`l3Offset`). */
@inline
export function sameUpToL3(frame: usize, other: usize, l3: u32): bool {
  const end = l3 - 8;
  const first = load<u64>(frame) ^ load<u64>(other);
  const second = load<u64>(frame, ETH_ALEN) ^ load<u64>(other, ETH_ALEN);
  return (first | second | (load<u64>(frame + end) ^ load<u64>(other + end))) == 0;
}

/**
 * Writes at `to` what a frame begins with behind a tag more: its addresses, then the tag, 4 bytes as a load has them.
 * Its EtherType and what is behind that follow. Answers the bytes written.
 */
@inline
export function tagHead(to: usize, frame: usize, tag: u32): u32 {
  store<u64>(to, load<u64>(frame));
  store<u32>(to, load<u32>(frame, 8), 8);
  store<u32>(to, tag, TAG);
  return <u32>TCI + 2;
}

/** Whether a frame of `len` bytes, with the Ethernet header of one, has an 802.1Q tag outermost. */
@inline
export function isVlanTagged(frame: usize, len: u32): bool {
  return len >= ETH_HLEN + VLAN_HLEN && <u32>load<u16>(frame, TAG) == TPID_8021Q;
}

/**
 * Removes the outermost tag of a frame with `vlanDepth` 1 or 2 by moving its addresses 4 bytes on. Answers where the
 * frame starts now; it is VLAN_HLEN shorter, and the 4 bytes before it are free for whoever owned the frame.
 */
@inline
export function stripTag(frame: usize, len: u32): usize {
  assert(len >= ETH_HLEN + VLAN_HLEN && isVlanTag(load16be(frame, TAG)));
  const low = load<u64>(frame);
  const high = load<u32>(frame, 8);
  store<u64>(frame, low, 4);
  store<u32>(frame, high, 12);
  return frame + VLAN_HLEN;
}
