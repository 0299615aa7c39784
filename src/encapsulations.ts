/**
 * The encapsulations: how a datagram carries a frame. The one table of them on the host's side; what their headers are
 * is in assembly/wire/tunnel.ts. A leaf: any room may import it.
 */
import { VXLAN_PORT } from './address.js';

export interface Encapsulation {
  /** The UDP port that IANA has for it. */
  readonly port: number;
  /** Its header has the I flag of VXLAN, without which the VNI means nothing. */
  readonly hasFlagI: boolean;
  /** Where it is specified. */
  readonly specification: string;
}

export const ENCAPSULATIONS = {
  vxlan: { port: VXLAN_PORT, hasFlagI: true, specification: 'RFC 7348' },
  geneve: { port: 6081, hasFlagI: false, specification: 'RFC 8926' },
  'vxlan-gpe': { port: 4790, hasFlagI: true, specification: 'draft-ietf-nvo3-vxlan-gpe' },
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

/** With a port that is nobody's yet: it is that of the encapsulation. `spec`: of a property. */
export function withPort<Spec extends { readonly isTunnelPort?: boolean }>(encap: Encap, spec: Spec): Spec {
  return spec.isTunnelPort === true ? { ...spec, default: ENCAPSULATIONS[encap].port } : spec;
}

export function isEncap(name: string): name is Encap {
  return Object.hasOwn(ENCAPSULATIONS, name);
}
