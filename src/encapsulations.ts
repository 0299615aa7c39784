/**
 * The encapsulations: how a datagram carries a frame. The one table of them on the host's side; what their headers are
 * is in assembly/wire/tunnel.ts. A leaf: any room may import it.
 */
import { type Endpoint, ipFamily, NO_PORT, VXLAN_PORT } from './address.js';

export interface Encapsulation {
  /** The UDP port that IANA has for it; {@link NO_PORT}: it is behind IP itself, as GRE (protocol 47). */
  readonly port: number;
  /** Its header has the I flag of VXLAN, without which the VNI means nothing. */
  readonly hasFlagI: boolean;
  /** Its identifiers of virtual networks that an overlay may have. */
  readonly vnis: readonly [least: number, most: number];
  /** Where it is specified. */
  readonly specification: string;
}

/** 24 bits. */
const ANY_VNI = [0, 0xffffff] as const;
/** RFC 7637 section 3.2: those below are reserved, the one above is for what vendors say to each other. */
const VSIDS = [0x1000, 0xfffffe] as const;

export const ENCAPSULATIONS = {
  vxlan: { port: VXLAN_PORT, hasFlagI: true, vnis: ANY_VNI, specification: 'RFC 7348' },
  geneve: { port: 6081, hasFlagI: false, vnis: ANY_VNI, specification: 'RFC 8926' },
  'vxlan-gpe': { port: 4790, hasFlagI: true, vnis: ANY_VNI, specification: 'draft-ietf-nvo3-vxlan-gpe' },
  nvgre: { port: NO_PORT, hasFlagI: false, vnis: VSIDS, specification: 'RFC 7637' },
} as const satisfies Record<string, Encapsulation>;

/** What an overlay wants of headers. */
export interface HeaderRules {
  /** Drop datagrams whose reserved bits are set. */
  readonly strictHeader: boolean;
  /** Group policy id of what leaves and of what is taken, 0..65535; null, and by default: there is none. */
  readonly policyGroup?: number | null;
}

export type Encap = keyof typeof ENCAPSULATIONS;

/** As `-e` has them. Properties of an overlay's tunnel begin with the name of its encapsulation. */
export const ENCAPS = Object.keys(ENCAPSULATIONS) as [Encap, ...Encap[]];

/** Its datagrams are of UDP. */
export function hasPorts(encap: Encap): boolean {
  return ENCAPSULATIONS[encap].port !== NO_PORT;
}

/**
 * With a port that is nobody's yet: it is that of the encapsulation; where that has none, there is no such property.
 * `spec`: of a property.
 */
export function withPort<Spec extends { readonly isTunnelPort?: boolean }>(encap: Encap, spec: Spec): Spec[] {
  if (spec.isTunnelPort !== true) return [spec];
  return hasPorts(encap) ? [{ ...spec, default: ENCAPSULATIONS[encap].port }] : [];
}

export function isEncap(name: string): name is Encap {
  return Object.hasOwn(ENCAPSULATIONS, name);
}

const IP_HLEN = { 4: 20, 6: 40 } as const;
const UDP_HLEN = 8;
/** Of every encapsulation. */
const TUNNEL_HLEN = 8;

/** Bytes from the outer IP header to a frame, in what goes to an endpoint or comes to where an overlay listens. */
export function outerOverhead({ ip, port }: Endpoint): number {
  return IP_HLEN[ipFamily(ip)] + (port === NO_PORT ? 0 : UDP_HLEN) + TUNNEL_HLEN;
}
