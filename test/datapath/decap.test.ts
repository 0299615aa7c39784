// Decap: where datagrams of the underlay go, in the order of assembly/datapath/decap.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILDS, type Build, Core } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';

const HERE = 'de:ad:be:ef:00:00';
const OTHER = 'de:ad:be:ef:00:01';
const FAR = 'de:ad:be:ef:00:02';

function setUp(
  build: Build,
  config: Parameters<Core['overlay']>[0] = {},
): { core: Core; overlay: number; vnic: number } {
  const core = new Core(build);
  const overlay = core.overlay(config);
  return { core, overlay, vnic: core.vnic(overlay, HERE) };
}

for (const build of BUILDS) {
  test(`${build}: a frame for a VNIC here is delivered without its header`, () => {
    const { core, overlay, vnic } = setUp(build);
    const sent = frame(HERE, FAR);
    assert.deepEqual(core.decap([datagram(23, sent)]), [{ vnic, frame: sent }]);
    assert.deepEqual(core.counters.overlay(overlay).decap, { frames: 1, bytes: sent.length });
    core.checkBooks();
  });

  test(`${build}: broadcast reaches every VNIC of that overlay and nothing goes back to the wire`, () => {
    const { core, overlay, vnic } = setUp(build, { point: { ip: '10.0.0.9', port: 4789 } });
    const second = core.vnic(overlay, OTHER);
    core.vnic(core.overlay({ vni: 24 }), OTHER);
    const sent = frame(BROADCAST, FAR);
    const outputs = core.decap([datagram(23, sent)]);
    assert.deepEqual(outputs.map((output) => ('vnic' in output ? output.vnic : 'wire')).sort(), [vnic, second].sort());
    core.checkBooks();
  });

  test(`${build}: reserved bits are ignored as RFC 7348 says, and refused with strict-header`, () => {
    const sent = frame(HERE, FAR);
    const odd = [datagram(23, sent, { flags: 0xff }), datagram(23, sent, { reserved: 1 })];
    assert.equal(setUp(build).core.decap(odd).length, 2);
    const strict = setUp(build, { strictHeader: true });
    assert.equal(strict.core.decap([...odd, datagram(23, sent)]).length, 1);
    assert.deepEqual(strict.core.counters.drops(), { reserved_bits: 2 });
  });

  const drops: [name: string, reason: string, bytes: Buffer, options?: { socket?: number; truncated?: boolean }][] = [
    ['an empty datagram', 'truncated', Buffer.alloc(0)],
    ['a header and 13 bytes', 'truncated', datagram(23, frame(HERE, FAR)).subarray(0, 21)],
    ['cut by the kernel', 'oversized', datagram(23, frame(HERE, FAR)), { truncated: true }],
    ['no I flag', 'bad_vxlan_header', datagram(23, frame(HERE, FAR), { flags: 0xf7 })],
    ['a VNI nobody has', 'unknown_vni', datagram(99, frame(HERE, FAR))],
    ['a VNI that listens on another socket', 'unknown_vni', datagram(23, frame(HERE, FAR)), { socket: 2 }],
    ['a MAC that is not here', 'no_local_port', datagram(23, frame(OTHER, FAR))],
    ['a group source', 'bad_source', datagram(23, frame(HERE, BROADCAST))],
    ['a tower of VLAN tags', 'bad_vlan', datagram(23, frame(HERE, FAR, { tags: [1, 2, 3] }))],
  ];
  for (const [name, reason, bytes, options] of drops) {
    test(`${build}: dropped as ${reason}: ${name}`, () => {
      const { core } = setUp(build);
      assert.deepEqual(core.decap([bytes], options), []);
      assert.deepEqual(core.counters.drops(), { [reason]: 1 });
      core.checkBooks();
    });
  }

  test(`${build}: a MAC the table places elsewhere is not sent back out`, () => {
    const { core, overlay } = setUp(build);
    core.remote(overlay, FAR, { ip: '10.0.0.9', port: 4789 });
    assert.deepEqual(core.decap([datagram(23, frame(FAR, OTHER))]), []);
    assert.deepEqual(core.counters.drops(), { no_local_port: 1 });
  });

  test(`${build}: behind a VNIC that carries any MAC, an unknown MAC is asked for once and then delivered`, () => {
    const core = new Core(build);
    const overlay = core.overlay();
    const trunk = core.vnic(overlay, HERE, true);
    const frames = [1, 2, 3].map((n) => frame(OTHER, FAR, { payload: Buffer.alloc(46, n) }));
    assert.deepEqual(core.decap(frames.map((one) => datagram(23, one))), []);
    assert.deepEqual(
      core.upcalls().map((upcall) => upcall.kind),
      ['miss'],
    );
    core.put(overlay, OTHER, { kind: 'local', vnic: trunk });
    assert.deepEqual(
      core.turn(),
      frames.map((one) => ({ vnic: trunk, frame: one })),
    );
    core.checkBooks();
  });

  test(`${build}: vlan=strip and vlan=discard hold for what arrives, too`, () => {
    const tagged = frame(HERE, FAR, { tags: [7] });
    const strip = setUp(build, { vlan: 'strip' });
    assert.deepEqual(strip.core.decap([datagram(23, tagged)]), [{ vnic: strip.vnic, frame: frame(HERE, FAR) }]);
    const discard = setUp(build, { vlan: 'discard' });
    assert.deepEqual(discard.core.decap([datagram(23, tagged)]), []);
    assert.deepEqual(discard.core.counters.drops(), { vlan_discarded: 1 });
  });
}
