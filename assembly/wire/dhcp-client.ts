// Whom a message of a DHCP client is about: the client identifier of DHCPv4 (RFC 2132 section 9.14, RFC 4361) and the
// DUID of DHCPv6 (RFC 8415 section 11). Servers keep leases by these. Those that hold a MAC address can be judged; the
// others, such as a DUID made of a machine's id, say nothing of who may use them.

import { load16be, loadMac } from './bytes';
import { ETH_ALEN } from './ethernet';
import { DHCP_HLEN } from './dhcp';

const PAD: u32 = 0;
const END: u32 = 255;
const OVERLOAD: u32 = 52; // options go on in the fields sname and file
const CLIENT_ID: u32 = 61;
const ID_ETHERNET: u32 = 1; // first byte of an identifier: a MAC address follows
const ID_DUID: u32 = 255; // ... an IAID of 4 bytes and a DUID follow

const DUID_LLT: u32 = 1; // hardware type, 4 bytes of time, link-layer address
const DUID_LL: u32 = 3; // hardware type, link-layer address
const HARDWARE_ETHERNET: u32 = 1;

export const DHCPV6_SERVER_PORT: u32 = 547;
export const DHCPV6_CLIENT_PORT: u32 = 546;
/** Bytes of a message before its options: type and transaction. */
export const DHCPV6_HLEN: u32 = 4;
const OPTION_HLEN: u32 = 4;
const OPTION_CLIENT_ID: u32 = 1;

/**
 * Whether a message of `len` bytes that passed `dhcpCheck` has well-formed options, none of them hidden in other fields
 * or said twice, and no client identifier that is the MAC address of somebody else.
 */
export function dhcpIsOf(message: usize, len: u32, mac: u64): bool {
  let seen = false;
  for (let at = DHCP_HLEN; at < len; ) {
    const code = <u32>load<u8>(message + at);
    if (code == END) return true;
    if (code == PAD) {
      at++;
      continue;
    }
    if (len - at < 2) return false;
    const size = <u32>load<u8>(message + at, 1);
    if (size > len - at - 2 || code == OVERLOAD) return false;
    if (code == CLIENT_ID) {
      // RFC 3396: a second one would go on where the first ends
      if (seen || !clientIdIsOf(message + at + 2, size, mac)) return false;
      seen = true;
    }
    at += 2 + size;
  }
  return true;
}

function clientIdIsOf(id: usize, len: u32, mac: u64): bool {
  if (len == 0) return false;
  const type = <u32>load<u8>(id);
  if (type == ID_ETHERNET) return len == 1 + ETH_ALEN && loadMac(id, 1) == mac;
  return type != ID_DUID || len < 5 || duidIsOf(id + 5, len - 5, mac);
}

/** Whether a DUID of `len` bytes is not the MAC address of somebody else. */
export function duidIsOf(duid: usize, len: u32, mac: u64): bool {
  if (len < 4) return false;
  const type = load16be(duid, 0);
  if ((type != DUID_LLT && type != DUID_LL) || load16be(duid, 2) != HARDWARE_ETHERNET) return true;
  const at: u32 = type == DUID_LLT ? 8 : 4;
  return len == at + ETH_ALEN && loadMac(duid + at, 0) == mac;
}

/** Whether a DHCPv6 message is one of those that servers and relays send. `len` is at least 1. */
@inline
export function dhcpv6IsServers(message: usize): bool {
  switch (<u32>load<u8>(message)) {
    case 2: // ADVERTISE
    case 7: // REPLY
    case 10: // RECONFIGURE
    case 12: // RELAY-FORW
    case 13: // RELAY-REPL
      return true;
    default:
      return false;
  }
}

/** Whether a client's message of `len` bytes has well-formed options, and no DUID that is somebody else's MAC. */
export function dhcpv6IsOf(message: usize, len: u32, mac: u64): bool {
  if (len < DHCPV6_HLEN) return false;
  for (let at = DHCPV6_HLEN; at < len; ) {
    if (len - at < OPTION_HLEN) return false;
    const option = message + at;
    const size = load16be(option, 2);
    if (size > len - at - OPTION_HLEN) return false;
    if (load16be(option, 0) == OPTION_CLIENT_ID && !duidIsOf(option + OPTION_HLEN, size, mac)) return false;
    at += OPTION_HLEN + size;
  }
  return true;
}
