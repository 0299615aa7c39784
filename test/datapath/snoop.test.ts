// What the underlay says of addresses is told to a host that answers for others; the frames go their way all the same.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { addressClaimOf } from '../../src/proxy/announcement.js';
import { arpAnnouncement } from '../../src/proxy/arp.js';
import { unsolicitedAdvertisement } from '../../src/proxy/ndp.js';
import { BUILDS, type Build, Core, OVERLAY } from '../support/core.js';
import { datagram, frame } from '../support/frames.js';

const HERE = '02:00:00:00:00:0a';
const FAR = '02:00:00:00:00:0c';

function changed(of: Uint8Array, ...bytes: [at: number, value: number][]): Uint8Array {
  const other = of.slice();
  for (const [at, value] of bytes) other[at] = value;
  return other;
}

/** Unicast to the VNIC here. */
const toHere = (of: Uint8Array) =>
  changed(of, ...[2, 0, 0, 0, 0, 0x0a].map((byte, at): [number, number] => [at, byte]));

const ARP = arpAnnouncement('10.55.55.2', FAR);
const QUESTION = changed(ARP, [14 + 27, 9]);
const REPLY = toHere(changed(QUESTION, [14 + 7, 2]));
const ADVERTISEMENT = unsolicitedAdvertisement('fe80::3', FAR, { router: true });

const SAY: [what: string, frame: Uint8Array, ip: string][] = [
  ['gratuitous ARP', ARP, '10.55.55.2'],
  ['who asks by ARP', QUESTION, '10.55.55.2'],
  ['who answers by ARP', REPLY, '10.55.55.2'],
  ['an advertisement', ADVERTISEMENT, 'fe80::3'],
  ['an advertisement to one', toHere(ADVERTISEMENT), 'fe80::3'],
];
const SAY_NOTHING: [what: string, frame: Uint8Array][] = [
  ['a probe', changed(QUESTION, [14 + 14, 0], [14 + 15, 0], [14 + 16, 0], [14 + 17, 0])],
  ['ARP about another MAC', changed(REPLY, [14 + 13, 0x0d])],
  ['ARP that is cut short', REPLY.subarray(0, 14 + 27)],
  ['an advertisement with a wrong checksum', changed(ADVERTISEMENT, [14 + 40 + 2, 0])],
  ['an advertisement that was routed', changed(ADVERTISEMENT, [14 + 7, 254])],
  ['an advertisement about another MAC', changed(ADVERTISEMENT, [ADVERTISEMENT.length - 1, 0x0d])],
  ['anything else', frame(HERE, FAR)],
];

function setUp(build: Build, config: Partial<OverlayConfig> = { snoop: true }) {
  const core = new Core(build, 64);
  core.vnic(core.overlay({ learn: true, ...config }), HERE);
  const send = (message: Uint8Array) => core.decap([datagram(OVERLAY.vni, message)], { from: '10.0.0.1' }).length;
  send(frame(HERE, FAR)); // the next one may be taken for an ordinary one
  core.upcalls();
  const heard = () => core.upcalls().flatMap((each) => (each.kind === 'address' ? [each] : []));
  return { core, send, heard };
}

for (const build of BUILDS) {
  describe(`addresses in the ${build} build`, () => {
    for (const [what, message, ip] of SAY) {
      it(`${what}: is delivered, and the host is told`, () => {
        const { core, send, heard } = setUp(build);
        assert.equal(send(message), 1);
        const [told, ...more] = heard();
        assert.ok(told !== undefined && more.length === 0);
        assert.deepEqual(told.frame, Uint8Array.from(message));
        assert.deepEqual([addressClaimOf(told.frame).ip, addressClaimOf(told.frame).mac], [ip, FAR]);
        core.checkBooks();
        const other = setUp(build, {});
        assert.deepEqual([other.send(message), other.heard()], [1, []], 'which has to want that');
      });
    }

    for (const [what, message] of SAY_NOTHING) {
      it(`${what}: says nothing`, () => {
        const { core, send, heard } = setUp(build);
        assert.deepEqual([send(message), heard()], [1, []]);
        core.checkBooks();
      });
    }

    it('is of the VLAN that VNICs here see it in: with vlan=strip of none', () => {
      const tagged = Uint8Array.of(...REPLY.subarray(0, 12), 0x81, 0, 0, 7, ...REPLY.subarray(12));
      for (const [vlan, expected] of [
        ['pass', 7],
        ['strip', 0],
      ] as const) {
        const { core, send, heard } = setUp(build, { snoop: true, vlan });
        assert.equal(send(tagged), 1);
        const [told, ...more] = heard();
        assert.ok(told !== undefined && more.length === 0);
        assert.equal(told.vlan, expected);
        assert.equal(addressClaimOf(told.frame).ip, '10.55.55.2');
        core.checkBooks();
      }
    });

    it('no more than the host takes, and none is lost for that', () => {
      const { core, send, heard } = setUp(build);
      let sent = 0;
      for (; sent < 3000; sent++) assert.equal(send(REPLY), 1);
      const told = heard().length;
      assert.ok(told > 0 && told < sent, `${told} of ${sent}`);
      assert.deepEqual(core.counters.drops(), {});
      core.checkBooks();
    });
  });
}
