/**
 * The MTU of the link in router advertisements: the option of RFC 4861 section 4.6.4. Frames were validated by the
 * datapath (section 6.1.2): ICMPv6 straight after the IPv6 header, good checksum, options that end where it ends.
 *
 *   ICMPv6 (16): type 134, code 0, checksum at 2, and what else a router says; then options
 *   MTU option (8): type 5, length 1, reserved, MTU at 4
 */
import { etherHeaderLength, viewOf } from './bytes.js';
import type { MtuOption } from './dhcp-mtu.js';
import { ICMP6_CHECKSUM, IPV6_HLEN, IPV6_PAYLOAD_LENGTH, icmp6Checksum } from './ndp.js';

const RA_OPTIONS = 16;
const OPTION_UNIT = 8;
const OPTION_MTU = 5;
const OPTION_SIGNATURE = 12; // RFC 3971 section 5.2: of all that stands before it
const MTU_AT = 4;
const MTU_LEN = OPTION_UNIT;
/** Of every link, in bytes: hosts take no MTU option below it (RFC 8200 section 5). */
const IPV6_MTU_MIN = 1280;

/**
 * A copy of the frame in which hosts are told of the MTU; the frame itself where the option is not wanted, where there
 * is no room for it, where hosts would not heed it, and where the router has signed what it says.
 */
export function withRouterMtu(frame: Uint8Array, mtu: number, policy: MtuOption): Uint8Array {
  const ipv6 = etherHeaderLength(frame);
  const icmp = ipv6 + IPV6_HLEN;
  const end = icmp + viewOf(frame).getUint16(ipv6 + IPV6_PAYLOAD_LENGTH);
  const isSigned = optionsIn(frame, icmp + RA_OPTIONS, end, OPTION_SIGNATURE).length > 0;
  if (policy === 'off' || mtu < IPV6_MTU_MIN || isSigned) return frame;
  const known = optionsIn(frame, icmp + RA_OPTIONS, end, OPTION_MTU);
  if (known.length > 0) return policy === 'always' ? changed(frame.slice(), ipv6, end, known, mtu) : frame;
  if (end + MTU_LEN - ipv6 > mtu) return frame;
  const longer = new Uint8Array(end + MTU_LEN);
  longer.set(frame.subarray(0, end));
  longer.set([OPTION_MTU, MTU_LEN / OPTION_UNIT], end);
  viewOf(longer).setUint16(ipv6 + IPV6_PAYLOAD_LENGTH, longer.length - icmp);
  return changed(longer, ipv6, longer.length, [end], mtu);
}

/** Where each option of a type stands. */
function optionsIn(frame: Uint8Array, start: number, end: number, type: number): number[] {
  const found: number[] = [];
  for (let at = start; at < end; at += frame[at + 1]! * OPTION_UNIT) if (frame[at] === type) found.push(at);
  return found;
}

/** With this MTU in the options at `options`, and the checksum made right. */
function changed(frame: Uint8Array, ipv6: number, end: number, options: readonly number[], mtu: number): Uint8Array {
  const view = viewOf(frame);
  const icmp = ipv6 + IPV6_HLEN;
  for (const at of options) view.setUint32(at + MTU_AT, mtu);
  view.setUint16(icmp + ICMP6_CHECKSUM, 0);
  view.setUint16(icmp + ICMP6_CHECKSUM, icmp6Checksum(frame.subarray(ipv6, icmp), frame.subarray(icmp, end)));
  return frame;
}
