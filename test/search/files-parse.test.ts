import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macToNumber, VXLAN_PORT } from '../../src/address.js';
import { SEED_FILE } from '../../src/demo/seed.js';
import { ipv4Key, ipv6Key } from '../../src/search/plugins/files/keys.js';
import { parseFiles } from '../../src/search/plugins/files/parse.js';
import { answerOf, type FilesTable } from '../../src/search/plugins/files/table.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';

function good(text: string): { table: FilesTable; warnings: string[] } {
  const result = parseFiles(text, VXLAN_PORT);
  if (result.table === null) assert.fail(result.problems.toString());
  return { table: result.table, warnings: result.warnings.lines };
}

function problems(text: string, limits?: { entries: number; addresses: number }): string[] {
  const result = parseFiles(text, VXLAN_PORT, limits);
  assert.ok(result.table === null, 'accepted');
  return result.problems.lines;
}

const PLACE = /^line \d+, column \d+: /;

/** The same without the place that each of them begins with. */
function unplaced(text: string, limits?: { entries: number; addresses: number }): string[] {
  return problems(text, limits).map((line) => {
    assert.match(line, PLACE);
    return line.replace(PLACE, '');
  });
}

/** A file whose one entry, beside a good `ip`, has these members. */
const entry = (members: string) => `{"${A}": {"ip": "10.0.0.1", ${members}}}`;

describe('a good file', () => {
  test("the seed's, as published", () => {
    const { table, warnings } = good(SEED_FILE);
    assert.deepEqual(warnings, []);
    assert.deepEqual(answerOf(table, macToNumber(A)), { target: { ip: '10.88.88.69', port: 4789 } });
    assert.deepEqual(answerOf(table, macToNumber('de:ad:be:ef:00:02')), { target: { ip: '10.88.88.71', port: 4789 } });
    assert.equal(answerOf(table, macToNumber('de:ad:be:ef:00:03')), null);
    assert.equal(table.arp.get(ipv4Key('10.55.55.3')!), macToNumber(B));
    assert.equal(table.ndp.get(ipv6Key('fe80::5')!), macToNumber('de:ad:be:ef:00:02'));
    assert.equal(table.dhcp.get(macToNumber(B)), macToNumber(A));
    assert.equal(table.dhcp.get(macToNumber(A)), undefined);
  });

  test('any spelling of a MAC; port 4789 by default; lists of addresses', () => {
    const { table } = good(
      '{"DE-AD-BE-EF-0-1": {"ip": "FD00:0::1", "arp": ["10.0.0.1", "10.0.0.2"], "ndp": ["fe80::1", "FE80:0::2"]},' +
        '"dead.beef.0002": {"ip": "::ffff:10.0.0.9", "port": 65535, "arp": [], "dhcp-proxy": "deadbeef0001"}}',
    );
    assert.deepEqual(answerOf(table, macToNumber(B)), { target: { ip: 'fd00::1', port: 4789 } });
    const second = macToNumber('de:ad:be:ef:00:02');
    assert.deepEqual(answerOf(table, second), { target: { ip: '10.0.0.9', port: 65535 } });
    assert.deepEqual(new Set([...table.arp].map(([ip]) => ip)), new Set([ipv4Key('10.0.0.1'), ipv4Key('10.0.0.2')]));
    assert.equal(table.ndp.get(ipv6Key('fe80::2')!), macToNumber(B));
    assert.equal(table.dhcp.get(second), macToNumber(B));
  });

  test('entries behind one VTEP share one frozen answer', () => {
    const { table } = good(`{"${A}": {"ip": "10.0.0.1"}, "${B}": {"port": 4789, "ip": "10.0.0.1"}}`);
    const answer = answerOf(table, macToNumber(A));
    assert.equal(answer, answerOf(table, macToNumber(B)));
    assert.ok(Object.isFrozen(answer) && Object.isFrozen(answer?.target));
  });

  test('an empty object', () => assert.equal(good('{}').table.targets.size, 0));

  test('unknown keys and unlisted DHCP servers warn', () => {
    const text = entry('"vlan": 3, "dhcp_proxy": "x", "dhcp-proxy": "02:00:00:00:00:07", "a b": {"ip": [[]]}');
    const known = 'unknown key, ignored; known are ip, port, arp, ndp, dhcp-proxy';
    assert.deepEqual(good(text).warnings, [
      `${A}.vlan: ${known}`,
      `${A}.dhcp_proxy: ${known}`,
      `${A}."a b": ${known}`,
      'dhcp-proxy 02:00:00:00:00:07, named by 1 of the entries, has no entry itself',
    ]);
  });
});

