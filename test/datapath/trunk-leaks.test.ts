// What must not go from one VLAN of a trunk to another: by a tag inside, by another kind of tag, or in the moment in
// which a VNIC joins or leaves.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BUILDS, type Build, Core, type Output } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { concat } from '../support/super-frames.js';
import { FD, member, trunkOf } from './trunk-members.js';

const TRUNK = '02:00:00:00:00:0a';
const GUEST = '02:00:00:00:00:0b';
const BESIDE = '02:00:00:00:00:0c';
const FAR = '02:00:00:00:00:0d';
const ENDPOINT = { ip: '10.0.0.2', port: 4789 };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const macs = (to: string, from: string): Uint8Array => Buffer.from((to + from).replaceAll(':', ''), 'hex');

type Tagged = (to: string, from: string) => Uint8Array;
const TAGGED: readonly Tagged[] = [
  ...[[100], [0], [100, 5]].map(
    (tags): Tagged =>
      (to, from) =>
        frame(to, from, { tags }),
  ),
  (to, from) => concat(macs(to, from), [0x88, 0xa8, 0, 100, 0x88, 0xb5], Buffer.alloc(46)),
];

/** A trunk's VNIC without a VLAN, one of VLAN 100, and one beside the trunk in the overlay of the first. */
function withNative(build: Build) {
  const core = new Core(build);
  const trunk = trunkOf(core);
  const overlay = core.overlay({ flood: { endpoints: [ENDPOINT], unknown: true } });
  const own = member(core, trunk, 0, overlay, TRUNK);
  member(core, trunk, 100, core.overlay({ vni: 10_100 }), TRUNK);
  core.put(overlay, GUEST, { kind: 'local', vnic: own });
  core.remote(overlay, FAR, ENDPOINT);
  return { core, overlay, own, beside: core.vnic(overlay, BESIDE) };
}

for (const build of BUILDS) {
  describe(`trunks keep their VLANs apart, ${build} build`, () => {
    test("a tagged frame reaches the VNIC without a VLAN in no way, as its tag would be another's there", () => {
      const { core, overlay, own, beside } = withNative(build);
      let dropped = 0;
      const reaches = (outputs: readonly Output[], others: number[]) => {
        const vnics = outputs.flatMap((output) => ('vnic' in output ? [output.vnic] : []));
        assert.deepEqual(vnics, others);
        assert.equal(core.counters.drops().vlan_unknown, ++dropped);
        core.checkBooks();
      };
      for (const tagged of TAGGED) {
        const received = (to: string) => core.decap([datagram(23, tagged(to, FAR))]);
        reaches(received(TRUNK), []);
        reaches(received(GUEST), []);
        reaches(received('02:00:00:00:00:99'), []);
        reaches(received(BROADCAST), [beside]);
        reaches(core.encap(beside, [tagged(TRUNK, BESIDE)]), []);
        reaches(core.encap(beside, [tagged('02:00:00:00:00:99', BESIDE)]), []);
        reaches(core.encap(beside, [tagged(BROADCAST, BESIDE)]), []);
        assert.ok(core.rings.inject(1, overlay, own, tagged(GUEST, FAR)));
        reaches(core.turn(), []);
      }
      assert.equal(core.counters.overlay(overlay).drops.vlan_unknown, dropped);
      const bare = [datagram(23, frame(TRUNK, FAR)), datagram(23, frame(TRUNK, FAR))];
      const frames = core.decap(bare).map((output) => 'frame' in output && [output.vnic, hex(output.frame)]);
      assert.deepEqual(frames, Array(2).fill([own, hex(frame(TRUNK, FAR))]), 'what has no tag does');
    });

    test('of the untagged, a service tag is none of the VNIC without a VLAN', () => {
      const core = new Core(build);
      const trunk = trunkOf(core);
      const overlay = core.overlay();
      member(core, trunk, 0, overlay, TRUNK);
      core.remote(overlay, FAR, ENDPOINT);
      for (const end of [[8, 0], []]) {
        assert.deepEqual(core.encap(trunk, [concat(macs(FAR, TRUNK), [0x88, 0xa8, 0, 100, ...end])]), []);
      }
      assert.deepEqual(core.encap(trunk, [concat(macs(FAR, TRUNK), [0x81, 0, 0, 100])]), []);
      assert.deepEqual(core.counters.drops(), { vlan_unknown: 3 });
      core.checkBooks();
    });

    test('what comes while a VNIC joins or leaves has its tag', () => {
      const core = new Core(build);
      const trunk = trunkOf(core);
      const overlay = core.overlay();
      core.vnic(overlay, BESIDE);
      const received = [BESIDE, TRUNK, TRUNK].map((to) => datagram(23, frame(to, FAR)));
      const tags = () =>
        core.decap(received).flatMap((output) => ('frame' in output ? [hex(output.frame.subarray(12, 16))] : []));
      const [none, tag] = ['88b55a5a', '81000064'];
      const config = { overlay, mac: TRUNK, allowAnyMac: true, fds: [FD], trunk: { trunk, vlan: 100 } };
      const vnic = core.tables.addVnic(config, (index) => {
        core.put(overlay, TRUNK, { kind: 'local', vnic: index }, true);
        assert.deepEqual(tags(), [none, tag, tag], 'its MAC is known, and it is not yet in the list');
        return true;
      });
      assert.deepEqual(tags(), [none, tag, tag]);
      core.tables.removeVnic(vnic);
      assert.deepEqual(tags(), [none, tag, tag], 'its MAC is known still');
      core.checkBooks();
    });
  });
}
