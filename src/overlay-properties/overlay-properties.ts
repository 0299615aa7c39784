/** The properties that every overlay has: the one table of them, and what their values mean together. */
import type { Listen } from '../address.js';
import { ENCAPS, type Encap, hasPorts, withPort } from '../encapsulations.js';
import { pluginWantsEncap } from '../errors.js';
import type { OuterHeader } from '../outer-header.js';
import type { PropertySpec, PropertyValue } from '../search/api.js';
import type { Manifest } from '../search/host/messages.js';
import type { Confinement, Isolation } from '../search/host/placement.js';
import { checkProperties, parseProperties } from '../search/props.js';
import { listenOf, withoutZone } from './listen.js';
import { MTU_MAX, MTU_MIN } from './mtu.js';
import { OUTER_PROPERTIES, outerOf } from './outer.js';
import { SOURCE_PROPERTIES, type SourceSettings, sourceSettingsOf } from './source-check.js';
import { GBP, renamed, specsIn, specsOfAll, TUNNEL_PROPERTIES } from './tunnel.js';

export type Values = Readonly<Record<string, PropertyValue>>;

export const VNI_MAX = 0xffffff;

/** Datagrams that are not of UDP leave as those with one source port and a checksum. */
const WITHOUT_UDP: Values = { 'vxlan/source_ports': 1, 'vxlan/udp_checksum': 'always' };
/** Of the search plugin, MiB. */
const MEMORY = 'lookup/memory';
export const MEMORY_MIB_DEFAULT = 1024;

/** Overlays that listen on one address and port, and device, share their sockets, and must agree on these. */
export const SOCKET_PROPERTIES = [
  'vxlan/source_ports',
  'vxlan/udp_checksum',
  'vxlan/accept_zero_checksum6',
  'vxlan/multicast_ttl',
] as const;

const MTU_OPTION = {
  type: 'string',
  required: false,
  default: 'missing',
  values: ['off', 'missing', 'always'],
  mutable: true,
} as const;

/**
 * By their names in an overlay whose encapsulation is VXLAN: see {@link overlayProperties}. `mtu` has no default here:
 * that depends on the underlay, see {@link defaultMtu}.
 */
export const OVERLAY_PROPERTIES: readonly PropertySpec[] = [
  {
    name: 'mtu',
    type: 'uint',
    required: false,
    range: [MTU_MIN, MTU_MAX],
    mutable: true,
    help: 'largest IP packet inside, bytes; by default what fits the underlay',
  },
  ...TUNNEL_PROPERTIES,
  ...OUTER_PROPERTIES,
  {
    name: GBP,
    type: 'uint',
    required: false,
    range: [0, 65535],
    mutable: true,
    help: 'group policy id of what leaves, and that of what is taken (VXLAN-GBP); by default there is none',
  },
  {
    name: 'vxlan/accept_partial',
    type: 'string',
    required: false,
    default: 'auto',
    values: ['auto', 'off'],
    mutable: true,
    help: 'frames with unfinished checksums, and super-frames, from a kernel on this machine (veth, virtio) are taken',
  },
  {
    name: 'offload',
    type: 'string',
    required: false,
    default: 'auto',
    values: ['auto', 'off'],
    mutable: true,
    help: 'super-frames from and to VNICs, several datagrams per send and receive',
  },
  {
    name: 'vlan',
    type: 'string',
    required: false,
    default: 'pass',
    values: ['pass', 'strip', 'discard'],
    mutable: true,
    help: 'what happens to 802.1Q tags inside (RFC 7348 section 6.1)',
  },
  {
    name: 'strict-header',
    type: 'string',
    required: false,
    default: 'false',
    values: ['true', 'false'],
    mutable: true,
    help: 'drop datagrams whose reserved header bits are set',
  },
  ...SOURCE_PROPERTIES,
  {
    name: 'oam-loopback',
    type: 'string',
    required: false,
    default: 'answer',
    values: ['answer', 'off'],
    mutable: true,
    help: 'answer VTEPs that ask whether this one answers (vxlane ping, Ethernet OAM loopback)',
  },
  { name: 'dhcp/mtu_option', ...MTU_OPTION, help: 'the MTU in DHCP offers; missing: where there is none' },
  { name: 'ndp/mtu_option', ...MTU_OPTION, help: 'the MTU in router advertisements; missing: where there is none' },
  {
    name: 'lookup/negative_ttl',
    type: 'uint',
    required: false,
    default: 1000,
    range: [0, 60_000],
    mutable: true,
    help: 'milliseconds for which "no such MAC" is remembered',
  },
  {
    name: MEMORY,
    type: 'uint',
    required: false,
    default: MEMORY_MIB_DEFAULT,
    range: [32, 65_536],
    mutable: true,
    help: 'MiB of memory that the thread or process of the search plugin may use; holds from its next start',
  },
  {
    name: 'plugin-isolation',
    type: 'string',
    required: false,
    default: 'process',
    values: ['process', 'thread'],
    mutable: true,
    help: 'where a search plugin runs that does not come with vxlane; thread: no fence; holds from its next start',
  },
];

