/** The MACs of the VNICs under test: one a variant and side. */
import type { Side } from './tunnel.js';

export function vnicMac(number: number, side: Side): string {
  return `02:be:0c:00:${number.toString(16).padStart(2, '0')}:0${side + 1}`;
}
