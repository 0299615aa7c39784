// The slots that the uring engine gives the kernel for reads of TAPs: as many as the traffic is worth, and none of them
// while what was read into it has not been taken.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  TAP_READ_MAX,
  TAP_SLOTS,
  UNDERLAY_TAP,
  VNET_SIZE,
  W_TAP_BUFFER,
  W_TAP_RING,
  WORKERS_BASE,
} from '../../assembly/layout.js';
import { Ring } from '../../bench/ring.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { frame } from '../support/frames.js';

const MACS = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'] as const;
const FAR = '02:00:00:00:01:00';
const BUFFER_SIZE = 16;
const BUFFER_NUMBER = 12;
const TAIL = 14;
const SEGMENTS = 1000;

function setUp(build: Build) {
  const core = new Core(build, 64);
  const overlay = core.overlay({ point: { ip: '10.0.0.1', port: 4789 }, lookup: false });
  const [a, b] = MACS.map((mac) => core.vnic(overlay, mac)) as [number, number];
  core.tables.setUnderlayTap({ fds: [99], mac: '02:00:00:00:00:99' });
  const ring = new Ring(core.views, core.module);
  const u16 = (offset: number) => core.views.u16[(WORKERS_BASE + W_TAP_RING + offset) >> 1]!;
  let taken = 0; // by the kernel
  const slotAt = (position: number) => u16((position & (TAP_SLOTS - 1)) * BUFFER_SIZE + BUFFER_NUMBER);
  const given = () => Array.from({ length: (u16(TAIL) - taken) & 0xffff }, (_, index) => slotAt(taken + index));
  /** The kernel has read this from a TAP: answers in which slot. */
  const read = (tap: number, vnet: Uint8Array, bytes: Uint8Array): number => {
    const slot = slotAt(taken++);
    core.views.u8.set(vnet, WORKERS_BASE + W_TAP_BUFFER + slot * TAP_READ_MAX);
    core.views.u8.set(bytes, WORKERS_BASE + W_TAP_BUFFER + slot * TAP_READ_MAX + vnet.length);
    ring.read(tap, 1, vnet.length + bytes.length);
    return slot;
  };
  return { core, ring, a, b, given, read };
}

/** TCP, a thousand segments of eight bytes. */
function hostile(): { vnet: Uint8Array; bytes: Uint8Array } {
  const tcp = [0, 80, 0, 81, ...Array(8).fill(0), 0x50, 0x10, 1, 0, 0, 0, 0, 0, ...Array(SEGMENTS * 8).fill(0)];
  const length = 20 + tcp.length;
  const ip = [0x45, 0, length >> 8, length & 0xff, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9];
  const bytes = frame(FAR, MACS[0], { etherType: 0x0800, payload: Uint8Array.of(...ip, ...tcp) });
  return { vnet: Uint8Array.of(1, 1, 54, 0, 8, 0, 34, 0, 16, 0), bytes };
}

for (const build of BUILDS) {
  describe(`slots for reads in the ${build} build`, () => {
    it('stay with the kernel, all of them, when the underlay TAP brings what is no datagram', () => {
      const { core, ring, given, read } = setUp(build);
      for (let n = 0; n < 3; n++) read(UNDERLAY_TAP, new Uint8Array(24), frame(FAR, MACS[0], { etherType: 0x0806 }));
      ring.turn();
      ring.turn();
      assert.equal(given().length, TAP_SLOTS);
      assert.equal(core.counters.totals().decapIn, 0);
    });

    it('are given back when what they hold was taken, in whatever order that was, and once', () => {
      const { core, ring, a, b, given, read } = setUp(build);
      const { vnet, bytes } = hostile();
      const small = frame(FAR, MACS[1]);
      const sent = (vnic: number) => core.counters.vnic(vnic).tx.frames;
      const slotsOf: [number[], number[]] = [[], []]; // in the order in which they were read into
      for (let turn = 0; turn < 60; turn++) {
        for (let n = 0; turn < 30 && n < 1 + (turn % 3) && given().length > 4; n++) {
          if ((turn + n) % 2 === 0) slotsOf[0].push(read(a, vnet, bytes));
          else slotsOf[1].push(read(b, new Uint8Array(VNET_SIZE), small));
        }
        ring.turn();
        const slots = given();
        assert.equal(new Set(slots).size, slots.length, 'none twice');
        const waiting = [...slotsOf[0].slice(sent(a) / SEGMENTS), ...slotsOf[1].slice(sent(b))];
        const wrong = slots.filter((slot) => waiting.includes(slot));
        assert.deepEqual(wrong, [], 'what they hold has been taken');
      }
      for (let turn = 0; turn < 100; turn++) ring.turn();
      assert.deepEqual([sent(a), sent(b)], [slotsOf[0].length * SEGMENTS, slotsOf[1].length]);
      assert.equal(given().length, TAP_SLOTS);
      core.checkBooks();
    });
  });
}
