/** Trunks in a file: one key is several VNICs, and each is added and removed by itself. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NOTHING } from '../../src/config/model.js';
import { plan } from '../../src/config/plan.js';
import { read } from './reading.js';

const OVERLAYS = `\
overlays:
  ov1: { vni: 1, search: files, properties: { vxlan/listen_ip: 10.0.0.1, files/config: /hosts.json } }
  ov2: { vni: 2, search: files, properties: { vxlan/listen_ip: 10.0.0.1, files/config: /hosts.json } }
vnics:
`;
const fileWith = (...vnics: string[]): string => `${OVERLAYS}${vnics.map((vnic) => `  ${vnic}\n`).join('')}`;
const MAC = "mac: '02:00:00:00:00:01'";

function declared(...vnics: string[]) {
  const { declaration, problems } = read(fileWith(...vnics));
  assert.deepEqual(problems, []);
  return declaration!;
}

describe('a trunk in a file', () => {
  test('is a VNIC for each VLAN, of one MAC, that takes any', () => {
    const { vnics, lines } = declared(`t0: { trunk: { 100: ov1, 0: ov2 }, ${MAC}, netns: web, rate_pps: 5 }`);
    const facts = [...vnics.values()].map(({ name, overlay, trunk, mac, netns, allowAnyMac, ratePps }) => ({
      ...{ name, overlay, trunk, mac, netns, allowAnyMac, ratePps, line: lines.get(name) },
    }));
    const common = { mac: '02:00:00:00:00:01', netns: 'web', allowAnyMac: true, ratePps: 5, line: 5 };
    assert.deepEqual(
      facts.sort((a, b) => a.name.localeCompare(b.name)),
      [
        { name: 't0.0', overlay: 'ov2', trunk: { name: 't0', vlan: 0 }, ...common },
        { name: 't0.100', overlay: 'ov1', trunk: { name: 't0', vlan: 100 }, ...common },
      ],
    );
  });

  test('has one MAC with auto, too', () => {
    const { vnics } = declared('t0: { trunk: { 100: ov1, 200: ov2 }, mac: auto }');
    const macs = new Set([...vnics.values()].map(({ mac }) => mac));
    assert.equal(macs.size, 1);
  });

  const wrong: [name: string, vnics: string[], problem: RegExp][] = [
    [
      'an overlay beside it',
      [`t0: { overlay: ov1, trunk: { 1: ov1 }, ${MAC} }`],
      /vnics\.t0\.overlay: stands beside trunk/,
    ],
    ['neither', [`t0: { ${MAC} }`], /vnics\.t0\.overlay: is missing: expected the name of an overlay .*, or trunk/],
    [
      'an overlay that is not there',
      [`t0: { trunk: { 1: nix }, ${MAC} }`],
      /vnics\.t0\.trunk\.1: is "nix", which is not/,
    ],
    ['no VLAN', [`t0: { trunk: { 4095: ov1 }, ${MAC} }`], /vnics\.t0\.trunk: bad trunk: 4095=ov1: a VLAN is a number/],
    ['none at all', [`t0: { trunk: {}, ${MAC} }`], /vnics\.t0\.trunk: is empty/],
    [
      'addresses',
      [`t0: { trunk: { 1: ov1 }, ${MAC}, addresses: [10.0.0.1/24] }`],
      /vnics\.t0\.addresses: stand beside/,
    ],
    [
      'one overlay twice',
      [`t0: { trunk: { 1: ov1, 2: ov1 }, ${MAC} }`],
      /vnics\.t0\.trunk\.2: .*takes any MAC on overlay ov1/,
    ],
    ['a long name', [`trunk4567890: { trunk: { 1000: ov1 }, ${MAC} }`], /at most 15 characters/],
    [
      'the name of another VNIC',
      [`t0.1: { overlay: ov2, mac: '02:00:00:00:00:02' }`, `t0: { trunk: { 1: ov1 }, ${MAC} }`],
      /6:3: vnics\.t0: the name t0\.1 is that of VNIC t0\.1: choose another/,
    ],
  ];
  for (const [name, vnics, problem] of wrong) {
    test(`refused: ${name}`, () => {
      const { declaration, problems } = read(fileWith(...vnics));
      assert.equal(declaration, null);
      assert.match(problems.join('\n'), problem);
    });
  }

  test('has the MAC and the place of those that commands have made of it', () => {
    const made = { ...NOTHING, vnics: declared(`t0: { trunk: { 100: ov1 }, ${MAC}, netns: web }`).vnics };
    const problems = (vnic: string, there = { made, declared: NOTHING }) => read(fileWith(vnic), there).problems;
    assert.deepEqual(problems(`t0: { trunk: { 200: ov2 }, ${MAC}, netns: /run/netns/web }`), []);
    const other = "mac: '02:00:00:00:00:02'";
    assert.match(
      problems(`t0: { trunk: { 200: ov2 }, ${other}, netns: web }`).join(),
      /^[^,]*t0\.200 cannot be of trunk t0: its mac is not 02:00:00:00:00:01, as there$/,
    );
    assert.match(
      problems(`t0: { trunk: { 200: ov2 }, ${MAC}, netns: blue }`).join(),
      /^[^,]*t0\.200 cannot be of trunk t0: its netns is not web, as there$/,
    );
    // Its MAC was changed at its interface, which those of commands follow for good: the file is as it was.
    const settled = { made, declared: { ...NOTHING, vnics: declared(`t0: { trunk: { 200: ov2 }, ${other} }`).vnics } };
    assert.deepEqual(problems(`t0: { trunk: { 200: ov2 }, ${other} }`, settled), []);
  });

  test('changes VLAN by VLAN; what stays is not touched, and its interface neither', () => {
    const steps = (from: string, to: string) =>
      plan(declared(from), declared(to), () => []).map((step) => [
        step.do,
        'name' in step ? step.name : 'vnic' in step ? `${step.vnic.name} ${step.vnic.overlay}` : step.overlay.name,
      ]);
    const one = `t0: { trunk: { 100: ov1 }, ${MAC} }`;
    const both = `t0: { trunk: { 100: ov1, 200: ov2 }, ${MAC} }`;
    assert.deepEqual(steps(one, both), [['add-vnic', 't0.200 ov2']]);
    assert.deepEqual(steps(both, one), [['remove-vnic', 't0.200']]);
    assert.deepEqual(steps(both, both), []);
    assert.deepEqual(steps(one, `t0: { trunk: { 100: ov2 }, ${MAC} }`), [
      ['detach-vnic', 't0.100'],
      ['add-vnic', 't0.100 ov2'],
    ]);
    const alone = `t0.100: { overlay: ov1, allow_any_mac: true, ${MAC} }`;
    assert.deepEqual(steps(alone, one), [
      ['remove-vnic', 't0.100'],
      ['add-vnic', 't0.100 ov1'],
    ]);
  });
});
