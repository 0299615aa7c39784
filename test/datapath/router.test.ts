// Router advertisements: to the host before anybody has got them, if it wants to see them and hosts would take them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Inject } from '../../assembly/layout.js';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { RA } from '../proxy/frames.js';
import { slowChecksum, withBytes, withTags } from '../support/bytes.js';
import { BUILDS, type Build, Core } from '../support/core.js';

const OWN = '02:00:00:00:00:0a';
const BESIDE = '02:00:00:00:00:0b';
const POINT = { ip: '10.0.0.1', port: 4789 };
const FLOODED = { flood: { endpoints: [POINT], unknown: false } };
const IP = 14;
const ICMPV6 = IP + 40;
const OPTIONS = ICMPV6 + 16;

function setUp(build: Build, config: Partial<OverlayConfig>) {
  const core = new Core(build, 64);
  const overlay = core.overlay(config);
  const vnic = core.vnic(overlay, OWN);
  const beside = core.vnic(overlay, BESIDE);
  return { core, overlay, vnic, beside, send: (frame: Uint8Array) => core.encap(vnic, [frame]) };
}

/** With `values` at `offset`, and the checksum made right for the length that the frame says it has. */
function fixed(offset: number, ...values: number[]): Uint8Array {
  const frame = withBytes(RA, offset, ...values);
  const length = frame[IP + 5]!;
  const message = frame.subarray(ICMPV6, ICMPV6 + length);
  message.set([0, 0], 2);
  const pseudo = Uint8Array.of(...frame.subarray(IP + 8, ICMPV6), 0, 0, 0, length, 0, 0, 0, 58);
  const sum = slowChecksum(Uint8Array.of(...pseudo, ...message));
  message.set([sum >> 8, sum & 0xff], 2);
  return frame;
}

const TAKEN: [what: string, frame: Uint8Array][] = [
  ['what radvd sends', RA],
  ['one with tags', withTags(RA, 0x88a8_0005, 0x8100_e007)],
  ['one with padding behind it', Uint8Array.of(...RA, 1, 2, 3)],
  ['one without options', fixed(IP + 4, 0, 16)],
];
const OTHERS: [what: string, frame: Uint8Array][] = [
  ['a wrong checksum', withBytes(RA, ICMPV6 + 2, 0, 0)],
  ['hop limit 254: it crossed a router', withBytes(RA, IP + 7, 254)],
  ['a source that is no link-local address', fixed(IP + 8, 0x20, 0x01)],
  ['code 1', fixed(ICMPV6 + 1, 1)],
  ['15 bytes', fixed(IP + 4, 0, 15)],
  ['an option of length 0', fixed(OPTIONS + 1, 0)],
  ['an option that ends behind it', fixed(OPTIONS + 1, 6)],
  ['half an option', fixed(IP + 4, 0, 52)],
  ['a payload beyond the frame', fixed(IP + 4, 0, 57)],
  ['the last byte missing', RA.subarray(0, -1)],
  ['version 4', withBytes(RA, IP, 0x40)],
  ['a router solicitation', fixed(ICMPV6, 133)],
  ['another protocol', withBytes(RA, IP + 6, 59)],
  ['another group', withBytes(RA, 5, 2)],
  ['one that is too large for a proxy', Uint8Array.of(...RA, ...new Uint8Array(2048))],
];

for (const build of BUILDS) {
  describe(`router advertisements in the ${build} build`, () => {
    for (const [what, frame] of TAKEN) {
      it(`${what}: to the host alone, whatever the overlay does with it`, () => {
        for (const config of [FLOODED, {}, { point: POINT, lookup: false }]) {
          const { core, vnic, send } = setUp(build, { ...config, routers: true, mtu: 9000 });
          assert.deepEqual(send(frame), []);
          const [told, ...more] = core.upcalls();
          assert.ok(told?.kind === 'router_advertisement' && told.vnic === vnic && more.length === 0);
          assert.deepEqual([Uint8Array.from(told.frame), told.sourceMac], [Uint8Array.from(frame), OWN]);
          core.checkBooks();
        }
      });
    }

    for (const [what, frame] of OTHERS) {
      it(`${what}: passes as it is`, () => {
        const { core, send } = setUp(build, { ...FLOODED, routers: true, proxyNdp: false, mtu: 9000 });
        assert.equal(send(frame).length, 2);
        assert.deepEqual(core.upcalls(), []);
        core.checkBooks();
      });
    }

    it('passes as it is where the host does not want to see it', () => {
      const { core, send } = setUp(build, FLOODED);
      assert.equal(send(RA).length, 2);
      assert.deepEqual(core.upcalls(), []);
    });

    it('what the host floods then goes to the point, where there is one, or to the list', () => {
      for (const config of [FLOODED, { point: POINT, lookup: false }]) {
        const { core, overlay, vnic } = setUp(build, { ...config, routers: true });
        assert.ok(core.rings.inject(Inject.flood, overlay, vnic, RA));
        const [sent, ...more] = core.turn();
        assert.ok(sent !== undefined && 'datagram' in sent && more.length === 0);
        assert.deepEqual([...sent.datagram.subarray(8)], [...RA]);
        assert.deepEqual(core.upcalls(), []);
        core.checkBooks();
      }
    });

    it('no cut of one is taken for a whole one', () => {
      const { core, send } = setUp(build, { ...FLOODED, routers: true });
      for (let length = IP; length < RA.length; length++) send(RA.subarray(0, length));
      assert.deepEqual(core.upcalls(), []);
    });
  });
}
