/** Which addresses can be a VTEP: a tunnel has one far end, so groups and placeholders are none. */
import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { VXLAN_PORT } from '../../address.js';
import type { Endpoint, PluginContext, PropertyValue } from '../api.js';

const REASONS: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
};

/** Why a canonical IP address cannot be one host's, e.g. `a multicast address`; null when it can. */
export function notUnicast(ip: string): string | null {
  return REASONS[ipaddr.parse(ip).range()] ?? null;
}

/** The UDP port of a VTEP of which nobody says one. */
export function tunnelPortOf({ tunnelPort }: PluginContext): number {
  return tunnelPort ?? VXLAN_PORT;
}

/**
 * The address at which others reach this host: what the operator gave as `property`, or where the overlay listens.
 * Throws an Error where that is none.
 */
export function vtepOf(property: string, given: PropertyValue | undefined, listen: Endpoint | undefined): string {
  const vtep = String(given ?? listen?.ip ?? '0.0.0.0');
  const reason = notUnicast(vtep);
  if (reason !== null && given === undefined) {
    throw new Error(`${property} is missing: the overlay listens on every address, and peers need one to send to`);
  }
  if (reason !== null) throw new Error(`${property}=${vtep}: ${reason}; expected an address of this host`);
  if (listen !== undefined && isIPv4(vtep) !== isIPv4(listen.ip)) {
    throw new Error(`${property}=${vtep}: expected an address of the family of listen_ip=${listen.ip}`);
  }
  return vtep;
}
