import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macFromNumber, VXLAN_PORT } from '../../src/address.js';
import { diffTables } from '../../src/search/plugins/files/diff.js';
import { ipv4Text, ipv6Text } from '../../src/search/plugins/files/keys.js';
import { parseFiles } from '../../src/search/plugins/files/parse.js';
import type { FilesTable } from '../../src/search/plugins/files/table.js';

function table(content: object): FilesTable {
  const result = parseFiles(JSON.stringify(content), VXLAN_PORT);
  if (result.table === null) assert.fail(result.problems.toString());
  return result.table;
}

/** MAC to target, as plain data. */
function targets({ targets: indexes, answers }: FilesTable): Map<string, unknown> {
  return new Map([...indexes].map(([mac, index]) => [macFromNumber(mac), answers[index]?.target]));
}

function owners({ arp, ndp }: FilesTable): Map<string, string> {
  const ipv4 = [...arp].map(([ip, mac]) => [ipv4Text(ip), macFromNumber(mac)] as const);
  const ipv6 = [...ndp].map(([ip, mac]) => [ipv6Text(ip), macFromNumber(mac)] as const);
  return new Map([...ipv4, ...ipv6]);
}

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

describe('diffTables', () => {
  test('a table and itself, spelled otherwise', () => {
    const before = table({ [A]: { ip: '10.0.0.1' } });
    const after = table({ '2-0-0-0-0-A': { port: 4789, ip: '::ffff:10.0.0.1' } });
    assert.deepEqual(diffTables(before, after), { added: [], changed: [], gone: [], moved: [] });
  });

  test('added, changed in address or port, gone', () => {
    const before = table({ [A]: { ip: '10.0.0.1' }, [B]: { ip: '10.0.0.2' } });
    const after = table({ [A]: { ip: '10.0.0.1', port: 4790 }, '02:00:00:00:00:0c': { ip: 'fd00::3' } });
    assert.deepEqual(diffTables(before, after), {
      added: [{ mac: '02:00:00:00:00:0c', target: { ip: 'fd00::3', port: 4789 } }],
      changed: [{ mac: A, target: { ip: '10.0.0.1', port: 4790 } }],
      gone: [B],
      moved: [],
    });
  });

  test('an address that another MAC owns; not one that appears or goes', () => {
    const ip = '10.0.0.1';
    const before = table({ [A]: { ip, arp: ['10.5.0.1', '10.5.0.2'], ndp: 'fe80::1' }, [B]: { ip, arp: '10.5.0.3' } });
    const after = table({ [A]: { ip, arp: '10.5.0.9' }, [B]: { ip, arp: ['10.5.0.1', '10.5.0.3'], ndp: 'fe80::1' } });
    assert.deepEqual(diffTables(before, after).moved, [
      { ip: '10.5.0.1', mac: B },
      { ip: 'fe80::1', mac: B },
    ]);
  });

  test('applied to the old table it gives the new one', () => {
    const mac = fc.integer({ min: 1, max: 12 }).map((low) => macFromNumber(0x020000000000 + low));
    const values = fc.record(
      { ip: fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'), port: fc.constantFrom(4789, 4790) },
      { requiredKeys: ['ip'] },
    );
    const addresses = fc.dictionary(fc.constantFrom('10.5.0.1', '10.5.0.2', '10.5.0.3', 'fe80::1', 'fe80::2'), mac);
    const content = fc.tuple(fc.dictionary(mac, values), addresses).map(([entries, owned]) => {
      const full: Record<string, object> = Object.fromEntries(
        Object.entries(entries).map(([each, value]) => {
          const own = Object.keys(owned).filter((ip) => owned[ip] === each);
          const isIpv6 = (ip: string) => ip.includes(':');
          return [each, { ...value, arp: own.filter((ip) => !isIpv6(ip)), ndp: own.filter(isIpv6) }];
        }),
      );
      return table(full);
    });
    fc.assert(
      fc.property(content, content, (before, after) => {
        const { added, changed, gone, moved } = diffTables(before, after);
        const result = targets(before);
        for (const each of gone) assert.ok(result.delete(each));
        for (const { mac: each, target } of changed) assert.ok(result.has(each) && result.set(each, target));
        for (const { mac: each, target } of added) assert.ok(!result.has(each) && result.set(each, target));
        assert.deepEqual(result, targets(after));
        const [old, now] = [owners(before), owners(after)];
        const expected = [...now].filter(([ip, owner]) => old.has(ip) && old.get(ip) !== owner);
        assert.deepEqual(new Map(moved.map(({ ip, mac: owner }) => [ip, owner])), new Map(expected));
      }),
    );
  });
});
