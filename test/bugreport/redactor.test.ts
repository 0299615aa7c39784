/** Secrets: whatever they are made of and wherever they are planted, none is left; and what is none stays. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { cut } from '../../src/bugreport/part.js';
import { Redactor, SEARCHED_LENGTH_MIN } from '../../src/bugreport/redactor.js';
import { isSecretName, SECRET_TEXT, withoutSecretLooks } from '../../src/secrets.js';

/** What a property may be: no control characters. Not of what stands in its place, or nobody could tell. */
const anySecret = fc
  .string({ unit: 'grapheme', minLength: SEARCHED_LENGTH_MIN, maxLength: 40 })
  .filter((text) => !/\p{Cc}/u.test(text) && !text.includes('*') && text.isWellFormed());
/** Of built-in plugins, of somebody else's, and one whose name says nothing. */
const anyName = fc.constantFrom('etcd/password', 'mine/api-key', 'mine/pin', 'x/y');
const PLAIN = { 'vxlan/listen_ip': '10.0.0.1', 'etcd/key': '/etc/k.pem', 'etcd/endpoints': 'https://h:1' };

/** Ways in which a program writes a text. */
const WRITTEN: readonly ((secret: string) => string)[] = [
  (secret) => `it was ${secret}, and is no more`,
  (secret) => JSON.stringify({ msg: `it was ${secret}!` }),
  (secret) => JSON.stringify({ event: JSON.stringify({ reason: `"${secret}"` }) }),
  (secret) => `GET /?q=${encodeURIComponent(secret)} HTTP/1.1`,
  (secret) => `Proxy: ${Buffer.from(secret).toString('base64')}`,
];

/** As the daemon tells of properties that are not the built-in plugins'. */
function knowing(name: string): Redactor {
  const redactor = new Redactor();
  redactor.declare(name, true);
  return redactor;
}

function assertGone(text: string, secret: string): void {
  const inJson = JSON.stringify(secret).slice(1, -1);
  for (const form of [secret, inJson, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]) {
    assert.ok(!text.includes(form), text);
  }
}

