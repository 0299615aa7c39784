/** The MACs of the VNICs under test: one a variant and side. */
import type { Side } from './tunnel.js';

export function vnicMac(number: number, side: Side): string {
  return `02:be:0c:00:${number.toString(16).padStart(2, '0')}:0${side + 1}`;
}

/** Of the further VNICs of a variant, which carry nothing; `more` is 1..65535. */
export function idleMac(number: number, side: Side, more: number): string {
  const bytes = [0x02, 0xbf, number, side, more >> 8, more & 0xff];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
