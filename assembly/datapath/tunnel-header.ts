// What decap asks of the header before a frame, which is of the kind that the socket has (wire/tunnel.ts).

import { Drop, OVL_FLAGS, OVL_FLAG_STRICT_HEADER, OVL_POLICY, SOCK_ENCAPSULATION } from '../layout';
import { socketAt } from '../table/records';
import { gbpAdmits, gbpForbidsLearning } from '../wire/gbp';
import { tunnelHasOptions, tunnelReservedBits, tunnelSkipOptions } from '../wire/tunnel';

/** The Encapsulation of all that comes by the socket. */
@inline
export function kindOf(socket: u32): u32 {
  return load<u32>(socketAt(socket), SOCK_ENCAPSULATION);
}

/** Bytes of options of a datagram, behind which its header then stands; before anything else looks at it. */
@inline
export function skipOptions(datagram: usize, len: u32, socket: u32): u32 {
  return tunnelSkipOptions(kindOf(socket), datagram, len);
}

/** Whether no frame stands behind the header, because options do. */
@inline
export function hasOptions(datagram: usize, socket: u32): bool {
  return tunnelHasOptions(kindOf(socket), datagram);
}

/** Why the overlay of this record takes no datagram of this header: reserved bits as configured, its policy group. */
export function refusedHeader(kind: u32, datagram: usize, record: usize): Drop {
  const policy = load<u32>(record, OVL_POLICY);
  const isStrict = (load<u32>(record, OVL_FLAGS) & OVL_FLAG_STRICT_HEADER) != 0;
  if (isStrict && tunnelReservedBits(kind, datagram, policy)) return Drop.reserved_bits;
  return policy == 0 || gbpAdmits(datagram, policy) ? Drop.none : Drop.other_policy_group;
}

/** Whether the sender lets the overlay of this record learn from the datagram: MACs, and what is said of addresses. */
@inline
export function mayLearn(record: usize, datagram: usize): bool {
  return load<u32>(record, OVL_POLICY) == 0 || !gbpForbidsLearning(datagram);
}
