/** The properties that every overlay has: the one table of them, and what their values mean together. */
import { type Listen, VXLAN_PORT } from '../address.js';
import type { OuterHeader } from '../outer-header.js';
import type { PropertySpec, PropertyValue } from '../search/api.js';
import type { Manifest } from '../search/host/messages.js';
import type { Confinement, Isolation } from '../search/host/placement.js';
import { checkProperties, parseProperties } from '../search/props.js';
import { listenOf, withoutZone } from './listen.js';
import { MTU_MAX, MTU_MIN } from './mtu.js';
import { OUTER_PROPERTIES, outerOf } from './outer.js';
import { SOURCE_PROPERTIES, type SourceSettings, sourceSettingsOf } from './source-check.js';

export type Values = Readonly<Record<string, PropertyValue>>;

export const ENCAPS: readonly string[] = ['vxlan'];
export const VNI_MAX = 0xffffff;
/** Of the search plugin, MiB. */
const MEMORY = 'lookup/memory';

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

/** Bytes. */
const INTERFACE_NAME_MAX = 15;

/** `mtu` has no default here: that depends on the underlay, see {@link defaultMtu}. */
export const OVERLAY_PROPERTIES: readonly PropertySpec[] = [
  {
    name: 'mtu',
    type: 'uint',
    required: false,
    range: [MTU_MIN, MTU_MAX],
    mutable: true,
    help: 'largest IP packet inside, bytes; by default what fits the underlay',
  },
  {
    name: 'vxlan/listen_ip',
    type: 'ip',
    required: true,
    help: "this host's address on the underlay; a link-local one as fe80::1%eth0",
  },
  {
    name: 'vxlan/underlay_dev',
    type: 'string',
    required: false,
    maxBytes: INTERFACE_NAME_MAX,
    help: 'interface, or VRF, by which alone datagrams come and go; by default any',
  },
  {
    name: 'vxlan/listen_port',
    type: 'uint',
    required: false,
    default: VXLAN_PORT,
    range: [1, 65535],
    help: 'UDP port of the tunnel',
  },
  {
    name: 'vxlan/source_ports',
    type: 'uint',
    required: false,
    default: 16,
    range: [1, 64],
    help: 'UDP source ports, chosen by inner flow; 1: everything leaves from the listening port',
  },
  {
    name: 'vxlan/udp_checksum',
    type: 'string',
    required: false,
    default: 'auto',
    values: ['auto', 'zero', 'always'],
    help: 'outer UDP checksum; auto: zero for a single datagram over IPv4, real where several share a send',
  },
  {
    name: 'vxlan/accept_zero_checksum6',
    type: 'string',
    required: false,
    default: 'false',
    values: ['true', 'false'],
    help: 'receive IPv6 datagrams whose UDP checksum is zero (RFC 6935)',
  },
  {
    name: 'vxlan/multicast_ttl',
    type: 'uint',
    required: false,
    default: 1,
    range: [1, 255],
    help: 'TTL or hop limit of what is sent to a multicast group; 1: it stays on the link',
  },
  ...OUTER_PROPERTIES,
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
    default: 1024,
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

/** All properties of an overlay with this plugin; null: there is no such plugin, so only the general ones. */
export function specsOf(plugin: Manifest | null): readonly PropertySpec[] {
  return [...OVERLAY_PROPERTIES, ...(plugin?.properties ?? [])];
}

/** Parses what the operator gave. A VxlaneError names everything that is wrong with it. */
export function configurationOf(
  plugin: Manifest | null,
  typed: Readonly<Record<string, string>>,
): OverlayConfiguration {
  const specs = specsOf(plugin);
  const given = withoutZone(typed);
  return configurationFrom(given, parseProperties(specs, plugin === null ? only(given, specs) : given));
}

/** Of what the operator gave and its values, already parsed. A VxlaneError when the listen address can be no host's. */
export function configurationFrom(given: Readonly<Record<string, string>>, values: Values): OverlayConfiguration {
  const known = Object.keys(given).filter((name) => Object.hasOwn(values, name));
  const canonical = known.map((name) => [name, String(values[name])]);
  return { given: { ...given, ...Object.fromEntries(canonical) }, values, settings: settingsOf(values) };
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
function settingsOf(values: Values): OverlaySettings {
  const outer = outerOf(values);
  const listen = listenOf(values);
  return {
    ...sourceSettingsOf(values, listen.ip),
    mtu: values.mtu === undefined ? null : Number(values.mtu),
    socket: {
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
    outer,
    answersLoopback: values['oam-loopback'] === 'answer',
    acceptPartial: values['vxlan/accept_partial'] === 'auto',
    dhcpMtuOption: values['dhcp/mtu_option'] as OverlaySettings['dhcpMtuOption'],
    ndpMtuOption: values['ndp/mtu_option'] as OverlaySettings['ndpMtuOption'],
    negativeTtlMs: Number(values['lookup/negative_ttl']),
    confinement: { isolation: isolationIn(values), memoryMiB: Number(values[MEMORY]) },
  };
}
