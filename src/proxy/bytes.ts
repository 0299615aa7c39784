/** Frames as bytes for the proxies: Ethernet with up to two VLAN tags, big-endian fields, the Internet checksum. */

export const MAC_LEN = 6;
/** Ethernet destination, source. */
export const ETH_DESTINATION = 0;
export const ETH_SOURCE = ETH_DESTINATION + MAC_LEN;
/** EtherType of an untagged frame, TPID of a tagged one. */
export const ETH_TYPE = ETH_SOURCE + MAC_LEN;
export const ETH_HLEN = ETH_TYPE + 2;

/** One 802.1Q or 802.1ad tag: TPID and tag control information. */
const VLAN_TAG_LEN = 4;
const VLAN_TAGS_MAX = 2;

export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;
const TPID_8021Q = 0x8100;
const TPID_8021AD = 0x88a8;

/** A view of exactly these bytes: a read or write outside them throws a RangeError. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of the Ethernet header with its tags: 14, 18 or 22. Whatever follows is the payload. */
export function etherHeaderLength(frame: Uint8Array): number {
  const view = viewOf(frame);
  let type = ETH_TYPE;
  for (let tags = 0; tags < VLAN_TAGS_MAX; tags++) {
    const value = view.getUint16(type);
    if (value !== TPID_8021Q && value !== TPID_8021AD) break;
    type += VLAN_TAG_LEN;
  }
  view.getUint16(type); // throws when the EtherType is cut off
  return type + 2;
}

/** The part `[start, start + length)`; a RangeError when the frame ends before that. Shares the memory of `frame`. */
export function part(frame: Uint8Array, start: number, length: number): Uint8Array {
  if (start + length > frame.length) {
    throw new RangeError(`frame of ${frame.length} bytes, ${start + length} needed`);
  }
  return frame.subarray(start, start + length);
}

/** The MAC at `offset` in canonical text. */
export function readMac(frame: Uint8Array, offset: number): string {
  return Array.from(part(frame, offset, MAC_LEN), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Writes a canonical MAC at `offset`. */
export function writeMac(frame: Uint8Array, offset: number, mac: string): void {
  const field = part(frame, offset, MAC_LEN);
  for (let i = 0; i < MAC_LEN; i++) field[i] = Number.parseInt(mac.slice(i * 3, i * 3 + 2), 16);
}

/**
 * Internet checksum, RFC 1071: the complement of the one's complement sum of the big-endian 16-bit words, an odd last
 * byte padded with zero. `sum` is what was added before, e.g. a pseudo-header.
 */
export function checksum(bytes: Uint8Array, sum = 0): number {
  let total = sum;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}
