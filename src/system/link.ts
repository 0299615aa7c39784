/** What the underlay's interfaces say. */
import { networkInterfaces } from 'node:os';
import { parseIp } from '../address.js';
import { interfaceIndex, withControlSocket } from './interface.js';
import { interfaceWithAddress } from './routes.js';

/**
 * Index of the interface that has this (canonical) address, in the thread's namespace; null for a wildcard, and for an
 * address that no interface which is up has.
 */
export function underlayInterface(ip: string): number | null {
  // A list of all addresses takes 25 ms where there are a thousand interfaces. It knows those of VRFs besides.
  const ifindex = interfaceWithAddress(ip);
  if (ifindex !== null) return ifindex;
  const name = nameOfInterfaceWith(ip);
  return name === null ? null : withControlSocket((control) => interfaceIndex(control, name));
}

/** The (canonical) addresses of the interfaces that are up, in the thread's namespace. */
export function localAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.flatMap(({ address }) => parseIp(address) ?? []));
}

function nameOfInterfaceWith(ip: string): string | null {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some(({ address }) => parseIp(address) === ip)) return name;
  }
  return null;
}
