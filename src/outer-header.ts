/** What the outer headers of an overlay's datagrams say, and what is made of those that arrive. */
export interface OuterHeader {
  /**
   * `normal`: the mark of the packet inside is copied out; `compatible`: none is; either way one that a router has made
   * is carried inside (RFC 6040). `off`: marks are neither copied nor looked at.
   */
  readonly ecn: 'normal' | 'compatible' | 'off';
  /** 0..63; `inherit`: that of the packet inside, 0 for what is not IP. */
  readonly dscp: number | 'inherit';
  /** TTL or hop limit of what is sent to one host, 1..255; `inherit`: that of the packet inside, 64 if it is not IP. */
  readonly ttl: number | 'inherit';
  /**
   * `unset`: what does not fit its path is fragmented, by this host or, over IPv4, by a router. `inherit`: so is what
   * is neither IPv6 inside nor IPv4 with DF, as by the kernel's vxlan device.
   */
  readonly df: 'set' | 'unset' | 'inherit';
  /** Datagrams that came in fragments. */
  readonly fragments: 'accept' | 'drop';
}

/** Of an overlay of which nothing was said. */
export const DEFAULT_OUTER: OuterHeader = { ecn: 'normal', dscp: 0, ttl: 64, df: 'set', fragments: 'accept' };
