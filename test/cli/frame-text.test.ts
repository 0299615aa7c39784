/** A frame in a few words, whole or cut off anywhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameText, packetText } from '../../src/cli/frame-text.js';
import { NS_DAD, RA } from '../proxy/frames.js';
import { arp, datagram, frame } from '../support/frames.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

function ipv4(protocol: number, upper: readonly number[], fragment = 0): Buffer {
  return Buffer.from([
    0x45,
    0,
    0,
    40,
    0,
    0,
    fragment >> 8,
    fragment,
    64,
    protocol,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
    ...upper,
  ]);
}

const of = (payload: Uint8Array, etherType = 0x0800, tags: number[] = []) => frame(B, A, { payload, etherType, tags });
const TCP = [0x1f, 0x90, 0, 80, 0, 0, 0, 9, 0, 0, 0, 8, 0x50, 0x12, 0, 0, 0, 0, 0, 0];
const UDP = [0x1f, 0x90, 0x12, 0xb5, 0, 8, 0, 0];

const CASES: readonly [frame: Buffer, text: string][] = [
  [of(arp(1, A, '10.0.0.1', '10.0.0.2'), 0x0806), 'ARP who has 10.0.0.2, tell 10.0.0.1'],
  [of(arp(2, A, '10.0.0.1', '10.0.0.2'), 0x0806, [7]), `vlan 7 ARP 10.0.0.1 is at ${A}`],
  [of(ipv4(1, [8, 0, 0, 0, 0, 1, 0, 5])), '10.0.0.1 > 10.0.0.2 ICMP echo request 5'],
  [of(ipv4(1, [3, 4, 0, 0])), '10.0.0.1 > 10.0.0.2 ICMP destination unreachable'],
  [of(ipv4(6, TCP)), '10.0.0.1:8080 > 10.0.0.2:80 TCP [S.] seq 9 ack 8'],
  [of(ipv4(17, UDP)), '10.0.0.1:8080 > 10.0.0.2:4789 UDP'],
  [of(ipv4(17, UDP, 0x2001)), '10.0.0.1 > 10.0.0.2 fragment'],
  [of(ipv4(47, [])), '10.0.0.1 > 10.0.0.2 protocol 47'],
  [of(Buffer.alloc(46), 0x88b5, [1, 2]), 'vlan 1 vlan 2 EtherType 0x88b5'],
];

test('protocols by their names', () => {
  for (const [bytes, text] of CASES) assert.equal(frameText(bytes), `${A} > ${B} ${text}`);
  assert.match(
    frameText(Buffer.from(NS_DAD)),
    / :: > ff02::1:ff00:a ICMPv6 neighbour solicitation for fe80::ff:fe00:a$/,
  );
  assert.match(frameText(Buffer.from(RA)), / ICMPv6 router advertisement$/);
});

test('a datagram is told with the frame in it', () => {
  const outer = ipv4(17, [...UDP, ...datagram(23, CASES[0]![0])]);
  assert.equal(packetText(outer), `10.0.0.1:8080 > 10.0.0.2:4789 VNI 23: ${A} > ${B} ${CASES[0]![1]}`);
});

test('the frame is behind the options of Geneve, and there is none where the header says so', () => {
  const [inner, text] = CASES[0]!;
  const told = `${A} > ${B} ${text}`;
  const cases: readonly [port: number, header: string, what: string][] = [
    [6081, '0000655800001700', told],
    [6081, `0200655800001700${'01034101'}${'00'.repeat(4)}`, told],
    [6081, '0000080000001700', 'protocol 0x0800'],
    [4790, '0c00000300001700', told],
    [4790, '0800000000001700', told],
    [4790, '0c00000100001700', 'protocol 1'],
  ];
  for (const [port, header, what] of cases) {
    const upper = [0x1f, 0x90, port >> 8, port & 0xff, 0, 8, 0, 0, ...Buffer.from(header, 'hex'), ...inner];
    assert.equal(packetText(ipv4(17, upper)), `10.0.0.1:8080 > 10.0.0.2:${port} VNI 23: ${what}`);
    const elsewhere = [...UDP.slice(0, 2), 0x1b, 0x58, ...upper.slice(4)];
    const encap = port === 6081 ? 'geneve' : 'vxlan-gpe';
    assert.equal(packetText(ipv4(17, elsewhere), encap), `10.0.0.1:8080 > 10.0.0.2:7000 VNI 23: ${what}`);
    assert.equal(packetText(ipv4(17, elsewhere)), '10.0.0.1:8080 > 10.0.0.2:7000 UDP');
  }
});

test('the frame is behind the key of NVGRE, and behind no other GRE', () => {
  const [inner, text] = CASES[0]!;
  const cases: readonly [header: string, what: string][] = [
    ['20006558001092aa', `VNI 4242: ${A} > ${B} ${text}`],
    ['20000800001092aa', 'VNI 4242: protocol 0x0800'],
    ['30006558001092aa', 'protocol 47'],
  ];
  for (const [header, what] of cases) {
    const upper = [...Buffer.from(header, 'hex'), ...inner];
    assert.equal(packetText(ipv4(47, upper)), `10.0.0.1 > 10.0.0.2 ${what}`);
  }
});

test('what is cut off anywhere, or nonsense, is told as far as it goes', () => {
  const all = [...CASES.map(([bytes]) => bytes), Buffer.from(NS_DAD), Buffer.from(RA)];
  for (const bytes of all) {
    for (let length = 0; length <= bytes.length; length++) {
      assert.equal(typeof frameText(bytes.subarray(0, length)), 'string');
      assert.equal(typeof packetText(bytes.subarray(14, length)), 'string');
    }
    for (let at = 12; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = damaged[at]! ^ 0xff;
      assert.equal(typeof frameText(damaged), 'string');
    }
  }
});
