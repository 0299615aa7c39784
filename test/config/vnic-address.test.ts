/** Addresses of VNICs: what is one, in one spelling, and what is wrong with the others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { vnicAddress, vnicAddresses } from '../../src/config/vnic-address.js';
import { OVERLAY, read } from './reading.js';

const GOOD: [typed: string, canonical: string][] = [
  ['10.55.55.2/24', '10.55.55.2/24'],
  ['10.55.55.2/32', '10.55.55.2/32'],
  ['10.0.0.0/31', '10.0.0.0/31'],
  ['10.0.0.255/31', '10.0.0.255/31'],
  ['10.0.0.255/16', '10.0.0.255/16'],
  ['FE80:0::3/64', 'fe80::3/64'],
  ['fd00::/127', 'fd00::/127'],
  ['fd00::/128', 'fd00::/128'],
  ['fd00::ffff:ffff:ffff:ffff/64', 'fd00::ffff:ffff:ffff:ffff/64'],
];

const BAD: [typed: string, problem: string][] = [
  ['', 'expected ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64'],
  ['web', 'expected ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64'],
  ['10.55.55/24', 'expected ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64'],
  ['fe80::1%foo0/64', 'expected ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64'],
  ['10.55.55.2', 'it has no prefix length: expected ADDRESS/LENGTH, as 10.55.55.2/24'],
  ['fd00::2', 'it has no prefix length: expected ADDRESS/LENGTH, as fd00::2/64'],
  ['10.55.55.2/33', 'expected a prefix length from 1 to 32, as 10.55.55.2/24'],
  ['10.55.55.2/0', 'expected a prefix length from 1 to 32, as 10.55.55.2/24'],
  ['10.55.55.2/255.255.255.0', 'expected a prefix length from 1 to 32, as 10.55.55.2/24'],
  ['10.55.55.2/', 'expected a prefix length from 1 to 32, as 10.55.55.2/24'],
  ['10.55.55.2/-1', 'expected a prefix length from 1 to 32, as 10.55.55.2/24'],
  ['fd00::2/129', 'expected a prefix length from 1 to 128, as fd00::2/64'],
  ['10.55.55.0/24', 'it is the address of its network: expected that of one host'],
  ['10.55.255.255/16', 'it is the broadcast address of its network: expected that of one host'],
  ['fd00::/64', 'it is the subnet-router anycast address of its network: expected that of one host'],
  ['224.0.0.5/24', 'it is a multicast address: expected that of one host'],
  ['ff02::1/64', 'it is a multicast address: expected that of one host'],
  ['0.0.0.0/8', 'it is the unspecified address: expected that of one host'],
  ['::/64', 'it is the unspecified address: expected that of one host'],
  ['127.0.0.1/8', 'it is a loopback address: expected that of one host'],
  ['::1/128', 'it is a loopback address: expected that of one host'],
  ['255.255.255.255/32', 'it is the broadcast address: expected that of one host'],
];

describe('an address of a VNIC', () => {
  for (const [typed, canonical] of GOOD) test(typed, () => assert.equal(vnicAddress(typed), canonical));
  for (const [typed, problem] of BAD) {
    test(`${JSON.stringify(typed)} is refused`, () =>
      assert.throws(() => vnicAddress(typed), {
        code: 'bad_address',
        message: `bad address ${JSON.stringify(typed)}: ${problem}`,
      }));
  }

  test('is there once, in whatever spelling and with whatever length', () => {
    assert.throws(() => vnicAddresses(['10.0.0.1/24', 'FD00::2/64', 'fd00:0::2/96']), {
      message: 'bad address "fd00:0::2/96": it is there already, as fd00::2/64: expected it once',
    });
  });
});

describe('addresses of a file', () => {
  const vnics = (...lines: string[]) => `${OVERLAY}vnics:\n${lines.map((line) => `  ${line}\n`).join('')}`;
  const vnic = (mac: number, more: string) => `{ overlay: overlay0, mac: '02:00:00:00:00:0${mac}', ${more} }`;

  test('are read in canonical text', () => {
    const { declaration, problems } = read(vnics(`a: ${vnic(1, 'addresses: [10.55.55.2/24, FE80::3/64]')}`));
    assert.deepEqual(problems, []);
    assert.deepEqual(declaration?.vnics.get('a')?.addresses, ['10.55.55.2/24', 'fe80::3/64']);
    assert.deepEqual(read(vnics(`a: ${vnic(1, 'addresses: ')}`)).declaration?.vnics.get('a')?.addresses, []);
  });

  test('that are wrong are all told, each at its place', () => {
    const text = vnics('a:', '  overlay: overlay0', "  mac: '02:00:00:00:00:01'", '  addresses:', '    - 10.0.0.0/8');
    assert.deepEqual(read(`${text}      - fd00::2\n      - 7\n`).problems, [
      '13:9: vnics.a.addresses.2: is 7: expected ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64',
    ]);
    assert.deepEqual(read(`${text}      - fd00::2\n      - 10.0.0.2/8\n      - 10.0.0.2/8\n`).problems, [
      '11:9: vnics.a.addresses.0: bad address "10.0.0.0/8": it is the address of its network: expected that of one ' +
        'host',
      '12:9: vnics.a.addresses.1: bad address "fd00::2": it has no prefix length: expected ADDRESS/LENGTH, as ' +
        'fd00::2/64',
      '14:9: vnics.a.addresses.3: bad address "10.0.0.2/8": it is there already, as 10.0.0.2/8: expected it once',
    ]);
    assert.deepEqual(read(vnics(`a: ${vnic(1, 'addresses: 10.0.0.2/8')}`)).problems, [
      '7:64: vnics.a.addresses: is the text "10.0.0.2/8": expected a list of ADDRESS/LENGTH, as [10.55.55.2/24, ' +
        'fd00::2/64]',
    ]);
  });

  test('are those of one VNIC in a namespace, and link-local ones of one overlay there', () => {
    const two = (first: string, second: string) =>
      read(vnics(`a: ${vnic(1, first)}`, `b: ${vnic(2, second)}`)).problems;
    const taken = (address: string) =>
      `addresses.0: address ${address} is that of VNIC a (line 7) in the same namespace: choose another`;
    const [problem] = two('addresses: [10.0.0.2/8]', 'addresses: [10.0.0.2/24]');
    assert.ok(problem?.endsWith(taken('10.0.0.2/24')), problem);
    assert.equal(two('netns: x, addresses: [10.0.0.2/8]', 'netns: /run/netns/x, addresses: [10.0.0.2/8]').length, 1);
    assert.deepEqual(two('netns: x, addresses: [10.0.0.2/8]', 'netns: y, addresses: [10.0.0.2/8]'), []);
    assert.equal(two('addresses: [fe80::1/64]', 'addresses: [fe80::1/64]').length, 1);
    const [first, second] = [1, 2].map((mac) => vnic(mac, 'addresses: [fe80::1/64]')) as [string, string];
    const overlay = OVERLAY.replace('overlays:\n', '');
    const overlays = `${OVERLAY}${overlay.replace('overlay0', 'overlay1').replace('23', '24')}`;
    const apart = `${overlays}vnics:\n  a: ${first}\n  b: ${second.replace('overlay0', 'overlay1')}\n`;
    assert.deepEqual(read(apart).problems, []);
  });
});
