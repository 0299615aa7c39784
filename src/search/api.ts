/**
 * Version 1 of the contract between vxlane and a search plugin: the code that answers "where is this MAC?". Published
 * as `vxlane/search`; a plugin is a module whose default export is a {@link Plugin}.
 *
 * Life: every overlay has an instance of its own, in a thread other than the daemon's. The host validates the
 * operator's values against `properties`, calls `create(context, values)`, then `start()`. From then on, until
 * `stop()`, it may ask `lookup`, `arp`, `ndp`, `dhcp` at any time and several at once, but never twice at the same time
 * for one MAC. An answer is a value or a promise of one. One that comes later than the host's deadline (3 s) is
 * ignored. Whatever a plugin throws or rejects costs that one question and marks the overlay DEGRADED. One that fails
 * again and again, loops, exits or eats memory is replaced by a fresh instance. None of that costs a packet of a known
 * destination.
 *
 * Swapping: a new instance is started beside the old one and is asked for every MAC the overlay knows; then it takes
 * over, and the old one is stopped. So two instances of one plugin may run at the same time.
 *
 * Only plain data crosses (what structured cloning takes), frozen, in canonical text: MAC `de:ad:be:ef:00:01`, IPv4
 * dotted, IPv6 per RFC 5952. A plugin sees no buffer, no socket and no table. This file imports nothing.
 */

export type PropertyType = 'int' | 'uint' | 'ip' | 'string' | 'secret';
export type PropertyValue = number | string;

/** One property. This table is the only place where a property is named. */
export interface PropertySpec {
  /** With its module: `files/config`, `vxlan/listen_port`. */
  readonly name: string;
  readonly type: PropertyType;
  readonly required: boolean;
  readonly default?: PropertyValue;
  /** Its default is the UDP port of the overlay's encapsulation, `default` is VXLAN's. Hosts before it refuse it. */
  readonly isTunnelPort?: boolean;
  /** Inclusive bounds of an int or uint. */
  readonly range?: readonly [number, number];
  /** The only legal values of a string; of an int or uint, words that may stand in the place of a number. */
  readonly values?: readonly string[];
  /** A string that is the path of a file: a relative one in a configuration file starts at that file's folder. */
  readonly path?: boolean;
  /** The longest string or secret, in bytes of UTF-8. Default 256. */
  readonly maxBytes?: number;
  /** May change while the overlay runs. */
  readonly mutable?: boolean;
  /** One line. */
  readonly help: string;
}

/** A VTEP on the underlay: an IP address and a UDP port, 1..65535. */
export type Endpoint = Readonly<{ ip: string; port: number }>;

/** Where frames for a MAC go: to a VTEP, or nowhere. */
export type Target = Endpoint | 'drop';

export interface Query {
  /** VXLAN network identifier, 0..16777215. */
  readonly vni: number;
  /** The destination MAC asked for. */
  readonly mac: string;
  /** The MAC of the VNIC whose frame asks. */
  readonly sourceMac: string;
  /** EtherType of that frame, inside its VLAN tag if it has one. */
  readonly etherType: number;
  /** 802.1Q VLAN id, 0 when untagged. */
  readonly vlan: number;
}

/** How long something that was said stands. */
export interface Validity {
  /** Milliseconds, up to a year; without it, until it is withdrawn or makes room for another. */
  readonly ttl?: number;
}

export interface Answer extends Validity {
  readonly target: Target;
}

/** An answer that was not asked for, see {@link DynamicInstance.entries}. */
export interface Entry extends Answer {
  readonly mac: string;
}

/** What becomes of frames that no single VTEP can be named for. */
export interface Flood {
  /** Each gets a copy (head-end replication), at most 512. An underlay multicast group among them is joined. */
  readonly endpoints: readonly Endpoint[];
  /** Unknown unicast is flooded as well, and `lookup` is never asked (RFC 7348 section 4.2). Default false. */
  readonly unknown?: boolean;
  /** Learn where MACs are from what arrives (RFC 7348 section 4.1); without it nothing is learned. */
  readonly learn?: Learning;
  /**
   * Requests for addresses of which `arp` and `ndp` know no owner are flooded, as are the others that nobody proxies
   * (RFC 9161); without it they drop as `arp_unknown` and `ndp_unknown`. An addition: hosts before it ignore it.
   */
  readonly unknownOwners?: boolean;
  /** Learn which MACs are behind the VNIC of this host that carries any, and nothing else. An addition likewise. */
  readonly here?: LocalLearning;
  /**
   * With `learn`: requests for addresses of hosts elsewhere are answered from what those say themselves (ARP, neighbour
   * advertisements), if `arp` and `ndp` know no owner; others are flooded as by `unknownOwners`. An addition likewise.
   */
  readonly suppress?: AddressLearning;
}

