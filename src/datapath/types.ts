/** What the other rooms know of the datapath: plain data in, plain data out. Indexes are opaque small integers. */
import type { Endpoint } from '../address.js';

/** A slot of a table in the shared memory; 0 is never one. */
export type OverlayIndex = number;
export type VnicIndex = number;
export type SocketIndex = number;

export interface OverlayConfig {
  /** 0..16777215 */
  readonly vni: number;
  readonly socket: SocketIndex;
  /** Drop datagrams whose reserved bits are set. */
  readonly strictHeader: boolean;
  readonly vlan: 'pass' | 'strip' | 'discard';
  /** The one destination of a point plugin; null for a dynamic one. */
  readonly point: Endpoint | 'drop' | null;
  /** What the plugin knows: which frames become upcalls. */
  readonly lookup: boolean;
  readonly proxyArp: boolean;
  readonly proxyNdp: boolean;
  readonly proxyDhcp: boolean;
  /** Several datagrams may leave in one send (UDP_SEGMENT). */
  readonly segment: boolean;
  /** Frames for a VNIC may be joined into super-frames. */
  readonly coalesceTcp: boolean;
  readonly coalesceUdp: boolean;
}

/** The descriptors of an underlay socket: owned by the caller, closed only after removeSocket resolved. */
export interface SocketConfig {
  /** Where each worker receives. */
  readonly listeners: readonly number[];
  /** Where each worker sends from: its source ports, at most 64. */
  readonly sources: readonly (readonly SourcePort[])[];
}

export interface SourcePort {
  /** For several datagrams at once, which the kernel takes only where it makes checksums. */
  readonly withChecksum: number;
  /** For single ones; may be the same. */
  readonly withoutChecksum: number;
}

export interface VnicConfig {
  readonly overlay: OverlayIndex;
  /**
   * Descriptors of the TAP, one per worker, non-blocking, with a virtio_net_hdr of 10 bytes before every frame. Owned
   * by the caller, closed only after removeVnic resolved. A worker without one neither reads nor writes it.
   */
  readonly fds: readonly number[];
  readonly mac: string;
  readonly allowAnyMac: boolean;
}

/** What an FDB entry says. */
export type FdbTarget =
  | { readonly kind: 'remote'; readonly endpoint: Endpoint }
  | { readonly kind: 'local'; readonly vnic: VnicIndex }
  | { readonly kind: 'drop'; readonly reason: string };

export interface FdbEntry {
  readonly mac: string;
  readonly target: FdbTarget;
  /** Set by the operator or a VNIC: never evicted, never replaced by a plugin. */
  readonly isStatic: boolean;
  /** Milliseconds of the monotonic clock when a frame last used it (resolution 100 ms), null: never. */
  readonly usedAtMs: number | null;
}

/** A destination nobody has told the datapath: frames wait for the FDB to say something of (overlay, mac). */
export interface MissUpcall {
  readonly kind: 'miss';
  readonly overlay: OverlayIndex;
  /** 0: the frame came from the underlay. */
  readonly vnic: VnicIndex;
  readonly mac: string;
  readonly sourceMac: string;
  readonly etherType: number;
  readonly vlan: number;
}

/** A frame a proxy must answer. Valid ARP, NS or DHCP: the datapath has checked lengths, fields and checksums. */
export interface ProxyUpcall {
  readonly kind: 'arp' | 'ndp' | 'dhcp_request' | 'dhcp_reply';
  readonly overlay: OverlayIndex;
  readonly vnic: VnicIndex;
  readonly sourceMac: string;
  readonly vlan: number;
  /** A private copy of the whole Ethernet frame, tag included. */
  readonly frame: Uint8Array;
}

export type UpcallRecord = MissUpcall | ProxyUpcall;

/** Names of the drop reasons (`Drop` of the layout). */
export type DropReason = keyof typeof import('./drops.js').DROP_TEXT;

export interface TrafficCount {
  readonly frames: number;
  readonly bytes: number;
}

export interface OverlayCounters {
  /** Datagrams sent, bytes of inner frames. */
  readonly encap: TrafficCount;
  /** Datagrams received for this overlay, bytes of inner frames. */
  readonly decap: TrafficCount;
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
}

export interface VnicCounters {
  /** Read from the TAP. */
  readonly tx: TrafficCount;
  /** Written to the TAP. */
  readonly rx: TrafficCount;
  /** Frames this VNIC sent that were dropped. */
  readonly drops: number;
}
