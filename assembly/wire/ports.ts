// The ports: TCP, UDP and SCTP (RFC 9260 section 3.1) have them at the start of their headers, the source's first.

/** Bytes of both. */
export const PORTS_LEN: u32 = 4;

export const IPPROTO_SCTP: u32 = 132;

/** Both ports as one word in memory's order: to compare and to hash only. */
@inline
export function portsWord(header: usize): u32 {
  return load<u32>(header);
}
