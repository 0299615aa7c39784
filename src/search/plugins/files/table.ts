/** The table of a `files` file: three questions, three maps, and one for DHCP. Never changed once it is in use. */
import { macFromNumber } from '../../../address.js';
import type { Answer, Owner } from '../../api.js';
import { EightUnitMap, NumberMap, type ReadonlyIndex } from './flat-map.js';
import type { Ipv4Key, Ipv6Key, MacKey } from './keys.js';

export interface FilesTable {
  /** MAC to its VTEP, an index of `answers`. */
  readonly targets: ReadonlyIndex<MacKey>;
  /** One frozen answer for each VTEP. */
  readonly answers: readonly Answer[];
  /** IPv4 address to its owner's MAC. */
  readonly arp: ReadonlyIndex<Ipv4Key>;
  /** IPv6 address to its owner's MAC. */
  readonly ndp: ReadonlyIndex<Ipv6Key>;
  /** DHCP client's MAC to its server's. */
  readonly dhcp: ReadonlyIndex<MacKey>;
}

/** A table under construction. */
export function newTable() {
  return {
    targets: new NumberMap(),
    answers: [] as Answer[],
    arp: new NumberMap(),
    ndp: new EightUnitMap(),
    dhcp: new NumberMap(),
  };
}

/** Where frames for a MAC go; null: no entry. */
export function answerOf(table: FilesTable, mac: MacKey): Answer | null {
  const index = table.targets.get(mac);
  return index === undefined ? null : (table.answers[index] as Answer);
}

/** Who owns an address, as the host takes it. */
export function ownerOf(mac: MacKey | undefined): Owner | null {
  return mac === undefined ? null : Object.freeze({ mac: macFromNumber(mac) });
}

/** Addresses of all VTEPs. */
export function vtepsOf({ answers }: FilesTable): Set<string> {
  return new Set(answers.flatMap(({ target }) => (target === 'drop' ? [] : [target.ip])));
}

/** The table of an instance that has not read its file. */
export const EMPTY_TABLE: FilesTable = newTable();

/** What an operator sees of a table: sizes. */
export function tableSizes(table: FilesTable): { macs: number; ipv4: number; ipv6: number } {
  return { macs: table.targets.size, ipv4: table.arp.size, ipv6: table.ndp.size };
}

/** The servers that `dhcp-proxy` names but the file does not list, with how many clients name each. */
export function unlistedServers(table: FilesTable): { mac: string; clients: number }[] {
  const clients = new Map<MacKey, number>();
  for (const [, server] of table.dhcp) {
    if (!table.targets.has(server)) clients.set(server, (clients.get(server) ?? 0) + 1);
  }
  return Array.from(clients, ([server, count]) => ({ mac: macFromNumber(server), clients: count }));
}
