/** What the other rooms know of the datapath: plain data in, plain data out. Indexes are opaque small integers. */
import type { Endpoint } from '../address.js';
import type { Encap, HeaderRules } from '../encapsulations.js';
import type { Protection } from '../link-protection.js';
import type { OuterHeader } from '../outer-header.js';
import type { RateLimits } from '../rate-limits.js';

/** A slot of a table in the shared memory; 0 is never one. */
export type OverlayIndex = number;
export type VnicIndex = number;
export type SocketIndex = number;
export type EndpointIndex = number;

export interface OverlayConfig extends HeaderRules {
  /** 0..16777215 */
  readonly vni: number;
  readonly socket: SocketIndex;
  readonly vlan: 'pass' | 'strip' | 'discard';
  /** Of its VNICs, in bytes. */
  readonly mtu: number;
  /** Frames from the underlay may have partial checksums, and come as super-frames of one datagram. */
  readonly acceptPartial: boolean;
  readonly outer: OuterHeader;
  /** The one destination of a point plugin; null for a dynamic one. */
  readonly point: Endpoint | 'drop' | null;
  /**
   * Where broadcast, multicast and, if `unknown`, unicast to MACs that the FDB does not have go: a copy to each
   * endpoint, unicast or multicast addresses of the socket's family, at most 512; doubles count once. A proxy comes
   * first. null, or no endpoints: such frames drop as no_flood_list. With `unknown` misses are never asked: `lookup`
   * is to be false.
   */
  readonly flood: { readonly endpoints: readonly Endpoint[]; readonly unknown: boolean } | null;
  /** Where MACs are heard from is compared with the FDB: {@link LearnUpcall}, {@link FdbEntry.heardAtMs}. */
  readonly learn: boolean;
  /** Without `learn`: likewise, but of those alone that are learned to be behind a VNIC here, and may leave again. */
  readonly returns?: boolean;
  /**
   * Who may send to it from the underlay: `vtep`, who is known ({@link Datapath.putVtep}); `fdb`, such a one, for MACs
   * that the FDB has there. With `lookup`, a frame of a MAC that nothing is known of waits for an answer. Default off.
   */
  readonly sourceCheck?: 'vtep' | 'fdb' | 'off';
  /** Announcements of addresses become upcalls, to be flooded by the host; else they are flooded, or drop. */
  readonly announced?: boolean;
  /** With `learn`: what is said of addresses from the underlay is told ({@link AddressUpcall}). */
  readonly snoop?: boolean;
  /** Router advertisements to all nodes become upcalls, before anybody has got them. */
  readonly routers?: boolean;
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

/**
 * Who is told which datagrams the datapath takes: before it takes more, and after it takes fewer. So whoever drops the
 * others sooner drops nothing that would have been taken.
 */
export interface IntakeObserver {
  putOverlay(index: OverlayIndex, config: OverlayConfig): void;
  removeOverlay(index: OverlayIndex): void;
  putVtep(overlay: OverlayIndex, ip: string): void;
  removeVtep(overlay: OverlayIndex, ip: string): void;
}

/** The descriptors of an underlay socket: the caller's, closed only after removeSocket or replaceSocket resolved. */
export interface SocketConfig {
  readonly encap?: Encap; // default vxlan
  /** Where each worker receives; -1, or none: it does not. */
  readonly listeners: readonly number[];
  /**
   * This socket only receives, as a multicast group's listener does, and what arrives belongs to the overlays of that
   * one, which is to be removed later than this. `sources` is empty.
   */
  readonly receivesFor?: SocketIndex;
  /** Where each worker sends from: its source ports, at most 64. */
  readonly sources: readonly (readonly SourcePort[])[];
  /** The same ports, for what may be fragmented; none: that leaves as all else does. */
  readonly fragmentable?: SocketConfig['sources'];
  /** Without, the underlay TAP neither sends nor receives for this socket. */
  readonly names?: SocketNames;
}

/** What of a socket is said in frames of the underlay TAP. */
export interface SocketNames {
  /** A wildcard address: any of that family. */
  readonly listen: Endpoint;
  /** The ports it sends from, in the order of `sources`. */
  readonly ports: readonly number[];
  /** Which super-frames have an outer UDP checksum. */
  readonly checksum: 'all' | 'fragmentable' | 'none';
  /** Over IPv6, datagrams without a checksum are received. */
  readonly acceptZeroChecksum6: boolean;
}

/** A TAP that carries super-frames inside tunnels, see src/system/underlay-tap.ts. */
export interface UnderlayTapConfig {
  /** One per worker. Owned by the caller, closed only after removeUnderlayTap resolved. */
  readonly fds: readonly number[];
  readonly mac: string;
}

/** How an endpoint is reached by the underlay TAP. */
export interface Route {
  readonly ifindex: number;
  /** The outer source address, of the endpoint's family. */
  readonly source: string;
  /** IP bytes of a datagram at most. What is longer is left to the sockets. */
  readonly mtu: number;
}

/** What the path to an endpoint takes. */
export interface PathMtu {
  /** Bytes of an IP packet. */
  readonly mtu: number;
  /** A router has said so, and it holds for a while. */
  readonly isLowered: boolean;
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
   * by the caller, closed only after removeVnic resolved. A worker without one (-1, or none) reads nothing, and writes
   * to the first.
   */
  readonly fds: readonly number[];
  readonly mac: string;
  readonly allowAnyMac: boolean;
  /** It shares the TAP of `addTrunk`, and has the frames of a VLAN id there (0: no tag). Default: it does not. */
  readonly trunk?: { readonly trunk: VnicIndex; readonly vlan: number } | null;
  /** Defaults: none. */
  readonly protection?: VnicProtection;
  readonly limits?: RateLimits;
}

/** What frames of a VNIC may say of who sent them; what they may not say is dropped where they come from. */
export interface VnicProtection {
  /** None: nobody looks. */
  readonly kinds: readonly Protection[];
  /** For `ip-nospoof`: canonical `ADDRESS/LENGTH`, at most 32 of each family. */
  readonly allowed: readonly string[];
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
  /** Told by a frame that came from there. To the datapath that is as if a plugin had said it. */
  readonly isLearned: boolean;
  /**
   * Milliseconds of the monotonic clock when a frame of this MAC last came from the IP address the entry names, in an
   * overlay that learns (resolution 100 ms, rounded down); null: not since the entry was written. Sending changes
   * nothing. So an entry is as old as the later of this and the time it was written.
   */
  readonly heardAtMs: number | null;
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

/**
 * A frame a proxy must answer, an announcement (gratuitous ARP, unsolicited NA), or a router advertisement, which
 * nobody has got yet. Valid ARP, NS, NA, RA or DHCP: the datapath has checked lengths, fields and checksums.
 */
export interface ProxyUpcall {
  readonly kind: 'arp' | 'ndp' | 'dhcp_request' | 'dhcp_reply' | 'announcement' | 'router_advertisement';
  readonly overlay: OverlayIndex;
  readonly vnic: VnicIndex;
  readonly sourceMac: string;
  readonly vlan: number;
  /** A private copy of the whole Ethernet frame, tag included. */
  readonly frame: Uint8Array;
}

/** A copy of what came from the underlay: valid ARP that is no probe, or an advertisement, of its sender's own MAC. */
export type AddressUpcall = Omit<ProxyUpcall, 'kind'> & { readonly kind: 'address' };

/**
 * A frame came from elsewhere than the FDB says of its source MAC, or the FDB has nothing of it. Never of a static
 * entry or a local one that is not learned; a drop entry that is neither counts as nothing. In an overlay that does not
 * learn: only of a MAC that is remote and sends here, or is learned to be here and sends from elsewhere. Not of every
 * such frame: at most 2000 a second and worker, and not the same again within 100 ms.
 */
export interface LearnUpcall {
  readonly kind: 'learn';
  readonly overlay: OverlayIndex;
  /** The inner source MAC. */
  readonly mac: string;
  /** The outer source, canonical; null: a VNIC here that carries any MAC. */
  readonly ip: string | null;
}

/**
 * Frames were refused for their sender, in an overlay that looks at it. Of one MAC and address at most every 100 ms,
 * and of all at most 200 times a second and worker.
 */
export interface StrangerUpcall {
  readonly kind: 'stranger';
  readonly overlay: OverlayIndex;
  /** The inner source MAC of the last one. */
  readonly mac: string;
  /** The outer source, canonical. */
  readonly ip: string;
  /** At least so many, since the last such record. */
  readonly frames: number;
}

/** OAM (EtherType 0x8902, untagged) for this VTEP itself, from a VTEP that may send to the overlay. */
export interface LoopbackUpcall {
  readonly kind: 'loopback';
  readonly overlay: OverlayIndex;
  /** The underlay. */
  readonly vnic: 0;
  /** The outer source, canonical. */
  readonly ip: string;
  /** A private copy of the whole Ethernet frame, which nobody has looked at. */
  readonly frame: Uint8Array;
}

/** The kernel did not take a datagram to an endpoint for its length. At most 100 times a second and worker. */
export interface TooLongUpcall {
  readonly kind: 'too_long';
  /** Of none: an endpoint may be many overlays'. */
  readonly overlay: 0;
  /** Perhaps another one's by now. */
  readonly endpoint: EndpointIndex;
}

/** Upcalls about a frame of a VNIC. */
export type FrameUpcall = MissUpcall | ProxyUpcall;
type HearUpcall = AddressUpcall | LearnUpcall | StrangerUpcall;
export type UpcallRecord = FrameUpcall | HearUpcall | LoopbackUpcall | TooLongUpcall;

/** Names of the drop reasons (`Drop` of the layout). */
export type DropReason = keyof typeof import('./drops.js').DROP_TEXT;

export interface TrafficCount {
  readonly frames: number;
  readonly bytes: number;
}

/** As {@link OverlayCounters}, of one endpoint. `drops`: frames for it that did not fit its path, or were not sent. */
export interface EndpointTraffic {
  readonly encap: TrafficCount;
  readonly decap: TrafficCount;
  readonly drops: number;
}

export interface OverlayCounters {
  /** Datagrams sent, bytes of inner frames. */
  readonly encap: TrafficCount;
  /** Datagrams received for this overlay, bytes of inner frames. */
  readonly decap: TrafficCount;
  /** Of those datagrams, the ones that came in fragments and were not dropped for it. */
  readonly fragments: number;
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
}

/** A VNI that no overlay has on the socket that its datagram came to, and who sent that, in canonical text. */
export interface UnknownVni {
  readonly vni: number;
  readonly ip: string;
}

export interface VnicCounters {
  /** Read from the TAP. */
  readonly tx: TrafficCount;
  /** Written to the TAP. */
  readonly rx: TrafficCount;
  /** Frames this VNIC sent that were dropped. */
  readonly drops: number;
  /** Those of them whose reason says nothing of trouble. */
  readonly expectedDrops: number;
}
