// Rate limits of a VNIC: beside a bucket that counts tokens, and what a frame counts as.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type RateLimits, UNLIMITED } from '../../src/rate-limits.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { arp, BROADCAST, frame } from '../support/frames.js';

const MAC = '02:00:00:00:00:0a';
const FAR = '02:00:00:00:01:00';

function setUp(build: Build, limits: Partial<RateLimits>) {
  const core = new Core(build, 64);
  const overlay = core.overlay({ point: { ip: '10.0.0.1', port: 4789 }, lookup: false, mtu: 8900 });
  const vnic = core.vnic(overlay, MAC);
  core.tables.setVnicLimits(vnic, { ...UNLIMITED, ...limits });
  /** The reason it is dropped for, null: it left. */
  const verdict = (sent: Uint8Array, vnet?: Uint8Array): string | null => {
    const before = core.counters.overlay(overlay).drops;
    core.encap(vnic, [sent], vnet === undefined ? [] : [vnet]);
    core.checkBooks();
    const after = Object.entries(core.counters.overlay(overlay).drops);
    return after.find(([name, count]) => count !== (before[name as keyof typeof before] ?? 0))?.[0] ?? null;
  };
  return { core, overlay, vnic, verdict };
}

/** Tokens are parts of 2^-16 of what costs a sixteenth of a nanosecond: a bucket fills with 2^20 of them each ns. */
class SlowBucket {
  readonly #price: bigint;
  readonly #most: bigint;
  #tokens: bigint;

  constructor(perSecond: number, seconds: number, least: number) {
    const cost = 16e9 / perSecond;
    this.#price = BigInt(Math.round(cost * 65536));
    this.#most = BigInt(Math.round(Math.max(seconds * 16e9, least * cost))) << 16n;
    this.#tokens = this.#most;
  }

  pass(ms: number): void {
    const full = this.#tokens + BigInt(ms) * 16_000_000n * 65536n;
    this.#tokens = full < this.#most ? full : this.#most;
  }

  get hasSome(): boolean {
    return this.#tokens > 0n;
  }

  take(count: number): void {
    this.#tokens -= ((this.#price * BigInt(count)) >> 16n) << 16n;
  }
}

const plain = (destination: string, size: number) => frame(destination, MAC, { payload: Buffer.alloc(size) });
const limits: fc.Arbitrary<RateLimits> = fc.record({
  rateBps: fc.option(fc.integer({ min: 8000, max: 2e9 })),
  ratePps: fc.option(fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 1e9 }))),
  stormPps: fc.option(fc.integer({ min: 1, max: 300 })),
});
/** Time passes, then so many frames come at once. */
const bursts = fc.array(
  fc.record({
    ms: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 3000 })),
    frames: fc.integer({ min: 1, max: 150 }),
    size: fc.integer({ min: 20, max: 8800 }),
    isGroup: fc.boolean(),
  }),
  { maxLength: 25 },
);

for (const build of BUILDS) {
  describe(`rate limits in the ${build} build`, () => {
    it('let pass what a bucket of tokens lets pass, whatever comes when', () => {
      fc.assert(
        fc.property(limits, bursts, (given, sent) => {
          const { core, overlay, vnic } = setUp(build, given);
          const { rateBps, ratePps, stormPps } = given;
          const bytes = rateBps === null ? null : new SlowBucket(rateBps / 8, 0.1, 131_072);
          const frames = ratePps === null ? null : new SlowBucket(ratePps, 0.1, 256);
          const groups = stormPps === null ? null : new SlowBucket(stormPps, 1, 32);
          const expected = { rate_limited: 0, storm_limited: 0 };
          for (const { ms, frames: count, size, isGroup } of sent) {
            core.nowMs += ms;
            for (const bucket of [bytes, frames, groups]) bucket?.pass(ms);
            const one = plain(isGroup ? BROADCAST : FAR, size);
            core.encap(vnic, Array(count).fill(one));
            for (let n = 0; n < count; n++) {
              if (isGroup && groups?.hasSome === false) expected.storm_limited++;
              else if (frames?.hasSome === false || bytes?.hasSome === false) expected.rate_limited++;
              else {
                if (isGroup) groups?.take(1);
                frames?.take(1);
                bytes?.take(one.length);
              }
            }
          }
          const { rate_limited = 0, storm_limited = 0 } = core.counters.overlay(overlay).drops;
          assert.deepEqual({ rate_limited, storm_limited }, expected);
          core.checkBooks();
        }),
        { numRuns: 150 },
      );
    });

    it('count a super-frame as the frames that it is on the wire', () => {
      const { core, overlay, vnic, verdict } = setUp(build, { ratePps: 100 });
      const segment = [0, 80, 0, 80, ...Array(8).fill(0), 0x50, 0x10, 0, 0, 0, 0, 0, 0, ...Array(30_000).fill(1)];
      const total = 20 + segment.length;
      const ip = [0x45, 0, total >> 8, total & 0xff, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 5, 10, 0, 0, 9];
      const large = frame(FAR, MAC, { etherType: 0x0800, payload: Uint8Array.of(...ip, ...segment) });
      const vnet = Uint8Array.of(1, 1, 54, 0, 100, 0, 34, 0, 16, 0); // segments of 100 bytes: 300 frames
      assert.equal(verdict(large, vnet), null, 'a bucket that has something gives it, and is owed the rest');
      assert.equal(verdict(large, vnet), 'rate_limited');
      assert.equal(core.counters.overlay(overlay).drops.rate_limited, 300);
      core.nowMs += 439; // 256 were there, 44 are owed: 440 ms
      assert.equal(verdict(plain(FAR, 50)), 'rate_limited');
      core.nowMs += 2;
      assert.equal(verdict(plain(FAR, 50)), null);
      assert.equal(core.counters.vnic(vnic).tx.frames, 602);
    });

    it('stop broadcast alone where they are for storms', () => {
      const { core, verdict } = setUp(build, { stormPps: 10 });
      const ask = frame(BROADCAST, MAC, { etherType: 0x0806, payload: arp(1, MAC, '10.0.0.1', '10.0.0.2') });
      for (let n = 0; n < 32; n++) assert.notEqual(verdict(ask), 'storm_limited');
      assert.equal(verdict(ask), 'storm_limited');
      assert.equal(verdict(plain(FAR, 50)), null);
      core.nowMs += 100;
      assert.notEqual(verdict(ask), 'storm_limited');
      assert.equal(verdict(ask), 'storm_limited');
    });

    it('do not count what link protection drops, and end when they are taken away', () => {
      const { core, vnic, verdict } = setUp(build, { ratePps: 1 });
      core.tables.setVnicProtection(vnic, { kinds: ['restricted'], allowed: [] });
      for (let n = 0; n < 300; n++) assert.equal(verdict(plain(FAR, 50)), 'restricted_type');
      core.tables.setVnicProtection(vnic, { kinds: [], allowed: [] });
      for (let n = 0; n < 256; n++) assert.equal(verdict(plain(FAR, 50)), null);
      assert.equal(verdict(plain(FAR, 50)), 'rate_limited');
      core.tables.setVnicLimits(vnic, UNLIMITED);
      assert.equal(verdict(plain(FAR, 50)), null);
    });
  });
}
