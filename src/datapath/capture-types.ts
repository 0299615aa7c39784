/** Captures, as other rooms know them. */
import type { Endpoint } from '../address.js';
import type { Encap } from '../encapsulations.js';
import type { DropReason, OverlayIndex, SocketIndex, VnicIndex } from './types.js';

/** What a capture wants; null, or nothing: whatever there is. All that is said has to be so. */
export interface CaptureFilter {
  readonly overlay: OverlayIndex | null;
  /** It sends the frame, or gets it. */
  readonly vnic: VnicIndex | null;
  /** Source or destination. */
  readonly mac: string | null;
  /** Canonical: source or destination of the packet inside, or what ARP or neighbour discovery ask for. */
  readonly ip: string | null;
  /** Only what is dropped for one of these. */
  readonly reasons: readonly DropReason[];
  /** Bytes of a frame at least that are handed over, if it has them. */
  readonly snapLength: number;
}

export interface OpenCapture {
  /** Frames that it wanted and the rings had no room for. */
  lost(): number;
  /** Nothing more is mirrored; resolves when what was has been handed over. */
  close(): Promise<void>;
}

/** A frame that was mirrored for a capture. */
export interface CapturedFrame {
  /** `dropped`: it had waited, or was with the host, and goes nowhere. */
  readonly point: 'from_vnic' | 'to_underlay' | 'from_underlay' | 'to_vnic' | 'dropped';
  /** Of the monotonic clock, when the worker began what it was doing. */
  readonly timeNs: bigint;
  /** 0: of none. null: it is gone. */
  readonly overlay: OverlayIndex | null;
  /** Who gets it (`to_vnic`), or sent it; 0: the underlay. null: it is gone. */
  readonly vnic: VnicIndex | null;
  readonly underlay: CapturedUnderlay;
  /** Those that it is on the wire: a super-frame stands for several. */
  readonly frames: number;
  /** Bytes of it. */
  readonly length: number;
  /** The first ones. */
  readonly bytes: Uint8Array;
  /** Why it, a copy of it, or some of a super-frame was dropped; null: nothing was. */
  readonly reason: DropReason | null;
  /** Of what came from a VNIC or the underlay: whether it goes on, waits for an answer, or is with the host. */
  readonly verdict: 'none' | 'listed' | 'held' | 'upcalled';
  /** How many destinations it goes on to. */
  readonly outputs: number;
  /** The first of them: a VNIC, or an endpoint. */
  readonly to: VnicIndex | Endpoint | null;
}

/** What its outer headers say, as far as it is known. */
export interface CapturedUnderlay {
  /** 0: none is known. */
  readonly socket: SocketIndex;
  /** Where that listens, and what its datagrams carry frames by. */
  readonly listen: Endpoint;
  readonly encap: Encap;
  /** The port that it leaves by; null: it came. */
  readonly sourcePort: number | null;
  /** The other VTEP; null: not known. */
  readonly peer: Endpoint | null;
  readonly tos: number;
  /** null: of what came, not known. */
  readonly ttl: number | null;
  readonly mayBeFragmented: boolean;
  readonly cameInFragments: boolean;
  /** As it stands on the wire. */
  readonly vxlanHeader: Uint8Array;
}
