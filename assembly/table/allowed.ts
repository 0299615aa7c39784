// The addresses that a VNIC may use, in the record of its protection (PROT_* of the layout): few prefixes, so they are
// looked through one after the other.

import { PROT_IPV4, PROT_IPV4_COUNT, PROT_IPV6, PROT_IPV6_COUNT } from '../layout';

const PREFIX4_SIZE: usize = 8;
const PREFIX6_SIZE: usize = 32;

/** Whether an IPv4 address is in one of the prefixes. */
export function allowsIpv4(record: usize, address: u32): bool {
  const first = record + PROT_IPV4;
  const end = first + <usize>load<u32>(record, PROT_IPV4_COUNT) * PREFIX4_SIZE;
  for (let prefix = first; prefix < end; prefix += PREFIX4_SIZE) {
    if ((address & load<u32>(prefix, 4)) == load<u32>(prefix)) return true;
  }
  return false;
}

/** The same of an IPv6 address. */
export function allowsIpv6(record: usize, high: u64, low: u64): bool {
  const first = record + PROT_IPV6;
  const end = first + <usize>load<u32>(record, PROT_IPV6_COUNT) * PREFIX6_SIZE;
  for (let prefix = first; prefix < end; prefix += PREFIX6_SIZE) {
    const isHigh = (high & load<u64>(prefix, 16)) == load<u64>(prefix);
    if (isHigh && (low & load<u64>(prefix, 24)) == load<u64>(prefix, 8)) return true;
  }
  return false;
}
