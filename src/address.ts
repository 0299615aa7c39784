/**
 * MAC addresses, IP addresses and underlay endpoints: text in, one canonical form out. A leaf: any room may import it.
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import ipaddr from 'ipaddr.js';

/** `ip:port` of a VTEP on the underlay. `ip` is canonical text (dotted IPv4, or compressed lower-case IPv6). */
export interface Endpoint {
  readonly ip: string;
  /** UDP port, 1..65535; {@link NO_PORT}: it is reached by an encapsulation that has none. */
  readonly port: number;
}

/** Where an overlay listens: with `device`, what comes and goes by that network interface alone. */
export interface Listen extends Endpoint {
  readonly device?: string;
}

/** Of what GRE carries: its address is all of an endpoint. */
export const NO_PORT = 0;

/** IANA's port for VXLAN, RFC 7348 section 8. */
export const VXLAN_PORT = 4789;

const MAC_TEXT = /^([0-9a-f]{1,2})([:-])([0-9a-f]{1,2})(?:\2([0-9a-f]{1,2})){4}$/i;

/**
 * Any usual spelling (`DE-AD-BE-EF-0-1`, `de:ad:be:ef:0:1`, `dead.beef.0001`, `deadbeef0001`) to `de:ad:be:ef:00:01`;
 * null when it is not a MAC.
 */
export function parseMac(text: string): string | null {
  const compact = /^[0-9a-f]{12}$/i.test(text) ? text : dottedTriplet(text);
  if (compact !== null) return (compact.toLowerCase().match(/../g) as string[]).join(':');
  if (!MAC_TEXT.test(text)) return null;
  return text
    .toLowerCase()
    .split(/[:-]/)
    .map((group) => group.padStart(2, '0'))
    .join(':');
}

function dottedTriplet(text: string): string | null {
  return /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i.test(text) ? text.replaceAll('.', '') : null;
}

/** A canonical MAC as a 48-bit integer, first byte on the wire most significant. */
export function macToNumber(mac: string): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16);
}

/** The inverse of {@link macToNumber}. */
export function macFromNumber(value: number): string {
  const hex = value.toString(16).padStart(12, '0');
  const bytes = (at: number) => `${hex.slice(at, at + 2)}:${hex.slice(at + 2, at + 4)}`;
  return `${bytes(0)}:${bytes(4)}:${bytes(8)}`;
}

/** True for broadcast and multicast: the low bit of the first byte (IEEE 802 I/G bit). */
export function isMulticastMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** Canonical text of an IPv4 or IPv6 address, or null. IPv4 must have four parts; zones are refused. */
export function parseIp(text: string): string | null {
  if (isIPv4(text)) return text; // by Node's readers: those of ipaddr.js take ten times as long
  if (text.includes('%') || !isIPv6(text)) return null;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return address.includes('.') ? withoutDots(ipaddr.IPv6.parse(text)) : address;
}

/** Canonical text of an IPv6 address that has an IPv4 address in it. */
function withoutDots(address: ipaddr.IPv6): string {
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** 4 or 6. `ip` must be canonical. */
export function ipFamily(ip: string): 4 | 6 {
  return ip.includes(':') ? 6 : 4;
}

/** True for a group of hosts: 224.0.0.0/4, ff00::/8. `ip` must be canonical. */
export function isMulticast(ip: string): boolean {
  return ipFamily(ip) === 6 ? /^ff[\da-f]{2}:/.test(ip) : /^2(2[4-9]|3\d)\./.test(ip);
}

/** True for fe80::/10, whose addresses mean something on one link alone. `ip` must be canonical. */
export function isLinkLocal6(ip: string): boolean {
  return ipFamily(ip) === 6 && ipaddr.parse(ip).range() === 'linkLocal';
}

/** The 4 or 16 bytes of a canonical address, network byte order. */
export function ipBytes(ip: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(ip).toByteArray());
}

/** Canonical text of 4 or 16 bytes in network byte order. */
export function ipFromBytes(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes]);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/** `10.0.0.1`, `10.0.0.1:4790`, `[fd00::1]:4789`, `fd00::1` to an endpoint, or null. {@link NO_PORT}: none is taken. */
export function parseEndpoint(text: string, defaultPort: number = VXLAN_PORT): Endpoint | null {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const dotted = /^([^:]+)(?::(\d{1,5}))?$/.exec(text);
  const [, host, portText] = bracketed ?? dotted ?? [null, text, undefined];
  const ip = parseIp(host as string);
  const port = portText === undefined ? defaultPort : Number(portText);
  const hasPorts = defaultPort !== NO_PORT;
  if (ip === null || (hasPorts ? port < 1 || port > 65535 : portText !== undefined)) return null;
  return { ip, port };
}

/** `10.0.0.1:4789` or `[fd00::1]:4789`; without a port `10.0.0.1` or `fd00::1`. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.port === NO_PORT) return endpoint.ip;
  return ipFamily(endpoint.ip) === 6 ? `[${endpoint.ip}]:${endpoint.port}` : `${endpoint.ip}:${endpoint.port}`;
}

/** The listen address as operators write it: a link-local one with its zone (RFC 4007 section 11). */
export function formatListenIp({ ip, device }: Pick<Listen, 'ip' | 'device'>): string {
  return device !== undefined && isLinkLocal6(ip) ? `${ip}%${device}` : ip;
}

/** As {@link formatEndpoint}, and with a device as ss(8) has it: `10.0.0.1%eth0:4789`. */
export function formatListen({ ip, port, device }: Listen): string {
  return formatEndpoint({ ip: device === undefined ? ip : `${ip}%${device}`, port });
}
