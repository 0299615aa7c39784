import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { ipFamily, isMulticast, macFromNumber, macToNumber, parseIp, parseMac } from '../../src/address.js';
import { isHostAddress } from '../../src/search/host/answers.js';
import { ipv4Key, ipv4Text, ipv6Key, ipv6Text, macKey } from '../../src/search/plugins/files/keys.js';

/** Text that is nearly an address: hex digits, separators, a few others. */
const scraps = (alphabet: string, maxLength: number) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength });

test('the fast reader of MACs agrees with the careful one', () => {
  const canonical = fc.integer({ min: 0, max: 2 ** 48 - 1 }).map(macFromNumber);
  const spelled = fc.tuple(canonical, fc.constantFrom(':', '-')).map(([mac, separator]) => {
    return mac.toUpperCase().replaceAll(':', separator);
  });
  fc.assert(
    fc.property(fc.oneof(canonical, spelled, scraps('0aF:-.g', 18)), (text) => {
      const mac = parseMac(text);
      assert.equal(macKey(text), mac === null ? null : macToNumber(mac));
    }),
    { numRuns: 2000 },
  );
});

/** By ipaddr.js, whose `isValid` says yes to one colon pair too many. */
function canonicalIpv6(text: string): string | null {
  try {
    const address = ipaddr.IPv6.parse(text);
    return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
  } catch {
    return null;
  }
}

test('canonical text of an IPv6 address, and what is a group or no host, are as ipaddr.js has them', () => {
  const odd = fc.constantFrom(
    '::ffff:1.2.3.4',
    '::ffff:0:0',
    '::1.2.3.4',
    '64:ff9b::1.2.3.4',
    '::',
    '::1',
    'ff::1',
    ':',
  );
  const group = fc.ipV6().map((ip) => `ff02${ip.replace(/^[^:]*/, '')}`);
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), group, scraps('0aF:', 24), odd), (text) => {
      assert.equal(parseIp(text), canonicalIpv6(text));
    }),
    { numRuns: 5000 },
  );
  const ip = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    group,
    fc.constantFrom('0.1.2.3', '255.255.255.255', '224.0.0.1', '::', 'ff0::'),
  );
  fc.assert(
    fc.property(ip, (text) => {
      const canonical = parseIp(text);
      fc.pre(canonical !== null);
      const range = ipaddr.parse(canonical).range();
      assert.equal(isMulticast(canonical), range === 'multicast');
      assert.equal(isHostAddress(canonical), !['unspecified', 'broadcast', 'multicast'].includes(range));
    }),
    { numRuns: 5000 },
  );
});

test('the fast reader of IPv4 agrees with the careful one', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), scraps('0125.', 16), fc.constantFrom('::ffff:1.2.3.4', '1.2.3.4.', '')), (text) => {
      const ip = parseIp(text);
      const key = ipv4Key(text);
      assert.equal(key === null ? null : ipv4Text(key), ip !== null && ipFamily(ip) === 4 ? ip : null);
    }),
    { numRuns: 2000 },
  );
});

test('the fast reader of IPv6 agrees with the careful one', () => {
  const odd = fc.constantFrom(
    '::ffff:1.2.3.4',
    '::ffff:0:0',
    '::1.2.3.4',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7::',
    '::',
    ':',
  );
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), scraps('0aF:', 24), odd), (text) => {
      const ip = parseIp(text);
      const key = ipv6Key(text);
      assert.equal(key === null ? null : ipv6Text(key), ip !== null && ipFamily(ip) === 6 ? ip : null);
    }),
    { numRuns: 5000 },
  );
});
