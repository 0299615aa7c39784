/** Everything that can be wrong with a file, with its place and in its words. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OVERLAY, read } from './reading.js';

const PROPERTIES = 'properties: { vxlan/listen_ip: 10.0.0.1, files/config: /hosts.json }';

/** One overlay whose fields are these lines. */
const overlay = (...lines: string[]) => `overlays:\n  a:\n${lines.map((line) => `    ${line}\n`).join('')}`;
const properties = (...lines: string[]) =>
  overlay('vni: 1', 'search: files', 'properties:', ...lines.map((line) => `  ${line}`));
const targets = (...lines: string[]) =>
  overlay('vni: 1', 'search: files', PROPERTIES, 'targets:', ...lines.map((line) => `  ${line}`));
const vnics = (...lines: string[]) => `${OVERLAY}vnics:\n${lines.map((line) => `  ${line}\n`).join('')}`;

const ONE: [text: string, problem: string][] = [
  ['overlay: {}\n', '1:1: overlay: is an unknown key: did you mean overlays?'],
  ['overlays: 3\n', '1:11: overlays: is 3: expected a mapping'],
  ['overlays: { a b: {} }\n', '1:13: overlays."a b": is no name: expected 1 to 15 of A-Z a-z 0-9 _ . -'],
  ['overlays: { a: }\n', '1:16: overlays.a: is empty: expected a mapping'],
  [overlay('search: files', PROPERTIES), '2:3: overlays.a.vni: is missing: expected a whole number from 0 to 16777215'],
  [
    overlay('vni: 16777216', 'search: files', PROPERTIES),
    '3:10: overlays.a.vni: is 16777216: expected a whole number from 0 to 16777215',
  ],
  [
    overlay('vni: "1"', 'search: files', PROPERTIES),
    '3:10: overlays.a.vni: is the text "1": expected a whole number from 0 to 16777215',
  ],
  [
    overlay('vni: 1', 'encap: gre', 'search: files', PROPERTIES),
    '4:12: overlays.a.encap: is the text "gre": expected vxlan or geneve or vxlan-gpe or nvgre',
  ],
  [
    overlay('vni: 1', 'search: filez', PROPERTIES),
    '4:13: overlays.a.search: unknown search plugin "filez": expected one of direct, files, the path of ' +
      'a module, or a package vxlane-plugin-…',
  ],
  [
    overlay('vni: 1', 'search: files', 'colour: red', PROPERTIES),
    '5:5: overlays.a.colour: is an unknown key: expected vni, encap, search, properties, targets',
  ],
  [
    properties('vxlan/listen_ip: 10.0.0.1'),
    '5:5: overlays.a.properties: files/config is required: path of the JSON file that says where each MAC is',
  ],
  [
    properties('vxlan/listen_ip: 10.0.0.1', 'files/config: [/x]'),
    '7:21: overlays.a.properties.files/config: is a list: expected a text, a number, true or false',
  ],
  [
    properties('vxlan/listen_ip: 10.0.0.1', 'files/config: 007'),
    '7:21: overlays.a.properties.files/config: is 007: put it in quotes',
  ],
  [
    properties('vxlan/listen_ip: 10.0.0.1', 'files/config: /x', 'mtu: 1.5'),
    '8:12: overlays.a.properties.mtu: is "1.5": expected a decimal whole number from 576 to 8900',
  ],
  [
    properties('vxlan/listen_ip: 10.0.0.1', 'files/config: /x', 'vlan: yes'),
    '8:13: overlays.a.properties.vlan: is "yes": expected one of pass, strip, discard',
  ],
  [
    properties('vxlan/listen_ip: 10.0.0.1', 'files/config: /x', 'vxlan/listen_prt: 1'),
    '8:25: overlays.a.properties.vxlan/listen_prt: unknown property "vxlan/listen_prt": did you mean ' +
      'vxlan/listen_port or vxlan/listen_ip?',
  ],
  [
    properties('vxlan/listen_ip: 239.0.0.1', 'files/config: /x'),
    '6:24: overlays.a.properties.vxlan/listen_ip: vxlan/listen_ip is 239.0.0.1, a multicast address: ' +
      'expected an address of this host, 0.0.0.0 or ::',
  ],
  [
    properties('vxlan/listen_ip: fe80::1%eth0', 'vxlan/underlay_dev: eth1', 'files/config: /x'),
    '6:24: overlays.a.properties.vxlan/listen_ip: vxlan/listen_ip is fe80::1%eth0, but vxlan/underlay_dev is eth1: ' +
      'expected one interface',
  ],
  [
    properties('vxlan/listen_ip: fe80::1', 'files/config: /x'),
    '6:24: overlays.a.properties.vxlan/listen_ip: vxlan/listen_ip is fe80::1, a link-local address: expected its ' +
      'interface too, as in fe80::1%eth0',
  ],
  [
    targets('nix: drop'),
    '7:7: overlays.a.targets.nix: not a MAC address: "nix" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  [
    targets('ff:ff:ff:ff:ff:ff: drop'),
    '7:7: overlays.a.targets.ff:ff:ff:ff:ff:ff: ff:ff:ff:ff:ff:ff is not the MAC of one host: a target ' +
      'needs a unicast MAC',
  ],
  [
    targets('02:00:00:00:00:01: 10.0.0.9:0'),
    '7:26: overlays.a.targets.02:00:00:00:00:01: bad destination "10.0.0.9:0": expected drop, IP:PORT or ' +
      '[IPV6]:PORT, as in 10.88.88.70:4789',
  ],
  [
    targets("02:00:00:00:00:01: '[fd00::1]'"),
    '7:26: overlays.a.targets.02:00:00:00:00:01: [fd00::1]:4789 cannot be reached from 10.0.0.1: one is ' +
      'IPv4, the other IPv6',
  ],
  [
    targets('02:00:00:00:00:01: 10.0.0.1'),
    '7:26: overlays.a.targets.02:00:00:00:00:01: 10.0.0.1:4789 is where overlay a itself listens: every ' +
      'frame would come back',
  ],
  [
    targets('02:00:00:00:00:01: drop', '02-00-00-00-00-01: drop'),
    '8:26: overlays.a.targets.02-00-00-00-00-01: is there already, as 02:00:00:00:00:01 in another ' +
      'spelling: expected it once',
  ],
  [
    overlay(
      'vni: 1',
      'search: direct',
      'properties: { vxlan/listen_ip: 10.0.0.1, direct/dest_ip: 10.0.0.2 }',
      'targets: { 02:00:00:00:00:01: drop }',
    ),
    '6:5: overlays.a.targets: search plugin direct has one destination for every MAC, which its properties say: ' +
      'it takes no targets',
  ],
  [
    vnics('v: { overlay: overlay1, mac: 02:00:00:00:00:01 }'),
    '7:17: vnics.v.overlay: is "overlay1", which is not declared in this file: declared is overlay0',
  ],
  [
    vnics('v: { overlay: overlay0 }'),
    '7:3: vnics.v.mac: is missing: expected a MAC address as text, in quotes if it is digits alone',
  ],
  [
    vnics('v: { overlay: overlay0, mac: 020000000001 }'),
    '7:32: vnics.v.mac: is 020000000001: expected a MAC address as text, in quotes if it is digits alone',
  ],
  [
    vnics('v: { overlay: overlay0, mac: 02:00:00:00:00 }'),
    '7:32: vnics.v.mac: not a MAC address: "02:00:00:00:00" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  [
    vnics('v: { overlay: overlay0, mac: 03:00:00:00:00:01 }'),
    '7:32: vnics.v.mac: 03:00:00:00:00:01 cannot be the MAC of a VNIC: expected a unicast address that is not zero',
  ],
  [
    vnics('v: { overlay: overlay0, mac: 02:00:00:00:00:01, netns: a/b }'),
    '7:58: vnics.v.netns: is "a/b": expected a name as of "ip netns list", or an absolute path',
  ],
  [
    vnics('v: { overlay: overlay0, mac: 02:00:00:00:00:01, allow_any_mac: 1 }'),
    '7:66: vnics.v.allow_any_mac: is 1: expected true or false',
  ],
  [
    vnics('overlay0: { overlay: overlay0, mac: 02:00:00:00:00:01 }'),
    '7:3: vnics.overlay0: the name overlay0 is that of overlay overlay0 (line 2): choose another',
  ],
  [
    vnics('v: { overlay: overlay0, mac: 02:00:00:00:00:01 }', 'w: { overlay: overlay0, mac: 02:0:0:0:0:1 }'),
    '8:32: vnics.w.mac: 02:00:00:00:00:01 is that of VNIC v (line 7): choose another',
  ],
  [
    vnics(
      'v: { overlay: overlay0, mac: 02:00:00:00:00:01, allow_any_mac: true }',
      'w: { overlay: overlay0, mac: 02:00:00:00:00:02, allow_any_mac: true }',
    ),
    '8:66: vnics.w.allow_any_mac: VNIC v (line 7) takes any MAC on overlay overlay0 already: ' +
      'only one VNIC of an overlay may',
  ],
  [
    `${OVERLAY}    targets: { 02:00:00:00:00:01: drop }\nvnics:\n  v: { overlay: overlay0, mac: 02:00:00:00:00:01 }\n`,
    '6:35: overlays.overlay0.targets.02:00:00:00:00:01: 02:00:00:00:00:01 is the MAC of VNIC v (line 8), which has ' +
      'no other target',
  ],
  [
    `${OVERLAY}  overlay1: { vni: 23, search: files, ${PROPERTIES} }\n`,
    '6:20: overlays.overlay1.vni: virtual network id 23 is in use by overlay overlay0 (line 2): choose another',
  ],
  [
    `${OVERLAY}  overlay1: { vni: 24, search: files, properties: { vxlan/listen_ip: 10.0.0.1, ` +
      `vxlan/source_ports: 1, files/config: /x } }\n`,
    '6:100: overlays.overlay1.properties.vxlan/source_ports: 1, but overlay overlay0 (line 2) listens on ' +
      '10.0.0.1:4789 too, with 16: they must agree',
  ],
];