export interface AddressLearning {
  /** Milliseconds for which an address is answered for without having been heard of again. */
  readonly ageing: number;
  /** Most addresses that are kept in this overlay. */
  readonly max: number;
}

export interface LocalLearning {
  /** Milliseconds without a frame from a MAC after which it is forgotten. */
  readonly ageing: number;
  /** Most MACs that are learned in this overlay. */
  readonly max: number;
}

export interface Learning {
  /** Milliseconds without a frame from a MAC after which it is forgotten. */
  readonly ageing: number;
  /** Most MACs that are learned in this overlay. */
  readonly max: number;
  /** UDP port of the learned VTEPs: what arrives comes from a port that says nothing. */
  readonly port: number;
  /** Default: more than 5 moves in 180 s are said to the operator, and followed; VRRP's MACs may move as they like. */
  readonly moves?: MovePolicy;
}

/** What becomes of a MAC that moves again and again: it may be in two places at once (RFC 7432 section 15.1). */
export interface MovePolicy {
  /** Moves within `window` that may happen to any MAC. One more, and the operator is told. */
  readonly limit: number;
  /** Milliseconds. */
  readonly window: number;
  /** Milliseconds for which such a MAC then stays where it was before the first of these; null: it is followed. */
  readonly freeze: number | null;
  /** MACs, or how they begin (`00:00:5e:00:01`), whose moves are not counted. */
  readonly exempt: readonly string[];
}

/** Who owns an IP address. */
export interface Owner {
  readonly mac: string;
  /** NDP only: the owner is a router (RFC 4861 section 4.4, R flag). Default false. */
  readonly router?: boolean;
}

/** Something is on this host now that was elsewhere, by a frame of a VNIC: not proven, and perhaps not for good. */
export interface Move {
  /** Whose frame it was. */
  readonly mac: string;
  /** The address that it announces as its own; null: none, but the MAC was known to be at a VTEP. */
  readonly ip: string | null;
}

/** A MAC that is on this host: a VNIC's, or one behind a VNIC that carries any. */
export interface Local {
  readonly mac: string;
  /** Its addresses, as far as they are known: those that its VNIC was given, and those that it asked others from. */
  readonly ips: readonly string[];
  /**
   * It was here before, and is neither new nor heard just now: another instance comes to serve, the daemon was started
   * anew, or only its addresses are others. Somebody else may have it meanwhile. An addition.
   */
  readonly resumed?: true;
}

/**
 * Why an instance is stopped. `for_good`: its plugin has no more to do with the overlay, so whatever it told others of
 * this host is to be taken back. `to_resume`: another instance of it goes on, beside this one or after a restart.
 */
export type Ending = 'for_good' | 'to_resume';

export type Reply<T> = T | Promise<T>;

