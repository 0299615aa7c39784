/** Link protection of VNICs: what can be said of it, in one spelling, and what is wrong with the rest. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allowedIp, allowedPrefixes, checkProtection, protections, UNPROTECTED } from '../../src/link-protection.js';
import { OVERLAY, read } from './reading.js';

const GOOD: [typed: string, canonical: string][] = [
  ['10.55.55.2', '10.55.55.2'],
  ['10.55.55.2/32', '10.55.55.2'],
  ['10.55.0.0/16', '10.55.0.0/16'],
  ['10.55.55.128/25', '10.55.55.128/25'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['FD00:0::2', 'fd00::2'],
  ['fd00::2/128', 'fd00::2'],
  ['fe80::/10', 'fe80::/10'],
  ['2001:db8::8000:0:0:0/65', '2001:db8:0:0:8000::/65'],
];
const EXPECTED = 'expected ADDRESS or ADDRESS/LENGTH, as 10.55.55.2 or fd00::/64';
const BAD: [typed: string, problem: string][] = [
  ['', EXPECTED],
  ['web', EXPECTED],
  ['fe80::1%foo0', EXPECTED],
  ['10.55.55.2/33', 'expected a prefix length from 0 to 32'],
  ['10.55.55.2/', 'expected a prefix length from 0 to 32'],
  ['fd00::/129', 'expected a prefix length from 0 to 128'],
  ['10.55.55.2/24', 'it is an address in a network: expected 10.55.55.2 or 10.55.55.0/24'],
  ['fd00::2/64', 'it is an address in a network: expected fd00::2 or fd00::/64'],
];
const VNIC = { name: 'foo0', addresses: [] as string[], allowAnyMac: false, ...UNPROTECTED };

describe('an allowed address', () => {
  for (const [typed, canonical] of GOOD) {
    test(typed, () => assert.equal(allowedIp(typed), canonical));
  }
  for (const [typed, problem] of BAD) {
    test(`${JSON.stringify(typed)} is refused`, () =>
      assert.throws(() => allowedIp(typed), {
        code: 'bad_protection',
        message: `bad allowed address ${JSON.stringify(typed)}: ${problem}`,
      }));
  }

  test('is that of the VNIC, too, and counts once', () => {
    const vnic = { ...VNIC, addresses: ['10.55.55.2/24', 'fd00::2/64'], allowedIps: ['10.55.55.2', 'fd01::/16'] };
    assert.deepEqual(allowedPrefixes(vnic), ['10.55.55.2/32', 'fd00::2/128', 'fd01::/16']);
  });
});

describe('link protection', () => {
  test('has five names, in one order', () => {
    assert.deepEqual(protections(['restricted', 'ip-nospoof', 'restricted']), ['ip-nospoof', 'restricted']);
    assert.throws(() => protections(['arp-nospoof']), {
      code: 'bad_protection',
      message:
        'unknown protection "arp-nospoof": expected some of mac-nospoof, ip-nospoof, dhcp-nospoof, ra-guard, ' +
        'restricted',
    });
  });

  const refusals: [what: string, vnic: Parameters<typeof checkProtection>[0], message: RegExp][] = [
    ['of a VNIC without any address', { ...VNIC, protection: ['ip-nospoof'] }, /^ip-nospoof would let no address/],
    ['that nobody asks for', { ...VNIC, allowedIps: ['10.0.0.1'] }, /^allowed-ips of VNIC foo0 are of no use without/],
    ['of any MAC', { ...VNIC, allowAnyMac: true, protection: ['mac-nospoof'] }, /exclude each other: choose one/],
    [
      'with more addresses than there is room for',
      {
        ...VNIC,
        protection: ['ip-nospoof'],
        addresses: ['10.0.0.1/8'],
        allowedIps: Array.from({ length: 32 }, (_, n) => `10.1.0.${n}`),
      },
      /would be allowed 33 IPv4 addresses and prefixes: expected at most 32$/,
    ],
  ];
  for (const [what, vnic, message] of refusals) {
    test(`${what} is refused`, () => assert.throws(() => checkProtection(vnic), { code: 'bad_protection', message }));
  }

  test('in a file, with what is wrong where it stands', () => {
    const problems = (keys: string) =>
      read(`${OVERLAY}vnics:\n  v0: { overlay: overlay0, mac: '02:00:00:00:00:01', ${keys} }\n`).problems;
    assert.deepEqual(problems('protection: [ip-nospoof], allowed_ips: [10.0.0.1]'), []);
    const list = 'mac-nospoof, ip-nospoof, dhcp-nospoof, ra-guard, restricted';
    for (const [keys, problem] of [
      ['protection: [none]', `vnics.v0.protection.0: is the text "none": expected ${list}`],
      [
        'protection: [ip-nospoof], allowed_ips: [10.0.0.1, 10.0.0.1/8]',
        /^\S+ vnics.v0.allowed_ips.1: bad allowed address/,
      ],
      ['protection: [ip-nospoof]', /^\S+ vnics.v0.protection: ip-nospoof would let no address of VNIC v0 through/],
      ['allowed_ips: [10.0.0.1]', /^\S+ vnics.v0.allowed_ips: allowed-ips of VNIC v0 are of no use/],
      ['allow_any_mac: true, protection: [mac-nospoof]', /^\S+ vnics.v0.protection: mac-nospoof and any MAC exclude/],
    ] as const) {
      const [first, ...more] = problems(keys);
      assert.equal(more.length, 0, more.join('\n'));
      if (typeof problem === 'string') assert.ok(first?.endsWith(problem), first);
      else assert.match(first ?? '', problem);
    }
  });
});
