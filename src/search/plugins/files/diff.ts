/** What differs between two tables, in canonical text. Pure. */
import { macFromNumber } from '../../../address.js';
import type { Owner, Target } from '../../api.js';
import type { ReadonlyIndex } from './flat-map.js';
import { ipv4Text, ipv6Text } from './keys.js';
import { answerOf, type FilesTable } from './table.js';

export interface FilesChanges {
  /** MACs that had no entry and have one now. */
  readonly added: readonly { readonly mac: string; readonly target: Target }[];
  /** MACs that are behind another VTEP now. */
  readonly changed: readonly { readonly mac: string; readonly target: Target }[];
  /** MACs that have no entry any more. */
  readonly gone: readonly string[];
  /** Addresses, arp and ndp alike, that another MAC owns now. */
  readonly moved: readonly (Owner & { readonly ip: string })[];
}

export function diffTables(before: FilesTable, after: FilesTable): FilesChanges {
  const added: { mac: string; target: Target }[] = [];
  const changed: { mac: string; target: Target }[] = [];
  for (const [key, index] of after.targets) {
    const old = answerOf(before, key);
    const target = after.answers[index]!.target;
    if (old !== null && sameTarget(old.target, target)) continue;
    (old === null ? added : changed).push({ mac: macFromNumber(key), target });
  }
  const gone: string[] = [];
  for (const [key] of before.targets) {
    if (!after.targets.has(key)) gone.push(macFromNumber(key));
  }
  const moved = [
    ...movedAddresses(before.arp, after.arp, ipv4Text),
    ...movedAddresses(before.ndp, after.ndp, ipv6Text),
  ];
  return { added, changed, gone, moved };
}

function* movedAddresses<Key>(before: ReadonlyIndex<Key>, after: ReadonlyIndex<Key>, format: (key: Key) => string) {
  for (const [key, mac] of after) {
    const old = before.get(key);
    if (old !== undefined && old !== mac) yield { ip: format(key), mac: macFromNumber(mac) };
  }
}

export function sameTarget(a: Target, b: Target): boolean {
  if (a === b) return true;
  return a !== 'drop' && b !== 'drop' && a.ip === b.ip && a.port === b.port;
}