/** What an overlay wants of its socket. Those who share one must want the same, but for the last two. */
export interface SocketSettings {
  readonly encap: Encap;
  readonly listen: Listen;
  /** 1..64 */
  readonly sourcePorts: number;
  readonly checksum: 'auto' | 'zero' | 'always';
  /** IPv6 datagrams with checksum 0 are received. */
  readonly acceptZeroChecksum6: boolean;
  /** TTL or hop limit of what is sent to multicast groups. */
  readonly multicastTtl: number;
  readonly offload: 'auto' | 'off';
  /** Some of its datagrams may be fragmented. */
  readonly fragmentable: boolean;
}

export interface OverlaySettings extends SourceSettings {
  /** null: the default. */
  readonly mtu: number | null;
  readonly socket: SocketSettings;
  readonly vlan: 'pass' | 'strip' | 'discard';
  readonly strictHeader: boolean;
  /** Group policy id, 0..65535; null: datagrams have none. */
  readonly policyGroup: number | null;
  readonly outer: OuterHeader;
  /** Other VTEPs' loopback messages are answered. */
  readonly answersLoopback: boolean;
  /** Frames as they are inside a kernel on this machine are taken. */
  readonly acceptPartial: boolean;
  /** The MTU in DHCP offers. */
  readonly dhcpMtuOption: 'off' | 'missing' | 'always';
  /** The MTU in router advertisements. */
  readonly ndpMtuOption: 'off' | 'missing' | 'always';
  readonly negativeTtlMs: number;
  /** Of the search plugin. */
  readonly confinement: Confinement;
}

/** What an overlay was told, in three forms. */
export interface OverlayConfiguration {
  /** What the operator gave, in canonical text; defaults are not in it. */
  readonly given: Readonly<Record<string, string>>;
  /** By name of the property, defaults filled in. */
  readonly values: Values;
  readonly settings: OverlaySettings;
}

const PROPERTIES_OF = new Map(ENCAPS.map((encap) => [encap, specsIn(encap, OVERLAY_PROPERTIES)]));

/** Those that every overlay of this encapsulation has. */
export function overlayProperties(encap: Encap): readonly PropertySpec[] {
  return PROPERTIES_OF.get(encap)!;
}

/** Those of overlays of any encapsulation. */
export const ALL_OVERLAY_PROPERTIES: readonly PropertySpec[] = specsOfAll(OVERLAY_PROPERTIES);

/** Those of the plugin, in an overlay of this encapsulation. */
export function pluginProperties(encap: Encap, plugin: Pick<Manifest, 'properties'> | null): readonly PropertySpec[] {
  return (plugin?.properties ?? []).flatMap((spec) => withPort(encap, spec));
}

/** All properties of an overlay with this plugin; null: there is no such plugin, so only the general ones. */
export function specsOf(encap: Encap, plugin: Manifest | null): readonly PropertySpec[] {
  return [...overlayProperties(encap), ...pluginProperties(encap, plugin)];
}

