// What is asked of the header before a frame, and written there. It is of the kind that the socket has
// (wire/tunnel.ts).

import {
  Drop,
  OVL_FLAGS,
  OVL_FLAG_STRICT_HEADER,
  OVL_HEADER,
  OVL_POLICY,
  SOCK_ENCAPSULATION,
} from '../layout';
import { socketAt } from '../table/records';
import { gbpAdmits, gbpForbidsLearning } from '../wire/gbp';
import { ipv4Check, ipv4HeaderLength } from '../wire/ipv4';
import { sockaddrIsIpv4 } from '../wire/sockaddr';
import {
  tunnelHasFlow,
  tunnelHasOptions,
  tunnelIsBehindIp,
  tunnelReservedBits,
  tunnelSkipOptions,
  tunnelWithFlow,
} from '../wire/tunnel';
import { flowHash } from './flow';
import { Frame } from './frame';

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

/** The header of a frame that leaves for the overlay of this record. */
@inline
export function headerOf(frame: Frame, record: usize): u64 {
  const header = load<u64>(record, OVL_HEADER);
  if (!tunnelHasFlow(header)) return header;
  return tunnelWithFlow(header, flowHash(frame.start, frame.len, frame.depth));
}

/** Whether the headers of what leaves for the overlay of this record differ by flow. */
@inline
export function hasFlowInHeader(record: usize): bool {
  return tunnelHasFlow(load<u64>(record, OVL_HEADER));
}

/** Whether an IP header may stand before datagrams of the socket: {@link ipHeaderBefore}. */
@inline
export function isBehindIp(socket: u32): bool {
  return tunnelIsBehindIp(kindOf(socket));
}

/** Bytes of the IP header before a datagram from the struct sockaddr at `from`, which is among its `len` bytes. */
@inline
export function ipHeaderBefore(at: usize, len: u32, from: usize): u32 {
  return sockaddrIsIpv4(from) && ipv4Check(at, len) ? ipv4HeaderLength(at) : 0;
}