describe('a secret property', () => {
  test('of a state file is in no file of the report', () => {
    fc.assert(
      fc.property(anyName, anySecret, (name, secret) => {
        const redactor = knowing(name);
        const state = { checksum: 'ab'.repeat(32), name: 'ov0', properties: { ...PLAIN, [name]: secret } };
        const shown = redactor.object(state, true);
        assert.deepEqual(shown, {
          ...state,
          checksum: SECRET_TEXT,
          properties: { ...PLAIN, [name]: SECRET_TEXT },
        });
        for (const write of WRITTEN) assertGone(redactor.text(write(secret)), secret);
      }),
    );
  });

  test('of a configuration is in no file of the report, and all else is as it was typed', () => {
    fc.assert(
      fc.property(anyName, anySecret, fc.constantFrom(null, 20, 80), (name, secret, lineWidth) => {
        const redactor = knowing(name);
        const properties: Record<string, string> = { ...PLAIN, [name]: secret };
        const config = { overlays: { ov0: { vni: 7, search: 'etcd', properties } }, vnics: { v0: { overlay: 'ov0' } } };
        const text = `# as it was typed\n${stringify(config, { lineWidth: lineWidth ?? 0 })}`;
        const shown = redactor.yaml(text);
        properties[name] = SECRET_TEXT;
        assert.deepEqual(parse(shown), config);
        assert.match(shown, /^# as it was typed\n/);
        assertGone(redactor.text(shown), secret);
        for (const write of WRITTEN) assertGone(redactor.text(write(secret)), secret);
      }),
    );
  });

  test('is learnt of a configuration that is damaged, which is not shown', () => {
    const redactor = new Redactor();
    const text = 'overlays:\n  a:\n    properties:\n      etcd/password: hunter2\n   broken: [\n';
    assert.throws(() => redactor.yaml(text));
    assert.equal(redactor.text('said hunter2'), `said ${SECRET_TEXT}`);
  });

  test('by an anchor is taken out where it was typed', () => {
    const typed = [
      'x: &pin 4711',
      'base: &base { mine/pin: 4712, vxlan/listen_port: 4789 }',
      'overlays:',
      '  a: { properties: { mine/pin: *pin } }',
      '  b: { properties: *base }',
      '  c: { properties: { mine/pin: |',
      '      4713',
      '      } }',
    ];
    const redactor = new Redactor();
    const shown = redactor.yaml(typed.slice(0, 5).join('\n'));
    assert.doesNotMatch(shown, /471/);
    assert.match(shown, /listen_port: 4789/);
    const block = redactor.yaml('a:\n  properties:\n    mine/pin: |\n      4713\n      4714\nb: 1\n');
    assert.deepEqual(parse(block), { a: { properties: { 'mine/pin': SECRET_TEXT } }, b: 1 });
  });

  test('in a URL is in no file of the report, though the URL is', () => {
    fc.assert(
      fc.property(anySecret, (secret) => {
        const redactor = new Redactor();
        const url = `http://user:${encodeURIComponent(secret)}@directory.example:8080/v1`;
        const shown = JSON.stringify(redactor.object({ properties: [{ name: 'mine/url', value: url }] }, false));
        const text = redactor.text(shown);
        assert.match(text, /http:\/\/\*{8}@directory\.example:8080\/v1/);
        for (const write of WRITTEN) assertGone(redactor.text(write(secret)), secret);
      }),
    );
  });

  test('of a plugin that nobody knows is hidden, and looked for unless it is an ordinary word', () => {
    const redactor = new Redactor();
    const properties = { 'x/a': 'geheim-4711', 'x/b': '4789', 'x/c': '10.0.0.1', 'x/d': 'true', 'x/e': '/etc/passwd' };
    const hidden = Object.fromEntries(Object.keys(properties).map((name) => [name, SECRET_TEXT]));
    assert.deepEqual(redactor.object({ properties }, true), { properties: hidden });
    const text = 'geheim-4711 at 10.0.0.1:4789 is true, says /etc/passwd';
    assert.equal(redactor.text(text), text.replace('geheim-4711', SECRET_TEXT));
  });

  test('that the daemon shows is shown, but for one that is called like a secret', () => {
    const redactor = new Redactor();
    for (const name of ['x/url', 'x/token']) redactor.declare(name, false);
    assert.deepEqual(redactor.object({ properties: { 'x/url': 'http://h/', 'x/token': 'true' } }, true), {
      properties: { 'x/url': 'http://h/', 'x/token': SECRET_TEXT },
    });
  });

  test('that is short is taken out where it is a value, and not out of every word', () => {
    const redactor = new Redactor();
    assert.deepEqual(redactor.object({ properties: { 'etcd/password': 'ab' } }, true), {
      properties: { 'etcd/password': SECRET_TEXT },
    });
    assert.equal(redactor.text('able'), 'able');
    assert.equal(redactor.removed, 1);
  });
});

const KEY = `${'a'.repeat(42)}A=`;
const LOOKS: readonly (readonly [text: string, shown: string])[] = [
  ['password=hunter2 user=bob', 'password=******** user=bob'],
  ['{"password": "hun\\"ter2", "user": "bob"}', '{"password": "********", "user": "bob"}'],
  ["etcd/password: 'hunter2'", "etcd/password: '********'"],
  ['# etcd/password: hunter2', '# etcd/password: ********'],
  ['vxlane etcd import --password hunter2 --prefix /a/', 'vxlane etcd import --password ******** --prefix /a/'],
  ['Authorization: Basic dTpw', 'Authorization: ********'],
  ['"authorization":"Bearer abc.def"', '"authorization":"********"'],
  ['curl -H "X: bearer abcdefgh12"', 'curl -H "X: bearer ********"'],
  ['https://bob:hunter2@h:1/x and http://h/a@b', 'https://********@h:1/x and http://h/a@b'],
  ["http://root:pa'ss@h:1/x and it's b@c", "http://********@h:1/x and it's b@c"],
  [`PrivateKey = ${KEY}`, 'PrivateKey = ********'],
  [`peer: ${KEY}`, 'peer: ********'],
  ['-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n.', '-----BEGIN EC PRIVATE KEY-----********\n.'],
  ['{"a":"-----BEGIN PRIVATE KEY-----\\nMHc', '{"a":"-----BEGIN PRIVATE KEY-----********'],
];

describe('what looks like a secret', () => {
  for (const [text, shown] of LOOKS) {
    test(text.slice(0, 40).replaceAll('\n', ' '), () => {
      assert.deepEqual(withoutSecretLooks(text), { text: shown, removed: 1 });
    });
  }

  test('and what does not', () => {
    for (const text of [
      'daemon --http-token-file /etc/vxlane/token --user vxlane',
      'udp dport 4789 accept comment "pass: all"',
      '"password": null',
      'etcd/password is required: password of etcd/username',
      'etcd/key is /etc/vxlane/key.pem',
      `sha256 ${'ab'.repeat(32)}`,
    ]) {
      assert.deepEqual(withoutSecretLooks(text), { text, removed: 0 });
    }
    for (const name of ['etcd/key', 'http-token-file', 'vlan', 'bypass']) assert.ok(!isSecretName(name), name);
  });
});

test('too much is cut at a line, so that no half of a secret is left', () => {
  const text = 'one\ntwo\nthree\n';
  assert.deepEqual(cut(text, 9, false), { text: 'one\ntwo\n', note: 'the first 8 of 14 bytes' });
  assert.deepEqual(cut(text, 9, true), { text: 'three\n', note: 'the last 6 of 14 bytes' });
  assert.deepEqual(cut(text, 10, true), { text: 'two\nthree\n', note: 'the last 10 of 14 bytes' });
  assert.deepEqual(cut(text, 14, true), { text, note: '' });
  assert.deepEqual(cut('x'.repeat(20), 9, true), { text: '', note: 'the last 0 of 20 bytes' });
});
