/** What an overlay is told of its surroundings, and what others may hold of it. */
import type { Datapath } from '../../datapath/datapath.js';
import type { OverlayIndex, SocketIndex } from '../../datapath/types.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import type { PluginHost } from '../../search/host/host.js';
import type { Flooding } from '../forwarding/flooding.js';
import type { Targets } from '../forwarding/targets.js';
import type { DaemonLog } from '../log.js';
import type { SocketSettings, Sockets } from '../underlay/sockets.js';
import type { LocalVnic, Upcalls } from '../upcalls/questions.js';
import type { Overlay } from './overlay.js';

/** What all overlays share. */
export interface OverlayDeps {
  readonly datapath: Datapath;
  readonly sockets: Sockets;
  readonly deadlines: Deadlines;
  /** The hosts of all plugin instances. */
  readonly hosts: Set<PluginHost>;
  readonly log: DaemonLog;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
  /** Kept by each overlay for itself. */
  readonly overlayByIndex: Map<OverlayIndex, Overlay>;
}

export interface OverlayIdentity {
  readonly name: string;
  readonly vni: number;
  readonly encap: string;
  /** The search plugin as the operator typed it. */
  readonly search: string;
  /** Not kept over a restart of the daemon. */
  readonly temporary: boolean;
}

/** A VNIC that frames flow through. */
export interface AttachedVnic extends LocalVnic {
  readonly name: string;
  readonly allowAnyMac: boolean;
  readonly attachedAtMs: number;
  /** UDP super-frames may be written to it. */
  readonly takesUdpSuperFrames: boolean;
  setMtu(mtu: number): void;
  setOffload(offload: SocketSettings['offload']): void;
}

/** What is there while the overlay has its socket. */
export interface Attachment {
  readonly index: OverlayIndex;
  readonly socket: SocketIndex;
  /** The socket takes several datagrams per send. */
  readonly gso: boolean;
  readonly targets: Targets;
  readonly upcalls: Upcalls;
  readonly flooding: Flooding;
}
