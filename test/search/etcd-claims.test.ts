// Addresses that many keys of etcd claim: who owns them, and that many of them are no more work than many keys.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { macFromNumber } from '../../src/address.js';
import { Claims } from '../../src/search/plugins/etcd/claims.js';
import { type EtcdEntry, EtcdTable, NONE } from '../../src/search/plugins/etcd/table.js';
import { IPV4 } from '../../src/search/plugins/files/fields.js';
import { ipv4Key, ipv6Key } from '../../src/search/plugins/files/keys.js';

const FIRST = 0x020000000000;
const SHARED = ipv6Key('fe80::7')!;

function entry(revision: number, arp: readonly number[], ndp: readonly string[] = NONE): EtcdEntry {
  return { answer: { target: { ip: '10.0.0.1', port: 4789 } }, arp, ndp, server: null, revision };
}

/** A small generator of numbers from 0 to below `n`, the same in every run. */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** The definition: the latest revision, of several the lowest MAC. */
function slowOwner(table: EtcdTable, address: number): number | undefined {
  const claims = [...table.entries].filter(([, { arp }]) => arp.includes(address));
  claims.sort(([a, one], [b, other]) => other.revision - one.revision || a - b);
  return claims[0]?.[0];
}

describe('claims of etcd keys', () => {
  for (const seed of [1, 2, 3, 4]) {
    test(`owners are those of a slow twin whatever happens (seed ${seed})`, () => {
      const random = randomOf(seed);
      const addresses = Array.from({ length: 4 }, (_, i) => ipv4Key(`10.1.0.${i}`)!);
      const table = new EtcdTable();
      for (let step = 0; step < 1500; step++) {
        const changes = new Map<number, EtcdEntry | null>();
        for (let left = random(4) + 1; left > 0; left--) {
          // Now and then a revision from before: an older copy of the cluster.
          const revision = random(20) === 0 ? random(step + 1) : step;
          const arp = addresses.filter(() => random(3) === 0);
          changes.set(FIRST + random(30), random(3) === 0 ? null : entry(revision, arp));
        }
        const before = addresses.map((address) => slowOwner(table, address));
        const { moved } = table.apply(changes);
        for (const [i, address] of addresses.entries()) {
          const owner = slowOwner(table, address);
          assert.equal(table.arp.ownerOf(address), owner, `step ${step}, address ${i}`);
          if (owner === undefined || before[i] === undefined || owner === before[i]) continue;
          assert.ok(
            moved.some(({ ip, mac }) => ip === `10.1.0.${i}` && mac === macFromNumber(owner)),
            `step ${step}, address ${i} moved`,
          );
        }
        assert.equal(table.arp.size, addresses.filter((address) => slowOwner(table, address) !== undefined).length);
      }
    });
  }

  test('20,000 keys that claim one address load, load again, and go together', () => {
    const macs = Array.from({ length: 20_000 }, (_, i) => FIRST + i);
    const table = new EtcdTable();
    for (const base of [1, 30_000]) {
      const { conflicts } = table.apply(new Map(macs.map((mac, i) => [mac, entry(base + i, NONE, [SHARED])])));
      assert.equal(table.ndp.ownerOf(SHARED), macs.at(-1));
      assert.deepEqual(conflicts, [
        `fe80::7 is claimed by 02:00:00:00:00:00 (revision ${base}), 02:00:00:00:00:01 (revision ${base + 1}), ` +
          `02:00:00:00:4e:1f (revision ${base + 19_999}) and 19997 more: 02:00:00:00:4e:1f has it`,
      ]);
    }
    const result = table.apply(new Map(macs.map((mac) => [mac, null])));
    assert.equal(table.ndp.ownerOf(SHARED), undefined);
    assert.equal(result.gone.length, 20_000);
    assert.deepEqual(table.sizes(), { macs: 0, ipv4: 0, ipv6: 0 });
  });

  test('one by one, the owner first, they cost little each', () => {
    const count = 20_000;
    const revisions = new Map<number, number>();
    let asked = 0;
    const claims = new Claims<number>(IPV4, (mac) => {
      asked++;
      return revisions.get(mac) ?? 0;
    });
    const address = ipv4Key('10.1.0.0')!;
    for (let i = 0; i < count; i++) {
      claims.replace(FIRST + i, [], [address]);
      revisions.set(FIRST + i, i + 1);
      claims.settle();
      assert.equal(claims.ownerOf(address), FIRST + i);
    }
    for (let i = count - 1; i >= 0; i--) {
      claims.replace(FIRST + i, [address], []);
      revisions.delete(FIRST + i);
      claims.settle();
      assert.equal(claims.ownerOf(address), i > 0 ? FIRST + i - 1 : undefined);
    }
    assert.ok(asked < 50 * count, `${asked} revisions were looked up`);
  });
});