/** A VxlaneError when the plugin's directory speaks of other encapsulations. null: nothing is known of it. */
export function checkEncapsulation(encap: Encap, plugin: Manifest | null): void {
  const known = plugin?.encapsulations;
  if (plugin !== null && known?.includes(encap) === false) throw pluginWantsEncap(plugin.name, encap, known);
}

/** Parses what the operator gave. A VxlaneError names everything that is wrong with it. */
export function configurationOf(
  encap: Encap,
  plugin: Manifest | null,
  typed: Readonly<Record<string, string>>,
): OverlayConfiguration {
  checkEncapsulation(encap, plugin);
  const specs = specsOf(encap, plugin);
  const given = withoutZone(encap, typed);
  return configurationFrom(encap, given, parseProperties(specs, plugin === null ? only(given, specs) : given));
}

/** Of what the operator gave and its values, already parsed. A VxlaneError when the listen address can be no host's. */
export function configurationFrom(
  encap: Encap,
  given: Readonly<Record<string, string>>,
  values: Values,
): OverlayConfiguration {
  const known = Object.keys(given).filter((name) => Object.hasOwn(values, name));
  const canonical = known.map((name) => [name, String(values[name])]);
  return { given: { ...given, ...Object.fromEntries(canonical) }, values, settings: settingsOf(encap, values) };
}

/** The entries of `record` that the specs name. */
export function only<T>(record: Readonly<Record<string, T>>, specs: readonly PropertySpec[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => specs.some((spec) => spec.name === name)));
}

/** What properties that may not be right yet say of where a plugin runs: it is looked for before they are. */
export function isolationIn(properties: Readonly<Record<string, unknown>>): Isolation {
  return properties['plugin-isolation'] === 'thread' ? 'thread' : 'process';
}

/** The same, and how much memory it may have: what is wrong there is refused later. */
export function confinementIn(properties: Readonly<Record<string, string>>): Confinement {
  const specs = OVERLAY_PROPERTIES.filter(({ name }) => name === MEMORY);
  const { values } = checkProperties(specs, only(properties, specs));
  return { isolation: isolationIn(properties), memoryMiB: Number(values[MEMORY] ?? specs[0]!.default) };
}

/** Parsed values as settings. A VxlaneError when the listen address can be no host's. */
function settingsOf(encap: Encap, named: Values): OverlaySettings {
  const values: Values = { ...(hasPorts(encap) ? {} : WITHOUT_UDP), ...renamed(encap, named) };
  const outer = outerOf(values);
  const listen = listenOf(encap, values);
  return {
    ...sourceSettingsOf(values, listen.ip),
    mtu: values.mtu === undefined ? null : Number(values.mtu),
    socket: {
      encap,
      listen,
      sourcePorts: Number(values['vxlan/source_ports']),
      checksum: values['vxlan/udp_checksum'] as SocketSettings['checksum'],
      acceptZeroChecksum6: values['vxlan/accept_zero_checksum6'] === 'true',
      multicastTtl: Number(values['vxlan/multicast_ttl']),
      offload: values.offload as SocketSettings['offload'],
      fragmentable: outer.df !== 'set',
    },
    vlan: values.vlan as OverlaySettings['vlan'],
    strictHeader: values['strict-header'] === 'true',
    policyGroup: values[GBP] === undefined ? null : Number(values[GBP]),
    outer,
    answersLoopback: values['oam-loopback'] === 'answer',
    acceptPartial: values['vxlan/accept_partial'] === 'auto',
    dhcpMtuOption: values['dhcp/mtu_option'] as OverlaySettings['dhcpMtuOption'],
    ndpMtuOption: values['ndp/mtu_option'] as OverlaySettings['ndpMtuOption'],
    negativeTtlMs: Number(values['lookup/negative_ttl']),
    confinement: { isolation: isolationIn(values), memoryMiB: Number(values[MEMORY]) },
  };
}
