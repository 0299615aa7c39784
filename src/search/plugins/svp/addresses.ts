/** IP addresses as the protocol has them: 16 bytes, an IPv4 address as a mapped IPv6 address (::ffff:a.b.c.d). */
import { ipBytes, ipFromBytes } from '../../../address.js';

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** The 16 bytes of a canonical address. */
export function addressBytes(ip: string): Buffer {
  const bytes = ipBytes(ip);
  return bytes.length === 16 ? Buffer.from(bytes) : Buffer.concat([MAPPED, bytes]);
}

/** Canonical text of 16 bytes; a mapped IPv4 address in dots. */
export function addressText(bytes: Buffer): string {
  const isMapped = bytes.subarray(0, MAPPED.length).equals(MAPPED);
  return ipFromBytes(isMapped ? bytes.subarray(MAPPED.length) : bytes);
}