describe('not JSON: line and column', () => {
  const cases: [text: string, problem: string][] = [
    ['', 'the file is empty; expected a JSON object of MAC addresses, at least {}'],
    [' \n\t', 'the file is empty; expected a JSON object of MAC addresses, at least {}'],
    ['[]', 'expected a JSON object of MAC addresses, not a list'],
    ['"x"', 'expected a JSON object of MAC addresses, not a string'],
    ['null', 'expected a JSON object of MAC addresses, not null'],
    ['7', 'expected a JSON object of MAC addresses, not a number'],
    ['{', 'line 1, column 2: expected "}"'],
    ['{} {}', 'line 1, column 4: expected the end of the file'],
    ['{\n  "a" 1\n}', 'line 2, column 7: expected ":"'],
    ['{"a": {}\n"b": {}}', 'line 2, column 1: expected ","'],
    ['{"a": {},\n}', 'line 2, column 1: expected a key in double quotes'],
    ['{\n  // MACs\n}', 'line 2, column 3: JSON has no comments'],
    ['{/* */}', 'line 1, column 2: JSON has no comments'],
    ['{"a": }', 'line 1, column 7: expected a value'],
    ['{a: {}}', 'line 1, column 2: not JSON here'],
    ['{"a": [1, 2}', 'line 1, column 12: expected ","'],
    ['{"a": 007}', 'line 1, column 8: expected ","'],
    ['{"a\n": {}}', 'line 1, column 2: a string is not closed'],
    ['{"\\x": {}}', 'line 1, column 2: bad escape in a string'],
    ['{"\\u00g0": {}}', 'line 1, column 2: bad \\u escape in a string'],
    ['{"\u0001": {}}', 'line 1, column 2: control character in a string'],
    ['{"a": 1.}', 'line 1, column 7: a number is cut off'],
    [`{"a": ${'['.repeat(100_000)}`, 'line 1, column 70: nested deeper than 64'],
  ];
  for (const [text, problem] of cases) {
    test(JSON.stringify(text.slice(0, 30)), () => assert.equal(problems(text)[0], problem));
  }

  test('one problem a line, and none of the fields behind', () => {
    const text = '{\n"a": {"ip": nope, nope},\n"b": {"ip" "10"},\n"c": {}\n}';
    const said = problems(text);
    assert.deepEqual(
      said.map((line) => line.replace(/, column.*/, '')),
      ['line 2', 'line 3'],
    );
  });
});

test('what JSON.parse refuses is refused, whatever was done to the file', () => {
  const place = fc.integer({ min: 0, max: SEED_FILE.length });
  const scrap = fc.constantFrom(
    '',
    ',',
    '"',
    '}',
    '{',
    '[',
    ']',
    ':',
    '\\',
    '/',
    '-',
    '0',
    'e',
    '.',
    '\u00a0',
    '\u2028',
    '\0',
  );
  fc.assert(
    fc.property(place, fc.integer({ min: 0, max: 3 }), scrap, (at, cut, put) => {
      const text = SEED_FILE.slice(0, at) + put + SEED_FILE.slice(at + cut);
      const result = parseFiles(text, VXLAN_PORT);
      if (result.table !== null) assert.doesNotThrow(() => JSON.parse(text));
    }),
    { numRuns: 3000 },
  );
});

