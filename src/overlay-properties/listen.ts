/** Where an overlay listens: what of it is said by properties, and which addresses are its own. */
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { type Endpoint, isLinkLocal6, type Listen, NO_PORT, parseIp } from '../address.js';
import type { Encap } from '../encapsulations.js';
import { badListenIp, linkLocalListenIp, zoneDiffers, zoneOfGlobalIp } from '../errors.js';
import type { PropertyValue } from '../search/api.js';
import { nameIn } from './tunnel.js';

const LISTEN_IP = 'vxlan/listen_ip';
const DEVICE = 'vxlan/underlay_dev';

/**
 * What the operator gave, with the zone of the listen address (RFC 4007 section 11: `fe80::1%eth0`) as the device that
 * it is. A VxlaneError when another device is named, or the address is none that has zones.
 */
export function withoutZone(encap: Encap, typed: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [listenIp, underlayDev] = [nameIn(encap, LISTEN_IP), nameIn(encap, DEVICE)];
  const [, ip, zone] = /^([^%]*)%(.+)$/.exec(typed[listenIp] ?? '') ?? [];
  const canonical = ip === undefined ? null : parseIp(ip);
  if (zone === undefined || canonical === null) return typed;
  const { [underlayDev]: device = zone } = typed;
  if (!isLinkLocal6(canonical)) throw zoneOfGlobalIp(encap, canonical, zone);
  if (device !== zone) throw zoneDiffers(encap, canonical, zone, device);
  return { ...typed, [listenIp]: canonical, [underlayDev]: zone };
}

/** Of parsed values, by their names in the tables. A VxlaneError when the listen address can be no host's. */
export function listenOf(encap: Encap, values: Readonly<Record<string, PropertyValue>>): Listen {
  const ip = String(values[LISTEN_IP]);
  const port = Number(values['vxlan/listen_port'] ?? NO_PORT);
  const device = values[DEVICE];
  const range = ipaddr.parse(ip).range();
  if (range === 'multicast' || range === 'broadcast') throw badListenIp(encap, ip, range);
  if (device !== undefined) return { ip, port, device: String(device) };
  if (isLinkLocal6(ip)) throw linkLocalListenIp(encap, ip);
  return { ip, port };
}

/** True when a datagram to `endpoint` would come back to the socket that listens on `listen`. */
export function isOwnEndpoint(listen: Listen, endpoint: Endpoint): boolean {
  if (endpoint.port !== listen.port) return false;
  if (endpoint.ip === listen.ip) return true;
  return isWildcard(listen.ip) && isLocalAddress(endpoint.ip, listen.device);
}

/** True for 0.0.0.0 and ::. */
export function isWildcard(ip: string): boolean {
  return ipaddr.parse(ip).range() === 'unspecified';
}

function isLocalAddress(ip: string, device: string | undefined): boolean {
  if (ipaddr.parse(ip).range() === 'loopback') return true;
  return Object.entries(networkInterfaces()).some(([label, all]) => {
    const isOwn = device === undefined || label.split(':')[0] === device;
    return all?.some(({ address, internal }) => (isOwn || internal) && parseIp(address) === ip);
  });
}
