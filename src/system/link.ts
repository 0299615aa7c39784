/** What the underlay's interfaces say. */
import { networkInterfaces } from 'node:os';
import { parseIp } from '../address.js';
import { interfaceIndex, withControlSocket } from './interface.js';
import { interfaceWithAddress, linkNamed } from './routes.js';

/**
 * Index of the interface that has this (canonical) address, in the thread's namespace; null for a wildcard, and for an
 * address that no interface which is up has. With a device: of that, whichever has the address; null: there is none.
 */
export function underlayInterface(ip: string, device?: string): number | null {
  if (device !== undefined) return linkNamed(device)?.ifindex ?? null;
  // A list of all addresses takes 25 ms where there are a thousand interfaces. It knows those of VRFs besides.
  const ifindex = interfaceWithAddress(ip);
  if (ifindex !== null) return ifindex;
  const name = nameOfInterfaceWith(ip);
  return name === null ? null : withControlSocket((control) => interfaceIndex(control, name));
}

/**
 * The (canonical) addresses of the interfaces that are up, in the thread's namespace. With a device: those that a
 * socket bound to it may be reached at, which are the device's own and the loopback's.
 */
export function localAddresses(device?: string): Set<string> {
  const all = Object.entries(networkInterfaces()).flatMap(([label, addresses]) => {
    const isOwn = device === undefined || label.split(':')[0] === device;
    return addresses?.filter(({ internal }) => isOwn || internal) ?? [];
  });
  return new Set(all.flatMap(({ address }) => parseIp(address) ?? []));
}

function nameOfInterfaceWith(ip: string): string | null {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some(({ address }) => parseIp(address) === ip)) return name;
  }
  return null;
}
