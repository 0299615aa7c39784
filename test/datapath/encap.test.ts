// Encap: where a VNIC's frames go, in the order of assembly/datapath/encap.ts. Each line of the behaviour is a test.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILDS, type Build, Core, type Output } from '../support/core.js';
import { arp, BROADCAST, datagram, frame } from '../support/frames.js';
import { NS } from '../wire/frames.js';

const A = 'de:ad:be:ef:00:00';
const B = 'de:ad:be:ef:00:01';
const FAR = 'de:ad:be:ef:00:02';
const VTEP = { ip: '10.88.88.71', port: 4789 };

function setUp(build: Build, config: Parameters<Core['overlay']>[0] = {}): { core: Core; overlay: number; a: number } {
  const core = new Core(build);
  const overlay = core.overlay(config);
  return { core, overlay, a: core.vnic(overlay, A) };
}

const vnicsOf = (outputs: readonly Output[]): number[] =>
  outputs.flatMap((output) => ('vnic' in output ? [output.vnic] : [])).sort((x, y) => x - y);

for (const build of BUILDS) {
  test(`${build}: a known remote MAC gets the VXLAN header of RFC 7348 and its own endpoint`, () => {
    const { core, overlay, a } = setUp(build);
    core.remote(overlay, FAR, VTEP);
    const sent = frame(FAR, A);
    assert.deepEqual(core.encap(a, [sent]), [{ to: '10.88.88.71:4789', datagram: datagram(23, sent) }]);
    core.checkBooks();
  });

  test(`${build}: the largest VNI and an IPv6 endpoint`, () => {
    const { core, overlay, a } = setUp(build, { vni: 0xff_ffff });
    core.remote(overlay, FAR, { ip: 'fd00::1', port: 8472 });
    const sent = frame(FAR, A);
    assert.deepEqual(core.encap(a, [sent]), [{ to: '[fd00::1]:8472', datagram: datagram(0xff_ffff, sent) }]);
  });

  test(`${build}: unicast to a VNIC of the same overlay never meets the wire`, () => {
    const { core, overlay, a } = setUp(build);
    const b = core.vnic(overlay, B);
    const sent = frame(B, A);
    assert.deepEqual(core.encap(a, [sent]), [{ vnic: b, frame: sent }]);
  });

  test(`${build}: broadcast reaches every other local VNIC, then follows the overlay's rules once`, () => {
    const { core, overlay, a } = setUp(build, { point: VTEP, lookup: false });
    const others = ['02:00:00:00:00:01', '02:00:00:00:00:02'].map((mac) => core.vnic(overlay, mac));
    const elsewhere = core.overlay({ vni: 24 });
    core.vnic(elsewhere, B);
    const sent = frame(BROADCAST, A);
    const outputs = core.encap(a, [sent]);
    assert.deepEqual(vnicsOf(outputs), others);
    assert.deepEqual(
      outputs.filter((output) => 'to' in output),
      [{ to: '10.88.88.71:4789', datagram: datagram(23, sent) }],
    );
    core.checkBooks();
  });

  const drops: [name: string, reason: string, sent: Buffer, config?: Parameters<Core['overlay']>[0]][] = [
    ['shorter than an Ethernet header', 'truncated', Buffer.alloc(13, 2)],
    ['nothing at all', 'truncated', Buffer.alloc(0)],
    ['cut inside its VLAN tag', 'truncated', frame(FAR, A, { tags: [5] }).subarray(0, 16)],
    ['longer than FRAME_MAX', 'oversized', frame(FAR, A, { payload: Buffer.alloc(9216 - 13) })],
    ["another VNIC's source address", 'spoofed_source', frame(FAR, B)],
    ['a group source address', 'bad_source', frame(FAR, '01:00:5e:00:00:01')],
    ['a zero source address', 'bad_source', frame(FAR, '00:00:00:00:00:00')],
    ['a tower of VLAN tags', 'bad_vlan', frame(FAR, A, { tags: [1, 2, 3] })],
    ['a tag where tags are discarded', 'vlan_discarded', frame(FAR, A, { tags: [5] }), { vlan: 'discard' }],
    ['its own MAC as destination', 'hairpin', frame(A, A)],
    ['broadcast that no proxy knows', 'no_flood_list', frame(BROADCAST, A)],
    ['multicast', 'no_flood_list', frame('01:00:5e:01:02:03', A, { etherType: 0x0800 })],
    ['a solicitation that no proxy takes', 'no_flood_list', frame('33:33:ff:00:00:02', A, { etherType: 0x86dd })],
    ['mDNS', 'host_chatter', frame('01:00:5e:00:00:fb', A, { etherType: 0x0800 })],
    ['an MLD report', 'host_chatter', frame('33:33:00:00:00:16', A, { etherType: 0x86dd })],
    ['a bridge protocol unit', 'host_chatter', frame('01:80:c2:00:00:0e', A, { etherType: 0x88cc })],
    ['a tagged router solicitation', 'host_chatter', frame('33:33:00:00:00:02', A, { tags: [5], etherType: 0x86dd })],
    [
      'an ARP announcement',
      'arp_gratuitous',
      frame(BROADCAST, A, { etherType: 0x0806, payload: arp(1, A, '10.0.0.1', '10.0.0.1') }),
    ],
    [
      'a short ARP',
      'bad_arp',
      frame(BROADCAST, A, { etherType: 0x0806, payload: arp(1, A, '10.0.0.1', '10.0.0.2').subarray(0, 20) }),
    ],
    ['a point that drops', 'drop_entry', frame(FAR, A), { point: 'drop' }],
    ['a miss without a plugin', 'lookup_failed', frame(FAR, A), { lookup: false }],
  ];
  for (const [name, reason, sent, config] of drops) {
    test(`${build}: dropped as ${reason}: ${name}`, () => {
      const { core, overlay, a } = setUp(build, config);
      assert.deepEqual(core.encap(a, [sent]), []);
      assert.deepEqual(core.counters.drops(), { [reason]: 1 });
      assert.equal(core.counters.vnic(a).drops, 1);
      const counted =
        reason === 'truncated' && sent.length < 14 ? core.counters.overlay(overlay) : core.counters.overlay(overlay);
      assert.equal(Object.values(counted.drops).length, 1);
      core.checkBooks();
    });
  }

  test(`${build}: FDB drop entries drop with the reason they carry`, () => {
    const { core, overlay, a } = setUp(build);
    core.put(overlay, FAR, { kind: 'drop', reason: 'no_such_mac' });
    core.put(overlay, B, { kind: 'drop', reason: 'drop_entry' });
    core.encap(a, [frame(FAR, A), frame(B, A)]);
    assert.deepEqual(core.counters.drops(), { no_such_mac: 1, drop_entry: 1 });
  });

  test(`${build}: tags pass by default and go away with vlan=strip, both of them`, () => {
    for (const tags of [[7], [7, 8]]) {
      const tagged = frame(FAR, A, { tags });
      const pass = setUp(build);
      pass.core.remote(pass.overlay, FAR, VTEP);
      assert.deepEqual(pass.core.encap(pass.a, [tagged]), [{ to: '10.88.88.71:4789', datagram: datagram(23, tagged) }]);
      const strip = setUp(build, { vlan: 'strip' });
      strip.core.remote(strip.overlay, FAR, VTEP);
      assert.deepEqual(strip.core.encap(strip.a, [tagged]), [
        { to: '10.88.88.71:4789', datagram: datagram(23, frame(FAR, A)) },
      ]);
    }
  });

  test(`${build}: a VNIC that carries any MAC may send from any`, () => {
    const core = new Core(build);
    const overlay = core.overlay();
    const trunk = core.vnic(overlay, A, true);
    core.remote(overlay, FAR, VTEP);
    assert.equal(core.encap(trunk, [frame(FAR, B)]).length, 1);
    core.put(overlay, B, { kind: 'local', vnic: trunk });
    assert.deepEqual(core.encap(trunk, [frame(B, A)]), [], 'a MAC behind the sender itself');
    assert.deepEqual(core.counters.drops(), { hairpin: 1 });
  });

  test(`${build}: an ARP request becomes an upcall with the whole frame, with one tag as well`, () => {
    for (const tags of [[], [9]]) {
      const { core, overlay, a } = setUp(build);
      const request = frame(BROADCAST, A, { tags, etherType: 0x0806, payload: arp(1, A, '10.55.55.2', '10.55.55.3') });
      assert.deepEqual(core.encap(a, [request]), []);
      const [upcall] = core.upcalls();
      assert.deepEqual(
        { ...upcall, frame: Buffer.from((upcall as { frame: Uint8Array }).frame) },
        { kind: 'arp', overlay, vnic: a, sourceMac: A, vlan: tags[0] ?? 0, frame: request },
      );
      core.checkBooks();
    }
  });

  test(`${build}: a unicast ARP request or solicitation to a known MAC is an ordinary frame`, () => {
    const { core, overlay, a } = setUp(build);
    core.remote(overlay, FAR, VTEP);
    const request = frame(FAR, A, { etherType: 0x0806, payload: arp(1, A, '10.55.55.2', '10.55.55.3') });
    const solicitation = Buffer.concat([frame(FAR, A).subarray(0, 12), NS.subarray(12)]);
    const to = '10.88.88.71:4789';
    assert.deepEqual(core.encap(a, [request, solicitation]), [
      { to, datagram: datagram(23, request) },
      { to, datagram: datagram(23, solicitation) },
    ]);
    assert.deepEqual(core.upcalls(), []);
    core.checkBooks();
  });

  test(`${build}: a VNIC that was removed sends nothing more`, () => {
    const { core, a } = setUp(build, { point: VTEP });
    core.tables.removeVnic(a);
    assert.deepEqual(core.encap(a, [frame(FAR, A)]), []);
    assert.deepEqual(core.counters.drops(), { overlay_gone: 1 });
  });
}
