// The tags are put into captured frames here, because not every kernel that runs the tests has VLAN devices.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { onlyWroteInside, place, placeAtEnd, read, withTags } from '../support/bytes.js';
import { forEachBuild } from '../support/module.js';
import { ARP_REQUEST, UDP_IPV4 } from './frames.js';

const TAG_5 = 0x8100_0005;
const TAG_7_PRIORITY_3 = 0x8100_6007;
const SERVICE_TAG_9 = 0x88a8_0009;
const TRUNCATED = -1;
const TOWER = 3;

await forEachBuild((build, m) => {
  describe(`vlan, ${build} build`, () => {
    const stacks: { name: string; tags: number[]; depth: number; id: number }[] = [
      { name: 'untagged', tags: [], depth: 0, id: 0 },
      { name: 'one tag', tags: [TAG_5], depth: 1, id: 5 },
      { name: 'priority bits are not the id', tags: [TAG_7_PRIORITY_3], depth: 1, id: 7 },
      { name: 'priority tag', tags: [0x8100_e000], depth: 1, id: 0 },
      { name: 'highest id', tags: [0x8100_ffff], depth: 1, id: 0xfff },
      { name: 'a service tag alone', tags: [SERVICE_TAG_9], depth: 1, id: 9 },
      { name: 'a service tag outside', tags: [SERVICE_TAG_9, TAG_5], depth: 2, id: 9 },
      { name: 'two customer tags', tags: [TAG_5, TAG_7_PRIORITY_3], depth: 2, id: 5 },
    ];
    for (const { name, tags, depth, id } of stacks) {
      test(`${name}: depth, id, EtherType and where layer 3 starts`, () => {
        const bytes = withTags(UDP_IPV4, ...tags);
        const frame = placeAtEnd(m, bytes);
        assert.equal(m.vlanDepth(frame, bytes.length), depth);
        assert.equal(m.vlanId(frame), id);
        assert.equal(m.innerEtherType(frame, depth), m.ETH_P_IP.value);
        assert.equal(m.l3Offset(depth), 14 + 4 * depth);
        assert.equal(bytes[m.l3Offset(depth)], 0x45);
      });
    }

    test('more than two tags are a tower, whatever their kind', () => {
      for (const tags of [
        [TAG_5, TAG_5, TAG_5],
        [SERVICE_TAG_9, TAG_5, SERVICE_TAG_9],
        [TAG_5, TAG_5, TAG_5, TAG_5, TAG_5],
      ]) {
        const bytes = withTags(ARP_REQUEST, ...tags);
        assert.equal(m.vlanDepth(placeAtEnd(m, bytes), bytes.length), TOWER);
      }
    });

    test('every length that ends before the EtherType is truncated, and no byte behind it is read', () => {
      for (const tags of [[], [TAG_5], [TAG_5, TAG_7_PRIORITY_3]]) {
        const header = withTags(ARP_REQUEST, ...tags).slice(0, 14 + 4 * tags.length);
        for (let len = 0; len < header.length; len++) {
          assert.equal(m.vlanDepth(placeAtEnd(m, header.slice(0, len)), len), TRUNCATED, `${tags.length} tags, ${len}`);
        }
        assert.equal(m.vlanDepth(placeAtEnd(m, header), header.length), tags.length);
      }
    });

    test('a tower that is cut in its third TPID is truncated, right after it a tower', () => {
      const bytes = withTags(ARP_REQUEST, TAG_5, TAG_5, TAG_5);
      assert.equal(m.vlanDepth(placeAtEnd(m, bytes.slice(0, 21)), 21), TRUNCATED);
      assert.equal(m.vlanDepth(placeAtEnd(m, bytes.slice(0, 22)), 22), TOWER);
    });

    test('stripping a tag gives back the frame before it was tagged, 4 bytes further on', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 14, maxLength: 100 }),
          fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 2 }),
          (untagged, tcis) => {
            const outer = 0x8100_0000 + tcis[0]!;
            const inner = withTags(untagged, ...tcis.slice(1).map((tci) => 0x8100_0000 + tci));
            const bytes = withTags(inner, outer);
            const frame = place(m, bytes);
            const stripped = m.stripTag(frame, bytes.length);
            assert.equal(stripped, frame + 4);
            assert.deepEqual(read(m, stripped, inner.length), inner);
            assert.ok(onlyWroteInside(m, frame, bytes.length));
          },
        ),
      );
    });
  });
});
