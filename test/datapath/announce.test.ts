// Announcements of addresses: flooded where there is a list, told to a host that wants to know where there is none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { arpAnnouncement } from '../../src/proxy/arp.js';
import { unsolicitedAdvertisement } from '../../src/proxy/ndp.js';
import { BUILDS, type Build, Core } from '../support/core.js';

const OWN = '02:00:00:00:00:0a';
const BESIDE = '02:00:00:00:00:0b';
const FLOODED = { flood: { endpoints: [{ ip: '10.0.0.1', port: 4789 }], unknown: false } };

function setUp(build: Build, config: Partial<OverlayConfig>) {
  const core = new Core(build, 64);
  const overlay = core.overlay(config);
  const vnic = core.vnic(overlay, OWN);
  core.vnic(overlay, BESIDE);
  return { core, vnic, send: (frame: Uint8Array) => core.encap(vnic, [frame]).length };
}

function changed(frame: Uint8Array, at: number, value: number): Uint8Array {
  const other = frame.slice();
  other[at] = value;
  return other;
}

const ARP_REQUEST = arpAnnouncement('10.55.55.2', OWN);
const ARP_REPLY = changed(ARP_REQUEST, 14 + 7, 2);
const ADVERTISEMENT = unsolicitedAdvertisement('fe80::3', OWN, { router: false });

const ANNOUNCEMENTS: [what: string, frame: Uint8Array][] = [
  ['a gratuitous ARP request', ARP_REQUEST],
  ['a gratuitous ARP reply', ARP_REPLY],
  ['an unsolicited advertisement', ADVERTISEMENT],
];
const OTHERS: [what: string, frame: Uint8Array][] = [
  ['ARP about another MAC', arpOf(OWN, '02:00:00:00:00:0c')],
  ['an advertisement with a wrong checksum', changed(ADVERTISEMENT, 14 + 40 + 2, 0)],
  ['an advertisement that answers somebody', changed(ADVERTISEMENT, 14 + 40 + 4, 0x60)],
  ['an advertisement that was routed', changed(ADVERTISEMENT, 14 + 7, 254)],
  ['an advertisement that is cut short', ADVERTISEMENT.subarray(0, ADVERTISEMENT.length - 8)],
];

/** Sent by `source`, of `mac`. */
function arpOf(source: string, mac: string): Uint8Array {
  const frame = arpAnnouncement('10.55.55.2', mac);
  frame.set(
    source.split(':').map((byte) => Number.parseInt(byte, 16)),
    6,
  );
  return frame;
}

for (const build of BUILDS) {
  describe(`announcements in the ${build} build`, () => {
    for (const [what, frame] of ANNOUNCEMENTS) {
      it(`${what} reaches the VNICs here, and every VTEP where the plugin floods`, () => {
        const { core, send } = setUp(build, FLOODED);
        assert.equal(send(frame), 2);
        assert.deepEqual([core.upcalls(), core.counters.drops()], [[], {}]);
        core.checkBooks();
      });

      it(`${what} of which the host cannot be told is flooded all the same`, () => {
        const { core, send } = setUp(build, { ...FLOODED, announced: true });
        let [sent, told] = [0, 0];
        while (sent === told && sent < 5000) {
          told += send(frame) === 1 ? 1 : 0;
          sent++;
        }
        assert.equal(sent, told + 1, 'one more than the host takes is flooded');
        assert.deepEqual(core.counters.drops(), {});
      });

      it(`${what} is told, with a flood list or without, if the plugin wants to know`, () => {
        for (const [proxies, flood] of [
          [true, {}],
          [false, {}],
          [true, FLOODED],
        ] as const) {
          const wanted = { announced: true, proxyArp: proxies, proxyNdp: proxies, ...flood };
          const { core, vnic, send } = setUp(build, wanted);
          assert.equal(send(frame), 1);
          const [told, ...more] = core.upcalls();
          assert.ok(told?.kind === 'announcement' && told.vnic === vnic && more.length === 0);
          assert.deepEqual(told.frame, Uint8Array.from(frame));
          core.checkBooks();
        }
        const { core, send } = setUp(build, {});
        send(frame);
        assert.deepEqual(core.upcalls(), []);
        assert.deepEqual(core.counters.totals().dropped, 1);
      });
    }

    for (const [what, frame] of OTHERS) {
      it(`${what} is none`, () => {
        const { core, send } = setUp(build, { announced: true });
        send(frame);
        assert.deepEqual(
          core.upcalls().filter(({ kind }) => kind === 'announcement'),
          [],
        );
        core.checkBooks();
      });
    }
  });
}
