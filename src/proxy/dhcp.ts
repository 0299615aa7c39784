/**
 * The DHCPv4 proxy: a broadcast of a client or server becomes unicast at the Ethernet layer; nothing else changes (no
 * giaddr, no option 82), so the client's BROADCAST flag survives. Frames were validated by the datapath.
 */
import { ETH_DESTINATION, etherHeaderLength, part, readMac, writeMac } from './bytes.js';

const UDP_HLEN = 8;
/** op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr: RFC 2131 section 2. */
const DHCP_CHADDR = 4 + 4 + 4 + 4 * 4;

/** The client's MAC, `chaddr`, in canonical text; of a message in either direction. */
export function dhcpClient(frame: Uint8Array): string {
  const ipv4 = etherHeaderLength(frame);
  const headerBytes = ((part(frame, ipv4, 1)[0] as number) & 0x0f) * 4;
  return readMac(frame, ipv4 + headerBytes + UDP_HLEN + DHCP_CHADDR);
}

/** A copy of the frame, addressed to `mac`. */
export function redirect(frame: Uint8Array, mac: string): Uint8Array {
  const copy = frame.slice();
  writeMac(copy, ETH_DESTINATION, mac);
  return copy;
}
