import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { VxlaneError } from '../../src/errors.js';
import type { PropertySpec } from '../../src/search/api.js';
import { defaultText, formatValue, parseChanges, parseProperties, possibleText } from '../../src/search/props.js';

const LISTEN_IP: PropertySpec = { name: 'vxlan/listen_ip', type: 'ip', required: true, help: 'address to listen on' };
const PORT: PropertySpec = {
  name: 'vxlan/listen_port',
  type: 'uint',
  required: false,
  default: 4789,
  range: [1, 65535],
  help: 'UDP port to listen on',
};
const MTU: PropertySpec = {
  name: 'mtu',
  type: 'uint',
  required: false,
  range: [576, 8900],
  mutable: true,
  help: 'of the VNICs',
};
const VLAN: PropertySpec = {
  name: 'vlan',
  type: 'string',
  required: false,
  default: 'pass',
  values: ['pass', 'strip', 'discard'],
  mutable: true,
  help: 'inner tags',
};
const CONFIG: PropertySpec = { name: 'files/config', type: 'string', required: false, help: 'path' };
const TOKEN: PropertySpec = { name: 'etcd/token', type: 'secret', required: false, help: 'password' };
const OFFSET: PropertySpec = { name: 'offset', type: 'int', required: false, help: 'any whole number' };
const FREEZE: PropertySpec = {
  ...MTU,
  name: 'freeze',
  default: 'off',
  values: ['off'],
  range: [1, 60],
  help: 'seconds',
};
const SPECS = [LISTEN_IP, PORT, MTU, VLAN, CONFIG, TOKEN, OFFSET];
const OTHERS = { 'vxlan/listen_ip': '10.0.0.1' };

function refusal(action: () => unknown): string {
  let message = '';
  assert.throws(action, (thrown: unknown) => {
    assert.ok(thrown instanceof VxlaneError);
    assert.equal(thrown.code, 'bad_properties');
    assert.doesNotMatch(thrown.message, /\n/);
    message = thrown.message;
    return true;
  });
  return message;
}

describe('parseProperties', () => {
  test('parses every type, fills in defaults, leaves out what has none', () => {
    const given = { 'vxlan/listen_ip': 'FD00:0:0::1', mtu: '1400', offset: '-7', 'etcd/token': 's3cret' };
    assert.deepEqual(parseProperties(SPECS, given), {
      'vxlan/listen_ip': 'fd00::1',
      'vxlan/listen_port': 4789,
      vlan: 'pass',
      mtu: 1400,
      offset: -7,
      'etcd/token': 's3cret',
    });
  });

  const wrong: [name: string, text: string, message: string][] = [
    ['vxlan/listen_ip', '10.88.88', 'vxlan/listen_ip is "10.88.88": expected an IPv4 or IPv6 address'],
    ['mtu', '575', 'mtu is "575": expected a decimal whole number from 576 to 8900'],
    ['mtu', '8901', 'mtu is "8901": expected a decimal whole number from 576 to 8900'],
    ['mtu', '0x600', 'mtu is "0x600": expected a decimal whole number from 576 to 8900'],
    ['mtu', '1400 ', 'mtu is "1400 ": expected a decimal whole number from 576 to 8900'],
    ['mtu', '', 'mtu is "": expected a decimal whole number from 576 to 8900'],
    ['mtu', '1e3', 'mtu is "1e3": expected a decimal whole number from 576 to 8900'],
    ['vxlan/listen_port', '0', 'vxlan/listen_port is "0": expected a decimal whole number from 1 to 65535'],
    ['vxlan/listen_port', '-1', 'vxlan/listen_port is "-1": expected a decimal whole number from 1 to 65535'],
    ['offset', '9007199254740992', 'offset is "9007199254740992": expected a decimal whole number'],
    ['vlan', 'keep', 'vlan is "keep": expected one of pass, strip, discard'],
    ['files/config', '', 'files/config has 0 bytes: expected 1 to 256'],
    ['files/config', `/${'ä'.repeat(128)}`, 'files/config has 257 bytes: expected 1 to 256'],
    ['files/config', '/a\nb', 'files/config is "/a\\nb": expected text without control characters'],
    ['files/confg', '/a', 'unknown property "files/confg": did you mean files/config?'],
    ['config', '/a', 'unknown property "config": did you mean files/config?'],
    ['listen_ip', '::', 'unknown property "listen_ip": did you mean vxlan/listen_ip?'],
    ['Mtu', '1400', 'unknown property "Mtu": did you mean mtu?'],
    ['colour', 'red', `unknown property "colour": known are ${SPECS.map((spec) => spec.name).join(', ')}`],
    ['__proto__', 'x', /known are/.source],
  ];
  for (const [name, text, message] of wrong) {
    test(`refuses ${name}=${JSON.stringify(text).slice(0, 24)}`, () => {
      const given = Object.fromEntries([...Object.entries(OTHERS), [name, text]]);
      const said = refusal(() => parseProperties(SPECS, given));
      if (name === '__proto__') assert.match(said, /unknown property "__proto__": known are/);
      else assert.equal(said, message);
    });
  }

  test('names everything that is wrong at once, and what is missing with its help', () => {
    const said = refusal(() => parseProperties(SPECS, { mtu: '1', nonsense: '', vlan: 'x' }));
    assert.equal(
      said,
      'mtu is "1": expected a decimal whole number from 576 to 8900; unknown property "nonsense": known are ' +
        'vxlan/listen_ip, vxlan/listen_port, mtu, vlan, files/config, etcd/token, offset; ' +
        'vlan is "x": expected one of pass, strip, discard; vxlan/listen_ip is required: address to listen on',
    );
  });

  test('never prints a secret', () => {
    const said = refusal(() => parseProperties(SPECS, { ...OTHERS, 'etcd/token': 'hush\u0007' }));
    assert.equal(said, 'etcd/token is ********: expected text without control characters');
    assert.equal(formatValue(TOKEN, 'hush'), '********');
    assert.equal(formatValue(TOKEN, undefined), null);
  });

  test('a long value is shortened in the message', () => {
    const said = refusal(() => parseProperties(SPECS, { ...OTHERS, mtu: '9'.repeat(5000) }));
    assert.ok(said.length < 200, said);
  });
});

