// The VXLAN header with a group policy id, draft-smith-vxlan-group-policy-05: what a fabric's policy is about, beside
// the VNI.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-------------------------------+   G: the id is there   D: do not learn from it
// |G|R|R|R|I|R|R|R|R|D|R|R|A|R|R|R|        group policy id        |   A: policy has been applied, if G is set
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+---------------+---------------+
// |     VXLAN network identifier (VNI)            |   reserved    |
// +-----------------------------------------------+---------------+

import { POLICY_GROUP } from '../layout';
import { load32be } from './bytes';

const FLAG_G: u32 = 0x8000_0000;
const FLAG_D: u32 = 0x0040_0000;
const FLAG_A: u32 = 0x0008_0000;
const ID: u32 = 0xffff;

/** The bits of the first word that have a meaning here, and are reserved elsewhere. */
export const GBP_BITS: u32 = FLAG_G | FLAG_D | FLAG_A | ID;

/** What the first word says beside the I flag in datagrams of a group; `policy` as in OVL_POLICY. */
@inline
export function gbpWord(policy: u32): u32 {
  assert((policy & POLICY_GROUP) != 0);
  return FLAG_G | (policy & ID);
}

/**
 * Whether it is for the group: it has an id, which is the group's, or policy has been applied to it already. `policy`
 * as in OVL_POLICY.
 */
@inline
export function gbpAdmits(datagram: usize, policy: u32): bool {
  const word = load32be(datagram, 0);
  return (word & (FLAG_G | FLAG_A)) == (FLAG_G | FLAG_A) || (word & (FLAG_G | ID)) == gbpWord(policy);
}

/** The D flag: its sender wants nobody to learn from it where its source MAC is. */
@inline
export function gbpForbidsLearning(datagram: usize): bool {
  return (load32be(datagram, 0) & FLAG_D) != 0;
}
