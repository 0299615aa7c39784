/**
 * The contract between vxlane and a search plugin: the code that answers "where is this MAC?".
 *
 * Life: the host validates the values against `properties`, calls `create(context, values)`, then `start()`. From then
 * on, until `stop()`, it may ask `lookup`, `arp`, `ndp`, `dhcp` at any time and several at once; it never asks twice at
 * the same time for one MAC. An answer is a value or a promise of one. An answer later than the host's deadline (3 s)
 * is ignored. Whatever a plugin throws or rejects costs that one lookup and marks the overlay DEGRADED; it never
 * costs a packet of a destination that is already known.
 *
 * Only plain, frozen data crosses, in canonical text: MAC `de:ad:be:ef:00:01`, IPv4 dotted, IPv6 per RFC 5952. A plugin
 * sees no buffer, no socket and no table; it may therefore run in a thread of its own. This file imports nothing.
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
  /** Inclusive bounds of an int or uint. */
  readonly range?: readonly [number, number];
  /** The only legal values of a string. */
  readonly values?: readonly string[];
  /** May change while the overlay runs. */
  readonly mutable?: boolean;
  /** One line. */
  readonly help: string;
}

/** Where frames for a MAC go: to a VTEP, or nowhere. */
export type Target = Readonly<{ ip: string; port: number }> | 'drop';

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

/** An answer with a time to live in milliseconds; without one it stays until withdrawn or evicted. */
export interface Answer {
  readonly target: Target;
  readonly ttlMs?: number;
}

/** Who owns an IP address. */
export interface Owner {
  readonly mac: string;
  /** NDP only: the owner is a router (RFC 4861 section 4.4, R flag). Default false. */
  readonly router?: boolean;
}

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
  /** Carries the overlay's and the plugin's name. */
  readonly log: PluginLog;
  /** Aborted when the instance is to stop. */
  readonly signal: AbortSignal;
  /** A destination is now this, whether or not it was asked for. The latest call wins over any earlier answer. */
  put(mac: string, target: Target, options?: { readonly ttlMs?: number }): void;
  /** Forget what was said of a MAC; the next frame asks again. */
  withdraw(mac: string): void;
  /** An IP address has another owner now: the VNICs of this overlay are told (ARP announcement, unsolicited NA). */
  moved(ip: string, mac: string): void;
  /** The plugin cannot do its work; `reason` is one line for the operator. Known destinations keep forwarding. */
  degrade(reason: string): void;
  /** It can again. */
  restore(): void;
}

interface InstanceBase {
  /** Resolves when lookups may be asked. A rejection refuses the overlay with the error's message. */
  start(): Reply<void>;
  stop(): Reply<void>;
  /** Re-read whatever the plugin reads (the daemon got SIGHUP). Optional. */
  reload?(): Reply<void>;
}

/** Every frame, broadcast included, goes to one endpoint. */
export interface PointInstance extends InstanceBase {
  /** Asked after `start` and after a property changed. */
  target(): Reply<Target>;
  /** Properties that are `mutable` changed; already validated. Optional. */
  change?(values: Readonly<Record<string, PropertyValue>>): Reply<void>;
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
}

interface PluginBase {
  /** What users type after `-s`. */
  readonly name: string;
  readonly properties: readonly PropertySpec[];
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
