/** What the checks decide by. Gathered once, from the daemon and from the host; nothing here asks anybody. */
import type { MoveView, OverlayStatus, OverlayView, StatsView, StatusView, VnicView } from '../control/protocol.js';
import type { Encap } from '../encapsulations.js';
import type { Link, Route } from '../system/routes.js';
import type { Known } from './finding.js';

/** What the daemon says of itself. */
export interface DaemonFacts {
  readonly status: StatusView;
  readonly overlays: readonly OverlayFacts[];
  readonly vnics: readonly VnicView[];
  /** Two reads. */
  readonly before: StatsView;
  readonly after: StatsView;
  /** Between them. */
  readonly seconds: number;
}

export interface OverlayFacts {
  readonly view: OverlayView;
  readonly status: OverlayStatus;
  readonly encap: Encap;
  readonly listen: Tunnel['listen'];
  /** Destinations of its first targets. */
  readonly endpoints: readonly string[];
  /** Targets that the directory told of before a restart, and has not confirmed since; of the first ones. */
  readonly stale: number;
  readonly moves: readonly MoveView[];
  /** Instances of its search plugin that ended by themselves, as far as the daemon has kept it. */
  readonly deaths: readonly { readonly time: string; readonly reason: string }[];
}

/** Why no daemon answers, by code of the refusal. */
export interface NoDaemon {
  readonly code: string;
  readonly message: string;
}

/** A `vxlane daemon` of this machine that shares the network namespace looked at. */
export interface DaemonProcess {
  readonly pid: number;
  readonly socket: string;
  readonly stateDir: string;
  readonly config: string | null;
  readonly tokenFile: string | null;
}

export interface KernelFacts {
  /** kernel.io_uring_disabled; null: this kernel has no such setting. */
  readonly ioUringDisabled: number | null;
  /** Why this process could not open a ring; null: it could. */
  readonly uringRefusal: string | null;
  readonly hasTunDevice: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** An overlay as the underlay sees it: the daemon's, or one that it will have when it is started. */
export interface Tunnel {
  readonly name: string;
  readonly encap: Encap;
  readonly listen: { readonly ip: string; readonly port: number; readonly device: string | null };
  /** null: as large as fits. */
  readonly mtu: number | null;
  readonly endpoints: readonly string[];
  /** It has its socket. */
  readonly isUp: boolean;
}

/** How the underlay looks to an overlay. */
export interface UnderlayFacts {
  readonly tunnel: Tunnel;
  /** Of the interface that has the listen address, or that the overlay is bound to; null: none that is up. */
  readonly link: Link | null;
  /** rp_filter of that interface, as the kernel takes it; null: not known. */
  readonly rpFilter: number | null;
  /** Who has the port, when the overlay has no socket; null: nobody. */
  readonly portHolder: string | null;
  /** Datagrams that the kernel has thrown away for want of room in sockets of the port: two reads. */
  readonly socketDrops: readonly [before: number, after: number];
  /** Datagrams of any port that the kernel has thrown away for their checksum: two reads. */
  readonly checksumErrors: readonly [before: number, after: number];
  readonly endpoints: readonly EndpointFacts[];
}

export interface EndpointFacts {
  readonly ip: string;
  readonly route: Route | null;
  /** By which the route leaves. */
  readonly link: Link | null;
  /** Of the next hop, as ip-neighbour(8) has it: `REACHABLE`, `FAILED`, ...; null: the kernel has none. */
  readonly neighbour: string | null;
  /** What answered echo requests: those that are as large as the overlay's datagrams, or small ones alone. */
  readonly echo: 'large' | 'small' | 'none' | 'not asked';
  /** Bytes of the IP packet of the large one. */
  readonly echoBytes: number;
}

export interface SysctlFacts {
  readonly rmemMax: number;
  readonly wmemMax: number;
}

/** What the kernel knows of the interface of a VNIC. */
export interface VnicLinkFacts {
  readonly vnic: string;
  /** false: the namespace that it is in is gone. */
  readonly hasNetns: boolean;
  /** null: there is none of its name. */
  readonly link: {
    readonly isUp: boolean;
    readonly hasCarrier: boolean;
    readonly isBridgePort: boolean;
    readonly mac: string;
  } | null;
}

/** A rule, or a policy, of the host's packet filter that concerns the port of an overlay on its way in. */
export interface FilterFacts {
  readonly overlay: string;
  readonly port: number;
  /** As an operator finds it again: `table inet filter, chain input, handle 4: udp dport 4789 drop`. */
  readonly where: string;
  readonly verdict: 'drop' | 'unclear';
  /** What deletes it. */
  readonly mend: string;
}

export interface StateFacts {
  readonly directory: string;
  /** Files that cannot be used, by path. */
  readonly damaged: readonly { readonly path: string; readonly object: string; readonly reason: string }[];
  /** Files that were written later than it is now. */
  readonly fromTheFuture: readonly { readonly path: string; readonly seconds: number }[];
  /** Who holds the directory's lock; null: nobody. */
  readonly lockHolder: number | null;
  /** A VNIC of it that is in a network namespace of its own; null: there is none. */
  readonly vnicElsewhere: string | null;
  /** The default directory, when it is not this one, has overlays, and no daemon; else null. */
  readonly forgotten: { readonly directory: string; readonly overlays: number } | null;
}

/** What a daemon would be allowed that is started as it is meant to be. */
export interface StarterFacts {
  /** Who starts it: `vxlane.service`, `user 1000`. */
  readonly by: string;
  readonly capabilities: readonly string[];
}

export interface Facts {
  readonly socket: string;
  readonly daemon: Known<DaemonFacts>;
  /** null: one answers. */
  readonly noDaemon: NoDaemon | null;
  readonly processes: Known<readonly DaemonProcess[]>;
  readonly starter: Known<StarterFacts>;
  readonly kernel: KernelFacts;
  readonly sysctl: Known<SysctlFacts>;
  readonly underlays: Known<readonly UnderlayFacts[]>;
  readonly vnicLinks: Known<readonly VnicLinkFacts[]>;
  readonly firewall: Known<readonly FilterFacts[]>;
  readonly state: Known<StateFacts>;
}
