/** What `vxlane etcd import` and `export` do: a hosts.json to keys and back. Import it only where it is used. */
import { macFromNumber } from '../../../address.js';
import { messageOf } from '../../../errors.js';
import type { Answer } from '../../api.js';
import { UNSAID } from '../files/fields.js';
import type { Ipv4Key, Ipv6Key, MacKey } from '../files/keys.js';
import type { FilesTable } from '../files/table.js';
import { Connection } from './client.js';
import { Reader } from './reader.js';
import type { EtcdSettings } from './settings.js';
import { type EtcdEntry, EtcdTable } from './table.js';
import { valueText } from './values.js';

/** etcd takes so many operations in a transaction (--max-txn-ops) … */
const OPERATIONS_MAX = 128;
/** … and 1.5 MiB in a request (--max-request-bytes). */
const BATCH_CHARACTERS_MAX = 2 ** 20;

/** What is in etcd. */
export interface Snapshot {
  readonly table: EtcdTable;
  /** What is wrong with a value, by MAC. */
  readonly bad: ReadonlyMap<string, string>;
  /** One line each: bad values, keys that are no MAC, addresses claimed twice. */
  readonly warnings: readonly string[];
}

export interface Plan {
  /** Canonical values by MAC. */
  readonly added: ReadonlyMap<string, string>;
  readonly changed: ReadonlyMap<string, string>;
  /** MACs that etcd has and the file has not. */
  readonly others: readonly string[];
  /** How many are as they should be. */
  readonly equal: number;
}

/** Connects to the first endpoint that answers. Rejects with each endpoint and its error. */
export async function openAny(settings: EtcdSettings): Promise<Connection> {
  const errors: string[] = [];
  for (const endpoint of settings.endpoints) {
    let connection: Connection | null = null;
    try {
      connection = await Connection.open(endpoint, settings);
      await connection.header();
      return connection;
    } catch (thrown) {
      connection?.close();
      errors.push(`${endpoint.text}: ${messageOf(thrown)}`);
    }
  }
  throw new Error(errors.join('; '));
}

export async function snapshotOf(connection: Connection, prefix: string): Promise<Snapshot> {
  const [table, warnings] = [new EtcdTable(), [] as string[]];
  const reader = new Reader(prefix, UNSAID, { warn: (line) => void warnings.push(line) });
  await connection.loadAll(async (pages) => {
    const loading = reader.all();
    for await (const pairs of pages) loading.add(pairs);
    reader.warn(table.apply(loading.finish([])).conflicts);
  });
  return { table, bad: reader.bad, warnings };
}

/** What must be written so that etcd says what the file says. */
export function planOf(file: FilesTable, { table, bad }: Snapshot): Plan {
  const [added, changed] = [new Map<string, string>(), new Map<string, string>()];
  let equal = 0;
  for (const [mac, entry] of entriesOf(file)) {
    const [key, value, before] = [macFromNumber(mac), valueText(entry), table.get(mac)];
    if (before === undefined) (bad.has(key) ? changed : added).set(key, value);
    else if (bad.has(key) || valueText(before) !== value) changed.set(key, value);
    else equal++;
  }
  const known = new Set([...[...table.entries.keys()].map(macFromNumber), ...bad.keys()]);
  for (const [mac] of file.targets) known.delete(macFromNumber(mac));
  return { added, changed, others: [...known].sort(), equal };
}

/**
 * Writes, then removes, in transactions as large as etcd takes them. When it ends half-way, the next import
 * writes the rest.
 */
export async function carryOut({ added, changed, others }: Plan, connection: Connection, prune: boolean) {
  const writes = [...added, ...changed].sort(([a], [b]) => (a < b ? -1 : 1));
  const changes = writes.map(([key, value]) => ({ key, value: value as string | null }));
  if (prune) changes.push(...others.map((key) => ({ key, value: null })));
  let batch: typeof changes = [];
  let characters = 0;
  for (const change of changes) {
    const size = change.key.length + (change.value?.length ?? 0);
    if (batch.length === OPERATIONS_MAX || (batch.length > 0 && characters + size > BATCH_CHARACTERS_MAX)) {
      await connection.write(batch);
      batch = [];
      characters = 0;
    }
    batch.push(change);
    characters += size;
  }
  if (batch.length > 0) await connection.write(batch);
}

/**
 * A hosts.json, sorted by MAC, one line each. An address that several claim stands with its owner: `files` takes no
 * address twice.
 */
export function hostsText({ table }: Snapshot): string {
  const macs = [...table.entries.keys()].sort((a, b) => a - b);
  const lines = macs.map((mac) => {
    const owns = (ip: Ipv4Key | Ipv6Key) =>
      (typeof ip === 'number' ? table.arp.ownerOf(ip) : table.ndp.ownerOf(ip)) === mac;
    return `  "${macFromNumber(mac)}": ${valueText(table.get(mac) as EtcdEntry, owns)}`;
  });
  return lines.length === 0 ? '{}\n' : `{\n${lines.join(',\n')}\n}\n`;
}

/** The entries of a file, each with its addresses. */
function entriesOf(file: FilesTable): Map<MacKey, EtcdEntry> {
  const entries = new Map<MacKey, { answer: Answer; arp: Ipv4Key[]; ndp: Ipv6Key[]; server: MacKey | null }>();
  for (const [mac, index] of file.targets) {
    entries.set(mac, { answer: file.answers[index] as Answer, arp: [], ndp: [], server: file.dhcp.get(mac) ?? null });
  }
  for (const [ip, mac] of file.arp) entries.get(mac)?.arp.push(ip);
  for (const [ip, mac] of file.ndp) entries.get(mac)?.ndp.push(ip);
  return new Map(Array.from(entries, ([mac, entry]) => [mac, { ...entry, revision: 0 }]));
}
