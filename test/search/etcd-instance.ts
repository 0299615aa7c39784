// An instance of the plugin `etcd` with a host that writes down what it is told.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { macToNumber, VXLAN_PORT } from '../../src/address.js';
import type { DynamicInstance, PropertyValue, Target } from '../../src/search/api.js';
import { etcd } from '../../src/search/plugins/etcd/etcd.js';
import { EtcdTable } from '../../src/search/plugins/etcd/table.js';
import { ValueReader } from '../../src/search/plugins/etcd/values.js';
import type { EtcdServer } from '../support/etcd.js';
import { query, type RecordingContext, recordingContext } from './context.js';

export const PREFIX = '/vxlane/';
const WAIT_MS = 60_000;

export interface Started {
  readonly instance: DynamicInstance;
  readonly context: RecordingContext;
}

export function instanceAt(endpoints: string, values: Record<string, PropertyValue> = {}): Started {
  const context = recordingContext();
  const all = { 'etcd/endpoints': endpoints, 'etcd/prefix': PREFIX, ...values };
  return { instance: etcd.create(context, all), context };
}

/** Waits for what is to be seen. */
export async function eventually(what: () => boolean | Promise<boolean>, text: () => string): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!(await what())) {
    if (Date.now() > deadline) assert.fail(text());
    await setTimeout(20);
  }
}

/** Waits until the host was told `expected`, in any order, and nothing else. */
export async function told({ context }: Started, ...expected: string[]): Promise<void> {
  const seen = () => context.calls.join('\n');
  await eventually(() => context.calls.length >= expected.length, seen);
  assert.deepEqual(context.calls.splice(0).sort(), expected.sort());
}

/** Waits for a call that matches, and answers all up to it. */
export async function toldLike({ context }: Started, pattern: RegExp): Promise<string[]> {
  await eventually(
    () => context.calls.some((call) => pattern.test(call)),
    () => `no ${pattern} among: ${context.calls.join('\n')}`,
  );
  return context.calls.splice(0, context.calls.findIndex((call) => pattern.test(call)) + 1);
}

/** Everything the instance would hand to a host, by MAC. */
export async function entriesOf({ instance }: Started): Promise<Map<string, Target>> {
  const entries = new Map<string, Target>();
  for await (const { mac, target } of instance.entries!()) entries.set(mac, target);
  return entries;
}

/** What the instance should know, from what etcdctl reads. */
export async function twinOf(server: EtcdServer, prefix = PREFIX): Promise<EtcdTable> {
  const [table, reader] = [new EtcdTable(), new ValueReader(VXLAN_PORT)];
  const changes = new Map();
  for (const [key, { value, revision }] of await server.all(prefix)) {
    const mac = key.slice(prefix.length);
    changes.set(macToNumber(mac), reader.read(mac, Buffer.from(value), revision).entry);
  }
  table.apply(changes);
  return table;
}

/** Whether targets, owners of addresses and DHCP servers are what etcd has. */
export async function isEqualTo(started: Started, table: EtcdTable, macs: readonly string[], ips: readonly string[]) {
  const { instance } = started;
  const { ipv4Key } = await import('../../src/search/plugins/files/keys.js');
  for (const mac of macs) {
    const expected = table.get(macToNumber(mac))?.answer ?? null;
    try {
      assert.deepEqual(await instance.lookup(query(mac)), expected);
    } catch {
      return false;
    }
  }
  for (const ip of ips) {
    const owner = (await instance.arp!(ip, 0))?.mac;
    const expected = table.arp.ownerOf(ipv4Key(ip)!);
    if ((owner === undefined ? undefined : macToNumber(owner)) !== expected) return false;
  }
  return true;
}