test('a number may have words that stand in its place', () => {
  const parse = (text?: string) => parseProperties([FREEZE], text === undefined ? {} : { freeze: text }).freeze;
  assert.deepEqual([parse(), parse('off'), parse('60')], ['off', 'off', 60]);
  for (const text of ['on', '61']) {
    const message = `freeze is "${text}": expected off or a decimal whole number from 1 to 60`;
    assert.equal(
      refusal(() => parse(text)),
      message,
    );
  }
});

describe('parseChanges', () => {
  test('takes only what is given', () => {
    assert.deepEqual(parseChanges(SPECS, { mtu: '1500' }), { mtu: 1500 });
  });

  test('refuses what may not change, with everything else that is wrong', () => {
    assert.equal(
      refusal(() => parseChanges(SPECS, { 'vxlan/listen_port': '1', mtu: '5' })),
      'mtu is "5": expected a decimal whole number from 576 to 8900; ' +
        'vxlan/listen_port cannot change while the overlay exists',
    );
  });
});

test('texts of the property table', () => {
  assert.equal(possibleText(MTU), '576-8900');
  assert.equal(possibleText(VLAN), 'pass,strip,discard');
  assert.equal(possibleText(FREEZE), 'off,1-60');
  assert.equal(possibleText(LISTEN_IP), '');
  assert.equal(defaultText(PORT), '4789');
  assert.equal(defaultText(MTU), null);
});

test('what a value prints as parses to the value', () => {
  const value = fc.record({
    'vxlan/listen_ip': fc.oneof(fc.ipV4(), fc.ipV6()),
    'vxlan/listen_port': fc.integer({ min: 1, max: 65535 }).map(String),
    mtu: fc.integer({ min: 576, max: 8900 }).map(String),
    vlan: fc.constantFrom('pass', 'strip', 'discard'),
    offset: fc.maxSafeInteger().map(String),
    'files/config': fc.stringMatching(/^\/[a-zäöü/]{1,80}$/),
  });
  fc.assert(
    fc.property(value, (given) => {
      const values = parseProperties(SPECS, given);
      const printed = SPECS.filter((spec) => spec.name in given).map((spec) => {
        return [spec.name, formatValue(spec, values[spec.name]) as string];
      });
      assert.deepEqual(parseProperties(SPECS, Object.fromEntries(printed)), values);
    }),
  );
});
