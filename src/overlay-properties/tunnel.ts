/**
 * The properties of an overlay's tunnel. Each encapsulation has the same ones under its own name: what is
 * `vxlan/listen_ip` in the tables of this room is `geneve/listen_ip` where the overlay's encapsulation is geneve.
 */
import { VXLAN_PORT } from '../address.js';
import { ENCAPS, type Encap, hasPorts, withPort } from '../encapsulations.js';
import type { PropertySpec } from '../search/api.js';

const MODULE = 'vxlan/';
/** What VXLAN alone has. */
export const GBP = `${MODULE}gbp`;

/** What UDP alone has. */
const OF_UDP: ReadonlySet<string> = new Set([
  `${MODULE}listen_port`,
  `${MODULE}source_ports`,
  `${MODULE}udp_checksum`,
  `${MODULE}accept_zero_checksum6`,
]);

/** Bytes. */
const INTERFACE_NAME_MAX = 15;

/** Those of its sockets. */
export const TUNNEL_PROPERTIES: readonly PropertySpec[] = [
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
    isTunnelPort: true,
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
];

/** The name that a property of the tables has in an overlay of this encapsulation. */
export function nameIn(encap: Encap, name: string): string {
  return name.startsWith(MODULE) ? `${encap}/${name.slice(MODULE.length)}` : name;
}

/** The tables' name of a property of such an overlay. */
function nameInTables(encap: Encap, name: string): string {
  return name.startsWith(`${encap}/`) ? `${MODULE}${name.slice(encap.length + 1)}` : name;
}

/** With their names of the tables. */
export function renamed<T>(encap: Encap, record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [nameInTables(encap, name), value]));
}

/** Of the tables' properties, those that an overlay of this encapsulation has, by the names that they have there. */
export function specsIn(encap: Encap, specs: readonly PropertySpec[]): readonly PropertySpec[] {
  const own = specs.filter(({ name }) => (name !== GBP || encap === 'vxlan') && (!OF_UDP.has(name) || hasPorts(encap)));
  return own.flatMap((spec) => withPort(encap, { ...spec, name: nameIn(encap, spec.name) }));
}

/** All of them, those of every encapsulation. */
export function specsOfAll(specs: readonly PropertySpec[]): readonly PropertySpec[] {
  const [first, ...others] = ENCAPS.map((encap) => specsIn(encap, specs));
  const own = others.flatMap((each, index) => each.filter(({ name }) => name.startsWith(`${ENCAPS[index + 1]}/`)));
  return [...first!, ...own];
}