describe('wrong fields: the path and what would be right', () => {
  const cases: [text: string, problem: string][] = [
    [`{"${B}": {"ip": "10.88.88"}}`, `${B}.ip: not an IP address: "10.88.88"`],
    [`{"${B}": {}}`, `${B}.ip: missing; expected the underlay address of the host`],
    [`{"${B}": {"ip": 10}}`, `${B}.ip: expected a string, not a number`],
    [`{"${B}": {"ip": ["10.0.0.1"]}}`, `${B}.ip: expected a string, not a list`],
    [`{"${B}": {"ip": "0.0.0.0"}}`, `${B}.ip: 0.0.0.0 is the unspecified address; expected the address of one host`],
    [`{"${B}": {"ip": "FF02::1"}}`, `${B}.ip: ff02::1 is a multicast address; expected the address of one host`],
    [entry('"port": 0'), `${A}.port: expected a whole number from 1 to 65535, not 0`],
    [entry('"port": 65536'), `${A}.port: expected a whole number from 1 to 65535, not 65536`],
    [entry('"port": 47.5'), `${A}.port: expected a whole number from 1 to 65535, not 47.5`],
    [entry('"port": "4789"'), `${A}.port: expected a whole number from 1 to 65535, not a string`],
    [entry('"port": null'), `${A}.port: expected a whole number from 1 to 65535, not null`],
    [entry('"arp": "10.55.55"'), `${A}.arp: not an IPv4 address: "10.55.55"`],
    [entry('"arp": "010.55.55.1"'), `${A}.arp: not an IPv4 address: "010.55.55.1"`],
    [entry('"arp": "fe80::3"'), `${A}.arp: not an IPv4 address: "fe80::3"`],
    [entry('"arp": true'), `${A}.arp: expected a string or a list of strings, not a boolean`],
    [entry('"arp": {"a": 1}'), `${A}.arp: expected a string or a list of strings, not an object`],
    [entry('"arp": ["10.0.0.1", ["10.0.0.2"]]'), `${A}.arp[1]: expected a string or a list of strings, not a list`],
    [entry('"arp": ["10.0.0.1", {}]'), `${A}.arp[1]: expected a string or a list of strings, not an object`],
    [entry('"arp": ["10.0.0.1", "10.0.0.1"]'), `${A}.arp[1]: 10.0.0.1 is listed twice`],
    [entry('"arp": "0.1.2.3"'), `${A}.arp: 0.1.2.3 is an address of "this network"; expected the address of one host`],
    [entry('"arp": "127.0.0.1"'), `${A}.arp: 127.0.0.1 is a loopback address; expected the address of one host`],
    [entry('"arp": "224.0.0.1"'), `${A}.arp: 224.0.0.1 is a multicast address; expected the address of one host`],
    [
      entry('"arp": "255.255.255.255"'),
      `${A}.arp: 255.255.255.255 is the broadcast address; expected the address of one host`,
    ],
    [entry('"ndp": "10.0.0.1"'), `${A}.ndp: not an IPv6 address: "10.0.0.1"`],
    [entry('"ndp": "::ffff:10.0.0.1"'), `${A}.ndp: not an IPv6 address: "::ffff:10.0.0.1"`],
    [entry('"ndp": "fe80::3%eth0"'), `${A}.ndp: not an IPv6 address: "fe80::3%eth0"`],
    [entry('"ndp": "fe80::1::2"'), `${A}.ndp: not an IPv6 address: "fe80::1::2"`],
    [entry('"ndp": ["fe80::3", 7]'), `${A}.ndp[1]: expected a string or a list of strings, not a number`],
    [entry('"ndp": "::"'), `${A}.ndp: :: is the unspecified address; expected the address of one host`],
    [entry('"ndp": "0::1"'), `${A}.ndp: ::1 is the loopback address; expected the address of one host`],
    [entry('"ndp": "ff02::1:2"'), `${A}.ndp: ff02::1:2 is a multicast address; expected the address of one host`],
    [entry('"ndp": ["fe80::3", "FE80:0::3"]'), `${A}.ndp[1]: fe80::3 is listed twice`],
    [entry('"dhcp-proxy": "de:ad"'), `${A}.dhcp-proxy: not a MAC address: "de:ad"`],
    [entry('"dhcp-proxy": 1'), `${A}.dhcp-proxy: expected a string, not a number`],
    [
      entry('"dhcp-proxy": "ff:ff:ff:ff:ff:ff"'),
      `${A}.dhcp-proxy: a group MAC address; expected that of one interface`,
    ],
    [entry('"ip": "10.0.0.2"'), `${A}.ip: given twice`],
    ['{"de:ad": {"ip": "10.0.0.1"}}', 'de:ad: not a MAC address: "de:ad"'],
    ['{"": {"ip": "10.0.0.1"}}', '"": not a MAC address: ""'],
    ['{"__proto__": {"ip": "10.0.0.1"}}', '__proto__: not a MAC address: "__proto__"'],
    ['{"a\\nb": {"ip": "10.0.0.1"}}', '"a\\nb": not a MAC address: "a\\nb"'],
    [
      '{"01:00:5e:00:00:01": {"ip": "10.0.0.1"}}',
      '01:00:5e:00:00:01: a group MAC address; expected that of one interface',
    ],
    [
      '{"ff:ff:ff:ff:ff:ff": {"ip": "10.0.0.1"}}',
      'ff:ff:ff:ff:ff:ff: a group MAC address; expected that of one interface',
    ],
    ['{"0:0:0:0:0:0": {"ip": "10.0.0.1"}}', '0:0:0:0:0:0: the all-zero MAC address; expected that of one interface'],
    [`{"${A}": "10.0.0.1"}`, `${A}: expected an object, not a string`],
    [`{"${A}": ["10.0.0.1"]}`, `${A}: expected an object, not a list`],
    [`{"${A}": null}`, `${A}: expected an object, not null`],
    [`{"${A}": {"ip": "10.0.0.1"}, "DE-AD-BE-EF-0-0": {"ip": "10.0.0.1"}}`, `DE-AD-BE-EF-0-0: a second entry for ${A}`],
    [`{"${A}": {"ip": "10.0.0.1"}, "${A}": {"ip": "10.0.0.1"}}`, `${A}: a second entry for ${A}`],
    [
      `{"${A}": {"ip": "10.0.0.1", "arp": "10.5.5.5"}, "${B}": {"ip": "10.0.0.1", "arp": ["10.5.5.5"]}}`,
      `${B}.arp[0]: 10.5.5.5 already belongs to ${A}`,
    ],
    [
      `{"${A}": {"ip": "10.0.0.1", "ndp": "fe80::1"}, "${B}": {"ip": "10.0.0.1", "ndp": "fe80:0:0::1"}}`,
      `${B}.ndp: fe80::1 already belongs to ${A}`,
    ],
  ];
  for (const [text, problem] of cases) {
    test(problem.replaceAll('\n', ' '), () => assert.deepEqual(unplaced(text), [problem]));
  }

  test('all at once, in the order of the file', () => {
    const text = `{"x": {"ip": "y", "port": 0, "arp": "z"}, "${B}": {"ip": "10.88.88", "dhcp-proxy": ""}, "${B}": {}}`;
    assert.deepEqual(unplaced(text), [
      'x: not a MAC address: "x"',
      'x.port: expected a whole number from 1 to 65535, not 0',
      'x.ip: not an IP address: "y"',
      'x.arp: not an IPv4 address: "z"',
      `${B}.ip: not an IP address: "10.88.88"`,
      `${B}.dhcp-proxy: not a MAC address: ""`,
      `${B}.ip: missing; expected the underlay address of the host`,
      `${B}: a second entry for ${B}`,
    ]);
  });

  test('with line and column of the value, or of its entry when it is missing', () => {
    const text = `{
  "${A}": {
    "ip": "10.88.88",
    "arp": ["10.0.0.1",
            7], "ip": 3
  },
  "${B}": [],\t"x": {}
}`;
    assert.deepEqual(problems(text), [
      `line 5, column 17: ${A}.ip: given twice`,
      `line 3, column 11: ${A}.ip: not an IP address: "10.88.88"`,
      `line 5, column 13: ${A}.arp[1]: expected a string or a list of strings, not a number`,
      `line 7, column 24: ${B}: expected an object, not a list`,
      'line 7, column 28: x: not a MAC address: "x"',
      'line 7, column 28: x.ip: missing; expected the underlay address of the host',
    ]);
  });

  test('the first hundred are told, the others counted', () => {
    const result = parseFiles(
      `{${Array.from({ length: 250 }, (_, i) => `"bad${i}": {"ip": "10.0.0.1"}`).join()}}`,
      VXLAN_PORT,
    );
    assert.ok(result.table === null);
    assert.equal(result.problems.lines.length, 100);
    assert.match(result.problems.toString(), /^line 1, column 2: bad0: not a MAC address: "bad0"; .*; and 150 more$/);
    assert.equal(result.problems.summary(), 'line 1, column 2: bad0: not a MAC address: "bad0" (and 249 more)');
  });

  test('long values are shortened', () => {
    assert.ok(problems(entry(`"arp": "${'1'.repeat(10_000)}"`))[0]!.length < 200);
  });
});

describe('limits', () => {
  const three = JSON.stringify({
    [A]: { ip: '10.0.0.1', arp: ['10.1.0.1', '10.1.0.2'] },
    [B]: { ip: '10.0.0.1', arp: '10.1.0.3' },
  });

  test('entries', () => {
    assert.deepEqual(problems(three, { entries: 1, addresses: 9 }), ['2 entries; at most 1 are allowed']);
  });

  test('addresses', () => {
    const said = ['too many arp or ndp addresses; at most 2 are allowed'];
    assert.deepEqual(problems(three, { entries: 2, addresses: 2 }), said);
  });

  test('exactly at both', () => {
    assert.notEqual(parseFiles(three, VXLAN_PORT, { entries: 2, addresses: 3 }).table, null);
  });
});
