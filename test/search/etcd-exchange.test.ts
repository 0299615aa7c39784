// The pure half of the plugin `etcd`: values there and back, and who owns an address, against slow twins.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macFromNumber, macToNumber } from '../../src/address.js';
import { hostsText, planOf, type Snapshot } from '../../src/search/plugins/etcd/exchange.js';
import { type EtcdEntry, EtcdTable } from '../../src/search/plugins/etcd/table.js';
import { macOfKey, ValueReader } from '../../src/search/plugins/etcd/values.js';
import { Problem, UNSAID } from '../../src/search/plugins/files/fields.js';
import { ipv4Key } from '../../src/search/plugins/files/keys.js';
import { parseFiles } from '../../src/search/plugins/files/parse.js';
import type { FilesTable } from '../../src/search/plugins/files/table.js';

const EMPTY: Snapshot = { table: new EtcdTable(), bad: new Map(), warnings: [] };

function tableOf(text: string): FilesTable {
  const result = parseFiles(text, UNSAID);
  return result.table ?? assert.fail(String(result.problems));
}

/** What a daemon would know from these values. */
function snapshotFrom(values: Iterable<[mac: string, value: string]>): Snapshot {
  const [table, reader] = [new EtcdTable(), new ValueReader(UNSAID)];
  const changes = new Map<number, EtcdEntry>();
  let revision = 0;
  for (const [mac, value] of values) {
    const { entry, problems } = reader.read(mac, Buffer.from(value), ++revision);
    changes.set(macToNumber(mac), entry ?? assert.fail(String(problems)));
  }
  table.apply(changes);
  return { ...EMPTY, table };
}

const mac = fc.integer({ min: 0, max: 0xffffff }).map((low) => macFromNumber(0x020000000000 + low));
const ipv4 = fc
  .tuple(fc.integer({ min: 1, max: 126 }), fc.nat(255), fc.nat(255))
  .map((bytes) => `${bytes.join('.')}.1`);
const ipv6 = fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map(([a, b]) => `fd00::${a.toString(16)}:${b.toString(16)}`);
const entry = fc.record(
  {
    ip: fc.oneof(ipv4, ipv6),
    port: fc.integer({ min: 1, max: 65535 }),
    arp: fc.oneof(ipv4, fc.uniqueArray(ipv4, { maxLength: 3 })),
    ndp: fc.oneof(ipv6, fc.uniqueArray(ipv6, { maxLength: 3 })),
    'dhcp-proxy': mac,
  },
  { requiredKeys: ['ip'] },
);
/** A file without an address that two entries have. */
const hosts = fc
  .dictionary(mac, entry, { maxKeys: 20 })
  .filter((all) => parseFiles(JSON.stringify(all), UNSAID).table !== null);

describe('import and export', () => {
  test('what a file says comes back from its keys, and is then nothing to write', () => {
    fc.assert(
      fc.property(hosts, (all) => {
        const file = tableOf(JSON.stringify(all));
        const plan = planOf(file, EMPTY);
        assert.deepEqual([plan.added.size, plan.changed.size, plan.others], [Object.keys(all).length, 0, []]);
        const snapshot = snapshotFrom(plan.added);
        const again = tableOf(hostsText(snapshot));
        for (const key of ['targets', 'arp', 'ndp', 'dhcp'] as const) {
          const pairs = (table: FilesTable) =>
            new Map(
              [...table[key]].map(([k, v]) => [k, key === 'targets' ? table.answers[v] : v]) as [unknown, unknown][],
            );
          assert.deepEqual(pairs(again), pairs(file), key);
        }
        const nothing = planOf(again, snapshot);
        assert.deepEqual([nothing.added.size, nothing.changed.size, nothing.others], [0, 0, []]);
        assert.equal(nothing.equal, file.targets.size);
      }),
    );
  });

  test('the plan from one file to another is the difference, however values are spelt', () => {
    fc.assert(
      fc.property(hosts, hosts, (before, after) => {
        // As somebody may have written them by hand: spaces, and lists where one address would do.
        const spelt = Object.entries(before).map(([key, { arp = [], ...rest }]): [string, string] => [
          key,
          JSON.stringify({ ...rest, arp: [arp].flat() }, null, 2),
        ]);
        const plan = planOf(tableOf(JSON.stringify(after)), snapshotFrom(spelt));
        const values = new Map(planOf(tableOf(JSON.stringify(before)), EMPTY).added);
        for (const [key, value] of [...plan.added, ...plan.changed]) values.set(key, value);
        for (const key of plan.others) values.delete(key);
        assert.deepEqual(values, new Map(planOf(tableOf(JSON.stringify(after)), EMPTY).added));
        assert.ok(plan.others.every((key) => !(key in after)));
        for (const key of plan.added.keys()) assert.ok(!(key in before), key);
      }),
    );
  });

  test('of an address that two keys claim, the file has the owner only', () => {
    const snapshot = snapshotFrom([
      ['02:00:00:00:00:01', '{"ip": "10.0.0.1", "arp": ["10.1.0.1", "10.1.0.2"], "ndp": "fe80::1"}'],
      ['02:00:00:00:00:02', '{"ip": "10.0.0.2", "port": 4789, "arp": "10.1.0.1"}'],
    ]);
    assert.equal(
      hostsText(snapshot),
      '{\n  "02:00:00:00:00:01": {"ip":"10.0.0.1","arp":"10.1.0.2","ndp":"fe80::1"},\n' +
        '  "02:00:00:00:00:02": {"ip":"10.0.0.2","port":4789,"arp":"10.1.0.1"}\n}\n',
    );
  });
});

