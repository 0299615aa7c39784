/**
 * The interface MTU in what a DHCPv4 server offers or acknowledges: option 26 of RFC 2132 section 5.1. Frames were
 * validated by the datapath: Ethernet, IPv4 that is no fragment, UDP, the fixed part of a DHCP message with its cookie.
 */
import { checksum, etherHeaderLength, viewOf } from './bytes.js';

const IPV4_TOTAL_LENGTH = 2;
const IPV4_CHECKSUM = 10;
const IPV4_ADDRESSES = 12;
const UDP_LENGTH = 4;
const UDP_CHECKSUM = 6;
const UDP_HLEN = 8;
const PROTOCOL_UDP = 17;
/** The fixed part and the cookie: RFC 2131 section 2. */
const DHCP_OPTIONS = 240;

const OPTION_PAD = 0;
const OPTION_MTU = 26;
const OPTION_OVERLOAD = 52; // more options stand in other fields
const OPTION_TYPE = 53;
const OPTION_END = 255;
const OFFER = 2;
const ACK = 5;
/** Bytes of the option with its code and its length. */
const MTU_LEN = 4;
/** Bytes of an IP packet that every client takes (RFC 2131 section 2). */
const PACKET_MAX = 576;

/** `missing`: only where the server says nothing of the MTU. `always`: in place of what it says, too. */
export type MtuOption = 'off' | 'missing' | 'always';

/**
 * A copy of the frame in which the client is told of the MTU; the frame itself where it is neither an offer nor an
 * acknowledgement, where the option is not wanted, or where there is no room for it.
 */
export function withMtuOption(frame: Uint8Array, mtu: number, policy: MtuOption): Uint8Array {
  const ipv4 = etherHeaderLength(frame);
  const udp = ipv4 + (frame[ipv4]! & 0x0f) * 4;
  const end = udp + viewOf(frame).getUint16(udp + UDP_LENGTH);
  const options = optionsIn(frame, udp + UDP_HLEN + DHCP_OPTIONS, end);
  const type = frame[(options.get(OPTION_TYPE) ?? Number.NaN) + 2];
  const last = options.get(OPTION_END);
  if (policy === 'off' || (type !== OFFER && type !== ACK) || options.has(OPTION_OVERLOAD) || last === undefined) {
    return frame;
  }
  const known = options.get(OPTION_MTU);
  if (known !== undefined) return policy === 'always' ? changed(frame, ipv4, udp, known, mtu) : frame;
  if (end + MTU_LEN - ipv4 > PACKET_MAX) return frame;
  const longer = new Uint8Array(end + MTU_LEN);
  longer.set(frame.subarray(0, last));
  longer.set(frame.subarray(last, end), last + MTU_LEN);
  const view = viewOf(longer);
  view.setUint16(ipv4 + IPV4_TOTAL_LENGTH, view.getUint16(ipv4 + IPV4_TOTAL_LENGTH) + MTU_LEN);
  view.setUint16(udp + UDP_LENGTH, end + MTU_LEN - udp);
  longer.set([OPTION_MTU, 2], last);
  return changed(longer, ipv4, udp, last, mtu);
}

/** Where each option stands, by its code; of several the first. Those that do not end inside are left out. */
function optionsIn(frame: Uint8Array, start: number, end: number): Map<number, number> {
  const found = new Map<number, number>();
  for (let at = start; at < end; ) {
    const code = frame[at]!;
    if (code === OPTION_PAD) {
      at++;
      continue;
    }
    const next = code === OPTION_END ? at + 1 : at + 2 + (frame[at + 1] ?? end);
    if (next > end) break;
    if (!found.has(code)) found.set(code, at);
    if (code === OPTION_END) break;
    at = next;
  }
  return found;
}

/** With this MTU in the option at `at`, and both checksums made right. */
function changed(frame: Uint8Array, ipv4: number, udp: number, at: number, mtu: number): Uint8Array {
  const copy = frame.slice();
  const view = viewOf(copy);
  if (copy[at + 1] !== 2) return frame;
  view.setUint16(at + 2, mtu);
  view.setUint16(ipv4 + IPV4_CHECKSUM, 0);
  view.setUint16(ipv4 + IPV4_CHECKSUM, checksum(copy.subarray(ipv4, udp)));
  if (view.getUint16(udp + UDP_CHECKSUM) === 0) return copy; // it has none
  const length = view.getUint16(udp + UDP_LENGTH);
  view.setUint16(udp + UDP_CHECKSUM, 0);
  const pseudo = ~checksum(copy.subarray(ipv4 + IPV4_ADDRESSES, ipv4 + IPV4_ADDRESSES + 8), PROTOCOL_UDP + length);
  const sum = checksum(copy.subarray(udp, udp + length), pseudo & 0xffff);
  view.setUint16(udp + UDP_CHECKSUM, sum === 0 ? 0xffff : sum);
  return copy;
}