/** Problems of two overlays on fe80::1, which want other source ports, each on its device. */
function sharing(one: string, other: string): string[] {
  const overlay = (name: string, vni: number, ...fields: string[]) =>
    `  ${name}: { vni: ${vni}, search: files, properties: { ${fields.join(', ')}, files/config: /x } }\n`;
  const first = overlay('a', 1, 'vxlan/listen_ip: fe80::1', `vxlan/underlay_dev: ${one}`);
  return read(`overlays:\n${first}${overlay('b', 2, `vxlan/listen_ip: fe80::1%${other}`, 'vxlan/source_ports: 1')}`)
    .problems;
}

test('overlays of one address and port on two devices have nothing to agree on', () => {
  assert.deepEqual(sharing('eth0', 'eth1'), []);
  assert.match(sharing('eth0', 'eth0').join(), /: 1, but overlay a \(line 2\) listens on \[fe80::1%eth0\]:4789 too/);
});

describe('a file is refused', () => {
  for (const [text, problem] of ONE) {
    test(problem, () => {
      assert.deepEqual(read(text), { declaration: null, problems: [problem] });
    });
  }

  test('with everything that is wrong at once, in the order of the file', () => {
    const text = `overlays:
  a: { vni: -1, search: files, properties: { vxlan/listen_ip: here } }
  b: { vni: 2, search: none, properties: {} }
vnics:
  v: { overlay: c, mac: x }
  w: 3
ports: {}
`;
    const places = read(text).problems.map((problem) => /^\d+:\d+: [^ ]+(?=:)/.exec(problem)?.[0]);
    assert.deepEqual(places, [
      '2:13: overlays.a.vni',
      '2:32: overlays.a.properties',
      '2:63: overlays.a.properties.vxlan/listen_ip',
      '3:24: overlays.b.search',
      '5:17: vnics.v.overlay',
      '5:25: vnics.v.mac',
      '6:6: vnics.w',
      '7:1: ports',
    ]);
  });

  test('with no more than a hundred problems, and their number', () => {
    const rows = Array.from({ length: 150 }, (_, n) => `k${n}: 1`);
    const { problems } = read(rows.join('\n'));
    assert.equal(problems.length, 101);
    assert.equal(problems.at(-1), 'and 50 more problems'.padStart(21));
  });

  test('and a secret is not among what is said', () => {
    const { problems } = read(properties('vxlan/listen_ip: 10.0.0.1', 'files/config: /x', 'etcd/password: 12345'));
    assert.doesNotMatch(problems.join(), /12345/);
  });
});
