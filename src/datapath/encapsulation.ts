/** The layout's numbers of encapsulations. */
import { Encapsulation } from '../../assembly/layout.js';
import { ENCAPS, type Encap } from '../encapsulations.js';

export function encapsulationOf(encap: Encap = 'vxlan'): number {
  return Encapsulation[encap.replaceAll('-', '_') as keyof typeof Encapsulation];
}

/** Which one has the number. */
export function encapOf(encapsulation: number): Encap {
  return ENCAPS.find((encap) => encapsulationOf(encap) === encapsulation) ?? 'vxlan';
}
