/** What an overlay is told of its surroundings, and what others may hold of it. */
import type { Datapath } from '../../datapath/datapath.js';
import type { OverlayIndex } from '../../datapath/types.js';
import type { Encap } from '../../encapsulations.js';
import type { LinkProtection } from '../../link-protection.js';
import type { OverlayConfiguration, SocketSettings } from '../../overlay-properties/overlay-properties.js';
import type { RateLimits } from '../../rate-limits.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import type { Placement } from '../../search/host/placement.js';
import type { TrunkPlace } from '../../trunk.js';
import type { Tell } from '../events/event-log.js';
import type { DaemonLog } from '../log.js';
import type { PluginSlot } from '../plugin/plugin-slot.js';
import type { Network } from '../underlay/network.js';
import type { Sockets } from '../underlay/sockets.js';
import type { UpcallDurations } from '../upcalls/durations.js';
import type { LocalVnic } from '../upcalls/types.js';

/** What all overlays share. */
export interface OverlaySurroundings {
  readonly datapath: Datapath;
  readonly sockets: Sockets;
  readonly network: Network;
  readonly deadlines: Deadlines;
  readonly placement: Placement;
  /** See SlotOptions. */
  readonly slots: Set<PluginSlot>;
  readonly log: DaemonLog;
  readonly tell: Tell;
  readonly durations: UpcallDurations;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** The overlay has this place in the datapath from now on; what the datapath asks of it is the overlay's. */
  readonly onAttached: (index: OverlayIndex) => void;
  /** It is about to give it back. */
  readonly onDetached: (index: OverlayIndex) => void;
  /** It wants to be looked at: something of it has changed, or will with time. */
  readonly onStirred: () => void;
}

export interface OverlayIdentity {
  readonly name: string;
  readonly vni: number;
  readonly encap: Encap;
  /** The search plugin as the operator typed it. */
  readonly search: string;
  /** Not kept over a restart of the daemon. */
  readonly temporary: boolean;
}

export interface VnicIdentity extends LinkProtection, RateLimits {
  readonly name: string;
  /** Name of its overlay. */
  readonly overlay: string;
  /** Canonical text. */
  readonly mac: string;
  /** Where it was created: a name under /run/netns, an absolute path, or null for the daemon's own namespace. */
  readonly netns: string | null;
  readonly allowAnyMac: boolean;
  /** Given to its interface, each canonical `ADDRESS/LENGTH`. */
  readonly addresses: readonly string[];
  /** The interface goes with the daemon. */
  readonly temporary: boolean;
  /** It shares its interface; absent: it has one to itself. */
  readonly trunk?: TrunkPlace | undefined;
}

/** A VNIC that frames flow through. */
export interface AttachedVnic extends LocalVnic {
  readonly name: string;
  readonly allowAnyMac: boolean;
  /** Given to its interface, as they are at the time: each canonical `ADDRESS/LENGTH`. */
  addresses(): readonly string[];
  readonly attachedAtMs: number;
  /** It was a VNIC of this overlay before: the daemon was started anew, or its interface was away. */
  readonly wasHere: boolean;
  /** UDP super-frames may be written to it. */
  readonly takesUdpSuperFrames: boolean;
  /** These throw when the interface does not take it. */
  setMtu(mtu: number): void;
  /** The overlay's MTU is another one, by itself: one that the operator lowered stays as low. */
  followMtu(): void;
  setOffload(offload: SocketSettings['offload']): void;
  /** What its interface did not take of the overlay; empty when it took all. */
  setProblem(reason: string): void;
}

/** What a VNIC has to do with its overlay. */
export interface VnicOverlay {
  readonly configuration: OverlayConfiguration;
  /** Bytes. */
  readonly mtu: number;
  /** Given, or what the underlay leaves; false: neither is known, and it is a guess. */
  readonly isMtuKnown: boolean;
  /** Throws why the overlay has no place in the datapath. */
  attached(): { readonly index: OverlayIndex };
  addVnic(vnic: AttachedVnic): void;
  removeVnic(vnic: AttachedVnic): void;
  /** It was given other addresses. */
  addressesChanged(vnic: AttachedVnic): void;
}