describe('keys', () => {
  for (const [key, expected] of [
    ['de:ad:be:ef:00:01', 0xdeadbeef0001],
    ['DE:AD:BE:EF:00:01', null],
    ['deadbeef0001', null],
    ['de:ad:be:ef:0:1', null],
    ['ff:ff:ff:ff:ff:ff', null],
    ['00:00:00:00:00:00', null],
    ['de:ad:be:ef:00:01/x', null],
    ['', null],
  ] as const) {
    test(`${JSON.stringify(key)} is ${expected === null ? 'no MAC' : 'a MAC'}`, () => {
      const found = macOfKey(key);
      assert.equal(found instanceof Problem ? null : found, expected);
    });
  }
});

describe('values', () => {
  const bad: [value: string | Buffer, problem: string][] = [
    ['', 'k: line 1, column 1: expected a value'],
    ['[]', 'k: expected an object, not a list'],
    ['"x"', 'k: expected an object, not a string'],
    ['{}', 'k.ip: missing; expected the underlay address of the host'],
    ['{"ip": "10.0.0.1"} {}', 'k: line 1, column 20: expected the end of the file'],
    ['{"ip": "10.0.0.1"}, "l": {"ip": "10.0.0.2"}', 'k: line 1, column 19: expected the end of the file'],
    ['{"ip": "10.0.0.1", "ip": "10.0.0.2"}', 'k.ip: given twice'],
    ['{"ip": "10.0.0.1", "arp": ["10.1.0.1", "10.1.0.1"]}', 'k.arp[1]: 10.1.0.1 is listed twice'],
    [Buffer.from('7b22ff223a317d', 'hex'), 'k: is not UTF-8 text'],
  ];
  for (const [value, problem] of bad) {
    test(`${JSON.stringify(String(value))} is refused`, () => {
      const reading = new ValueReader(UNSAID).read('k', Buffer.from(value as string), 1);
      assert.equal(reading.entry, null);
      assert.equal(reading.problems.lines[0], problem);
    });
  }
});

describe('owners of addresses', () => {
  /** A batch: per MAC its addresses, or null when it goes. */
  const macs = fc.integer({ min: 1, max: 4 });
  const batch = fc.array(fc.tuple(macs, fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }))), {
    maxLength: 4,
  });

  test('the later claim wins; whoever has another owner than the last is announced', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12 }), (batches) => {
        const table = new EtcdTable();
        const twin = new Map<number, { ips: readonly number[]; revision: number }>();
        const lastOwner = new Map<number, number>();
        let revision = 0;
        for (const each of batches) {
          const changes = new Map<number, EtcdEntry | null>();
          revision++;
          for (const [who, ips] of each) {
            const arp = ips?.map((ip) => ipv4Key(`10.0.0.${ip}`)!);
            const answer = { target: { ip: '192.0.2.1', port: 4789 } };
            changes.set(who, arp === undefined ? null : { answer, arp, ndp: [], server: null, revision });
            if (ips === null) twin.delete(who);
            else twin.set(who, { ips, revision });
          }
          const { moved } = table.apply(changes);
          const expected: { ip: string; mac: string }[] = [];
          for (let ip = 1; ip <= 4; ip++) {
            const claims = [...twin].filter(([, { ips }]) => ips.includes(ip));
            const [first] = claims.sort(([a, x], [b, y]) => y.revision - x.revision || a - b);
            assert.equal(table.arp.ownerOf(ipv4Key(`10.0.0.${ip}`)!), first?.[0]);
            const last = lastOwner.get(ip);
            if (first === undefined) continue;
            lastOwner.set(ip, first[0]);
            if (last !== undefined && last !== first[0])
              expected.push({ ip: `10.0.0.${ip}`, mac: macFromNumber(first[0]) });
          }
          const byIp = (a: { ip: string }, b: { ip: string }) => (a.ip < b.ip ? -1 : 1);
          assert.deepEqual([...moved].sort(byIp), expected);
        }
      }),
    );
  });
});
