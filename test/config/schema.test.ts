/** The schema that editors use says no more than the daemon, and is that of this version. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import fc from 'fast-check';
import { parse } from 'yaml';
import { configurationSchema } from '../../src/config/schema.js';
import { targetText } from '../../src/daemon/commands/views.js';
import { ALL_OVERLAY_PROPERTIES } from '../../src/overlay-properties/overlay-properties.js';
import { plugins } from '../../src/search/registry.js';
import { models } from './arbitraries.js';
import { OVERLAY, read } from './reading.js';

const schema = configurationSchema(plugins.values());
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
formats.default(ajv);
const isValid = ajv.compile(schema);

/** Fields of an overlay that both refuse. */
const BOTH_REFUSE = [
  'vni: 1.5',
  'vni: x',
  'encap: gre',
  'properties: { vxlan/listen_ip: 10.0.0.300, files/config: /x }',
  'properties: { files/config: /x }',
  'properties: { vxlan/listen_ip: 10.0.0.1 }',
  'properties: { vxlan/listen_ip: 10.0.0.1%eth0, files/config: /x }',
  'properties: { vxlan/listen_ip: "fe80::1%", files/config: /x }',
  'properties: { vxlan/listen_ip: fe80::1%sixteen-bytes-xy, files/config: /x }',
  'properties: { vxlan/listen_ip: 10.0.0.1, vxlan/underlay_dev: sixteen-bytes-xy, files/config: /x }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, mtu: 10 }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, mtu: many }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, vlan: keep }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, strict-header: 1 }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, direct/dest_ip: 10.0.0.2 }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, vxlan/nix: 1 }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: 7 }',
  'targets: [drop]',
  'colour: red',
];
/** And that both take. */
const BOTH_TAKE = [
  'encap: vxlan',
  'targets:',
  'properties: { vxlan/listen_ip: fd00::1, files/config: /x, mtu: "1400", strict-header: "true", vlan: strip }',
  'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /x, mtu: 1400, strict-header: false }',
  'properties: { vxlan/listen_ip: FE80::1%eth0, files/config: /x }',
  'properties: { vxlan/listen_ip: fe80::1%br-lan.7, vxlan/underlay_dev: br-lan.7, files/config: /x }',
  'properties: { vxlan/listen_ip: 10.0.0.1, vxlan/underlay_dev: eth0, files/config: /x }',
];

/** The overlay of reading.ts with one field replaced. */
function withField(field: string): string {
  const key = field.slice(0, field.indexOf(':'));
  const kept = OVERLAY.split('\n').filter((line) => !line.startsWith(`    ${key}:`));
  return `${kept.join('\n')}    ${field}\n`;
}

describe('the JSON Schema', () => {
  test('in schema/ is the one of this version (else: npm run schema)', () => {
    const shipped = readFileSync(new URL('../../../schema/vxlane.schema.json', import.meta.url), 'utf8');
    assert.equal(shipped, `${JSON.stringify(schema, null, 2)}\n`);
  });

  for (const field of BOTH_REFUSE) {
    test(`refuses ${field}`, () => {
      assert.equal(isValid(parse(withField(field))), false);
      assert.notDeepEqual(read(withField(field)).problems, []);
    });
  }

  for (const field of BOTH_TAKE) {
    test(`takes ${field}`, () => {
      assert.ok(isValid(parse(withField(field))), JSON.stringify(isValid.errors));
      assert.deepEqual(read(withField(field)).problems, []);
    });
  }

  test('takes whatever the daemon takes', () => {
    fc.assert(
      fc.property(models, ({ overlays, vnics }) => {
        const file = {
          overlays: Object.fromEntries(
            [...overlays].map(([name, { name: _, targets, ...overlay }]) => {
              const own =
                overlay.search === 'direct'
                  ? {}
                  : { targets: Object.fromEntries([...targets].map(([mac, target]) => [mac, targetText(target)])) };
              return [name, { ...overlay, ...own }];
            }),
          ),
          vnics: Object.fromEntries(
            [...vnics].map(([name, { name: _, allowAnyMac, ...vnic }]) => [
              name,
              { ...vnic, allow_any_mac: allowAnyMac },
            ]),
          ),
        };
        if (read(JSON.stringify(file)).problems.length === 0) assert.ok(isValid(file), JSON.stringify(isValid.errors));
      }),
    );
  });

  test('takes properties of foreign plugins, and refuses misspelt ones of those that come with vxlane', () => {
    const field = (property: string) =>
      `search: /opt/mine.js\n    properties: { vxlan/listen_ip: 10.0.0.1, ${property} }`;
    const text = (property: string) => withField(field(property)).replace(/ {4}properties: .*hosts.json \}\n/, '');
    assert.ok(isValid(parse(text('mine/key: 1'))), JSON.stringify(isValid.errors));
    assert.equal(isValid(parse(text('files/key: 1'))), false);
    assert.equal(isValid(parse(text('mtuu: 1'))), false);
  });

  test('has every property with its help and its default', () => {
    const text = JSON.stringify(schema);
    for (const spec of [...ALL_OVERLAY_PROPERTIES, ...[...plugins.values()].flatMap(({ properties }) => properties)]) {
      assert.ok(text.includes(JSON.stringify(spec.help).slice(1, -1)), spec.name);
    }
    assert.match(text, /"vxlan\/listen_port":\{[^}]*"default":4789/);
  });
});