export interface PluginLog {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** All that a plugin may see of its host. */
export interface PluginContext {
  /** VXLAN network identifier of the overlay, 0..16777215. */
  readonly vni: number;
  /**
   * Where the overlay listens: its VTEP, or with 0.0.0.0 or :: every address of this host. An addition: hosts before it
   * have none.
   */
  readonly listen?: Endpoint;
  /**
   * UDP port of the overlay's encapsulation: that of a VTEP of which nobody says a port; 0: it has none, and ports mean
   * nothing. An addition: hosts before it have none, and VXLAN's is meant.
   */
  readonly tunnelPort?: number;
  /** Carries the overlay's and the plugin's name. */
  readonly log: PluginLog;
  /** Aborted when the instance is to stop. */
  readonly signal: AbortSignal;
  /** A destination is now this, whether or not it was asked for. The latest call wins over any earlier answer. */
  put(mac: string, target: Target, options?: Validity): void;
  /** Forget what was said of a MAC; the next frame asks again. */
  withdraw(mac: string): void;
  /** An IP address has another owner now: the VNICs of this overlay are told (ARP announcement, unsolicited NA). */
  moved(ip: string, mac: string): void;
  /**
   * Every VTEP of the overlay: canonical addresses, at most 16384, this host's among them or not. They may send to it
   * (`source-check`) whether or not anybody has asked for a MAC there; the latest list counts. Call it before `start`
   * resolves, and when it changes. Without a list, `lookup` is asked of MACs that send, and lets in whom it names.
   * An addition: hosts before it have none, so call `context.vteps?.(…)`.
   */
  vteps?(ips: readonly string[]): void;
  /** `flood` has another answer now: it is asked again soon. An addition: call `context.floodChanged?.()`. */
  floodChanged?(): void;
  /** The plugin cannot do its work; `reason` is one line for the operator. Known destinations keep forwarding. */
  degrade(reason: string): void;
  /** It can again. */
  restore(): void;
}

interface InstanceBase {
  /** Resolves when lookups may be asked. A rejection refuses the overlay with the error's message. */
  start(): Reply<void>;
  /**
   * Of hosts before `ending` there is none. `next`: the values of the instance of the same plugin that goes on beside
   * this one; without it none does, as when the daemon ends. An addition.
   */
  stop(ending?: Ending, next?: Readonly<Record<string, PropertyValue>>): Reply<void>;
  /** Re-read whatever the plugin reads (the daemon got SIGHUP). Optional. */
  reload?(): Reply<void>;
  /** Properties that are `mutable` changed; already validated. Only what changed. Optional. */
  change?(values: Readonly<Record<string, PropertyValue>>): Reply<void>;
}

/** Every frame, broadcast included, goes to one endpoint. */
export interface PointInstance extends InstanceBase {
  /** Asked after `start` and after a property changed. */
  target(): Reply<Target>;
}

/** Asked per destination MAC. */
export interface DynamicInstance extends InstanceBase {
  /** null: no such MAC. */
  lookup(query: Query): Reply<Answer | null>;
  /** Owner of an IPv4 address, for proxy ARP. Without it, ARP is not answered. */
  arp?(ip: string, vlan: number): Reply<Owner | null>;
  /** Owner of an IPv6 address, for proxy NDP. */
  ndp?(ip: string, vlan: number): Reply<Owner | null>;
  /** MAC of the DHCPv4 server for a client's MAC, for the DHCP proxy. */
  dhcp?(mac: string): Reply<string | null>;
  /**
   * All VTEPs where a MAC is said to be, for an operator who asks, who is shown 64 at most. Frames go where `lookup`
   * says. An addition: hosts before it never ask.
   */
  candidates?(mac: string): Reply<readonly Endpoint[]>;
  /**
   * Everything the plugin knows, for a host that would rather have it before it needs it. Asked for after `start`; a
   * MAC that was handed over must be pushed (`put`, `withdraw`) when its target changes.
   */
  entries?(): Iterable<Entry> | AsyncIterable<Entry>;
  /** Where broadcast, multicast and perhaps unknown unicast go. Without it they drop as `no_flood_list`. Asked after
   *  `start`, `change`, `reload` and {@link PluginContext.floodChanged}. */
  flood?(): Reply<Flood>;
  /**
   * A hint, for plugins that can tell a directory, or ask it again. The host has done what it can: frames of this host
   * go to the MAC here until the plugin says more of it. Nobody waits for the end of it, and of many at once some are
   * left out.
   */
  moved?(move: Move): Reply<void>;
  /**
   * A MAC is on this host now, or has other addresses, or is a VNIC's that was `put` elsewhere and is heard here all
   * the same: for plugins that tell others where it is. When an instance comes to serve it is told of all there are. Of
   * several words on one MAC some may be left out, never the last; what it rejects is not told again. Without it,
   * nothing is said. An addition, with `localRemoved`.
   */
  localAdded?(local: Local): Reply<void>;
  /** A MAC is here no more: its VNIC was deleted, it was silent for long, or it was seen elsewhere. */
  localRemoved?(mac: string): Reply<void>;
}

interface PluginBase {
  /** Lower-case letters, digits, hyphens. What users type after `-s` if built in, and see as the source of entries. */
  readonly name: string;
  /** Each is named `NAME/…` after the plugin. */
  readonly properties: readonly PropertySpec[];
  /** Those that its directory can speak of, as `-e` has them; without it any. Hosts before it ignore it. */
  readonly encapsulations?: readonly string[];
}

export interface PointPlugin extends PluginBase {
  readonly mode: 'point';
  create(context: PluginContext, values: Readonly<Record<string, PropertyValue>>): PointInstance;
}

export interface DynamicPlugin extends PluginBase {
  readonly mode: 'dynamic';
  create(context: PluginContext, values: Readonly<Record<string, PropertyValue>>): DynamicInstance;
}

export type Plugin = PointPlugin | DynamicPlugin;
