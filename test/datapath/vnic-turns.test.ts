// VNICs take turns with the uring engine: one whose super-frames are cut into very many segments does not hold up what
// others have sent since.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SEGMENTS_LISTED_MAX, TAP_READ_MAX, VNET_SIZE, W_TAP_BUFFER, WORKERS_BASE } from '../../assembly/layout.js';
import { Ring } from '../../bench/ring.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { frame } from '../support/frames.js';

const MACS = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c'] as const;
const FAR = '02:00:00:00:01:00';
const SEGMENTS = 1000;
const SIZE = 8;

function setUp(build: Build) {
  const core = new Core(build, 64);
  const overlay = core.overlay({ point: { ip: '10.0.0.1', port: 4789 }, lookup: false });
  const [a, b, c] = MACS.map((mac) => core.vnic(overlay, mac)) as [number, number, number];
  const ring = new Ring(core.views, core.module);
  let slot = 0; // the kernel fills them in the order in which it was given them
  /** The kernel has read this. */
  const read = (vnic: number, vnet: Uint8Array, bytes: Uint8Array): void => {
    const at = WORKERS_BASE + W_TAP_BUFFER + slot++ * TAP_READ_MAX;
    core.views.u8.set(vnet, at);
    core.views.u8.set(bytes, at + VNET_SIZE);
    ring.read(vnic, 1, VNET_SIZE + bytes.length);
  };
  /** TCP, a thousand segments of eight bytes: what no kernel makes and every kernel lets a guest ask for. */
  const hostile = (vnic: number, mac: string) => {
    const tcp = [0, 80, 0, 81, ...Array(8).fill(0), 0x50, 0x10, 1, 0, 0, 0, 0, 0, ...Array(SEGMENTS * SIZE).fill(0)];
    const length = 20 + tcp.length;
    const ip = [0x45, 0, length >> 8, length & 0xff, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9];
    const vnet = Uint8Array.of(1, 1, 54, 0, SIZE, 0, 34, 0, 16, 0);
    read(vnic, vnet, frame(FAR, mac, { etherType: 0x0800, payload: Uint8Array.of(...ip, ...tcp) }));
  };
  const honest = (vnic: number, mac: string) => read(vnic, new Uint8Array(VNET_SIZE), frame(FAR, mac));
  const sent = (vnic: number) => core.counters.vnic(vnic).tx.frames;
  return { core, ring, a, b, c, hostile, honest, sent };
}

for (const build of BUILDS) {
  describe(`VNICs in the ${build} build`, () => {
    it('have their turn after the share of one that floods, however much of it has been read before', () => {
      const { core, ring, a, b, hostile, honest, sent } = setUp(build);
      for (let n = 0; n < 12; n++) hostile(a, MACS[0]);
      for (let n = 0; n < 3; n++) honest(b, MACS[1]);
      ring.turn();
      const share = sent(a);
      assert.ok(share >= SEGMENTS_LISTED_MAX && share < SEGMENTS_LISTED_MAX + SEGMENTS, `${share} frames`);
      assert.equal(sent(b), 0, 'they came later');
      while (sent(a) === share && sent(b) === 0) ring.turn();
      assert.equal(sent(b), 3);
      for (let n = 0; n < 60; n++) ring.turn();
      assert.deepEqual([sent(a), sent(b)], [12 * SEGMENTS, 3]);
      core.checkBooks();
    });

    it('that flood alike take turns with each other', () => {
      const { core, ring, a, c, hostile, sent } = setUp(build);
      for (let n = 0; n < 9; n++) hostile(a, MACS[0]);
      for (let n = 0; n < 9; n++) hostile(c, MACS[2]);
      let most = 0;
      for (let n = 0; n < 100; n++) {
        ring.turn();
        if (sent(c) < 9 * SEGMENTS) most = Math.max(most, Math.abs(sent(a) - sent(c)));
      }
      assert.ok(most <= SEGMENTS_LISTED_MAX + SEGMENTS, `one was ${most} frames ahead`);
      assert.deepEqual([sent(a), sent(c)], [9 * SEGMENTS, 9 * SEGMENTS]);
      core.checkBooks();
    });
  });
}
