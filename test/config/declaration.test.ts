/** What a file that is right declares, and how it gets along with what there is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type DeclaredOverlay, NOTHING } from '../../src/config/model.js';
import { referenceOf } from '../../src/config/overlay.js';
import { UNPROTECTED } from '../../src/link-protection.js';
import { UNLIMITED } from '../../src/rate-limits.js';
import type { Target } from '../../src/search/api.js';
import { OVERLAY, read } from './reading.js';

const vnics = (...lines: string[]) => `${OVERLAY}vnics:\n${lines.map((line) => `  ${line}\n`).join('')}`;

describe('what is there', () => {
  const made = {
    name: 'overlay0',
    vni: 23,
    encap: 'vxlan' as const,
    search: 'files',
    targets: new Map<string, Target>(),
  };
  const same = { ...made, properties: { 'vxlan/listen_ip': '10.0.0.1', 'files/config': '/hosts.json', vlan: 'pass' } };
  const model = (...overlays: (typeof same)[]) => ({
    ...NOTHING,
    overlays: new Map(overlays.map((each) => [each.name, each])),
  });
  const problems = (...args: Parameters<typeof read>) => read(...args).problems;

  test('by a command, just as declared, is no problem', () => {
    assert.deepEqual(problems(OVERLAY, { made: model(same), declared: NOTHING }), []);
  });

  test('by a command, and another, is named with what differs', () => {
    const other = { ...same, vni: 24, temporary: true, targets: new Map([['02:00:00:00:00:01', 'drop'] as const]) };
    assert.deepEqual(problems(OVERLAY, { made: model(other), declared: NOTHING }), [
      '2:3: overlays.overlay0: a command has made overlay0 with another life (it is temporary), vni, set of targets: ' +
        'delete it (vxlane delete-overlay overlay0), or declare what is there',
    ]);
  });

  test('by a command has its name, its VNI, its socket and its MACs', () => {
    const wire = { ...same, name: 'wire0', properties: { ...same.properties, 'vxlan/source_ports': '1' } };
    const vnic = {
      name: 'v',
      overlay: 'overlay0',
      mac: '02:00:00:00:00:01',
      netns: null,
      allowAnyMac: true,
      addresses: [],
      ...UNPROTECTED,
      ...UNLIMITED,
    };
    const there = { made: { ...model(wire), vnics: new Map([['v', vnic]]) }, declared: NOTHING };
    const by = (kind: string, name: string) => `${kind} ${name} (made by a command)`;
    assert.deepEqual(
      problems(vnics('wire0: { overlay: overlay0, mac: 02:00:00:00:00:01, allow_any_mac: true }'), there),
      [
        `3:10: overlays.overlay0.vni: virtual network id 23 is in use by ${by('overlay', 'wire0')}: choose another`,
        `5:5: overlays.overlay0.properties.vxlan/source_ports: 16, but ${by('overlay', 'wire0')} listens on ` +
          `10.0.0.1:4789 too, with 1: they must agree`,
        `7:3: vnics.wire0: the name wire0 is that of ${by('overlay', 'wire0')}: choose another`,
        `7:36: vnics.wire0.mac: 02:00:00:00:00:01 is that of ${by('VNIC', 'v')}: choose another`,
        `7:70: vnics.wire0.allow_any_mac: ${by('VNIC', 'v')} takes any MAC on overlay overlay0 already: only one ` +
          `VNIC of an overlay may`,
      ].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
    );
  });

  test('is declared no more and has VNICs of commands: it cannot go', () => {
    const vnic = {
      name: 'v',
      overlay: 'overlay0',
      mac: '02:00:00:00:00:01',
      netns: null,
      allowAnyMac: false,
      addresses: [],
      ...UNPROTECTED,
      ...UNLIMITED,
    };
    const there = { made: { ...NOTHING, vnics: new Map([['v', vnic]]) }, declared: model(same) };
    assert.deepEqual(problems('overlays: {}\n', there), [
      '1:1: overlays: overlay0 is declared no more, but has VNICs that commands made (v): delete them ' +
        'first, or keep it',
    ]);
    assert.deepEqual(problems(OVERLAY, there), []);
  });

  test('is declared wrongly now: that is what is said of it, not that it is declared no more', () => {
    const vnic = {
      name: 'v',
      overlay: 'overlay0',
      mac: '02:00:00:00:00:01',
      netns: null,
      allowAnyMac: false,
      addresses: [],
      ...UNPROTECTED,
      ...UNLIMITED,
    };
    const there = { made: { ...NOTHING, vnics: new Map([['v', vnic]]) }, declared: model(same) };
    const wrong = OVERLAY.replace('vxlan/listen_ip: 10.0.0.1', 'vxlan/listen_ip: 10.0.0.1, mtu: large');
    const found = problems(wrong, there);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', /overlays\.overlay0\.properties\.mtu: is "large"/);
  });
});

describe('a file declares', () => {
  test('overlays and VNICs in canonical text, with their lines', () => {
    const { declaration, problems } = read(`\
overlays:
  a:
    vni: 1
    search: files
    properties: { vxlan/listen_ip: FD00:0::1, files/config: ../hosts.json, strict-header: true, mtu: 0x5dc }
    targets: { DE-AD-BE-EF-0-1: '[FD00::2]', dead.beef.0002: Drop }
  b:
    { vni: 0, search: direct, properties: { vxlan/listen_ip: 10.0.0.1, direct/dest_ip: 10.0.0.2 }, targets: }
vnics:
  v: { overlay: a, mac: DEADBEEF0003, netns: }
  w: { overlay: a, mac: de:ad:be:ef:0:4, netns: blue, allow_any_mac: true }
`);
    assert.deepEqual(problems, []);
    assert.ok(declaration !== null);
    const { configuration, ...a } = declaration.overlays.get('a') as DeclaredOverlay;
    assert.equal(configuration.settings.mtu, 1500);
    assert.deepEqual(a, {
      name: 'a',
      vni: 1,
      encap: 'vxlan',
      search: 'files',
      properties: {
        'vxlan/listen_ip': 'fd00::1',
        'files/config': '/etc/hosts.json',
        'strict-header': 'true',
        mtu: '1500',
      },
      targets: new Map<string, Target>([
        ['de:ad:be:ef:00:01', { ip: 'fd00::2', port: 4789 }],
        ['de:ad:be:ef:00:02', 'drop'],
      ]),
    });
    assert.deepEqual(declaration.vnics.get('v'), {
      name: 'v',
      overlay: 'a',
      mac: 'de:ad:be:ef:00:03',
      netns: null,
      allowAnyMac: false,
      addresses: [],
      ...UNPROTECTED,
      ...UNLIMITED,
    });
    assert.deepEqual(declaration.vnics.get('w'), {
      name: 'w',
      overlay: 'a',
      mac: 'de:ad:be:ef:00:04',
      netns: 'blue',
      allowAnyMac: true,
      addresses: [],
      ...UNPROTECTED,
      ...UNLIMITED,
    });
    assert.deepEqual(
      [...declaration.lines],
      [
        ['a', 2],
        ['b', 7],
        ['v', 10],
        ['w', 11],
      ],
    );
  });

  test('its own endpoint as a target where a VNIC takes any MAC', () => {
    const text = `${OVERLAY}    targets: { 02:00:00:00:00:09: 10.0.0.1 }\n`;
    assert.equal(read(text).problems.length, 1);
    const vnic = 'v: { overlay: overlay0, mac: 02:00:00:00:00:01, allow_any_mac: true }';
    assert.deepEqual(read(`${text}vnics:\n  ${vnic}\n`).problems, []);
  });

  test('nothing, when it says so', () => {
    for (const text of ['overlays: {}\n', 'vnics:\n', '{}\n']) {
      assert.deepEqual(read(text).declaration, { overlays: new Map(), vnics: new Map(), lines: new Map() });
    }
  });

  test('a plugin by a name, a package, or a path that starts at the folder of the file', () => {
    const references = [
      'files',
      'vxlane-plugin-x',
      '@us/vxlane-plugin-x',
      '/opt/x.js',
      './x.js',
      '../x.js',
      'lib/x.js',
    ];
    assert.deepEqual(
      references.map((each) => referenceOf(each, '/etc/vxlane')),
      [...references.slice(0, 4), '/etc/vxlane/x.js', '/etc/x.js', '/etc/vxlane/lib/x.js'],
    );
  });

  test('what docs/configuration.md shows', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const example = /```yaml\n([^`]*)```/.exec(page)?.[1] ?? '';
    const { declaration, problems } = read(example);
    assert.deepEqual(problems, []);
    assert.deepEqual([...(declaration?.lines.keys() ?? [])], ['overlay0', 'wire0', 'foo0', 'web0']);
  });
});
