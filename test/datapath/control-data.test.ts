// What the kernel says beside a message, in whatever order it says it, and beside what else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ARRIVED_IN_FRAGMENTS } from '../../assembly/layout.js';
import { SCRATCH as AT, forEachBuild } from '../support/module.js';

const HEADER = 16; // struct cmsghdr { u64 length; i32 level; i32 type }

interface Said {
  readonly level: number;
  readonly type: number;
  readonly bytes: number;
  readonly value: number;
}

const tos = fc.nat(255).map((value): Said => ({ level: 0, type: 1, bytes: 1, value }));
const trafficClass = fc.nat(255).map((value): Said => ({ level: 41, type: 67, bytes: 4, value }));
const joined = fc.integer({ min: 1, max: 65507 }).map((value): Said => ({ level: 17, type: 104, bytes: 4, value }));
const fragments = fc
  .tuple(fc.constantFrom({ level: 0, type: 25 }, { level: 41, type: 77 }), fc.integer({ min: 1, max: 65535 }))
  .map(([kind, value]): Said => ({ ...kind, bytes: 4, value }));
const stranger = fc.nat(65535).map((value): Said => ({ level: 1, type: 29, bytes: 8, value })); // SO_TIMESTAMP
const all = fc
  .tuple(fc.option(fc.oneof(tos, trafficClass)), fc.option(joined), fc.option(fragments), fc.option(stranger))
  .chain((some) => fc.shuffledSubarray(some.filter((one) => one !== null)));

/** The slow twin: looks for each kind. */
function twin(said: readonly Said[]): { size: number; arrival: number } {
  const find = (level: number, type: number): number | undefined =>
    said.find((one) => one.level === level && one.type === type)?.value;
  const isFragmented = find(0, 25) !== undefined || find(41, 77) !== undefined;
  const outer = find(0, 1) ?? find(41, 67) ?? 0;
  return { size: find(17, 104) ?? 0, arrival: outer | (isFragmented ? ARRIVED_IN_FRAGMENTS : 0) };
}

await forEachBuild((build, m) => {
  test(`${build}: the size of what was joined, TOS and fragments, in one walk`, () => {
    const view = new DataView(m.bytes.buffer);
    fc.assert(
      fc.property(all, fc.nat(255), (said, dirt) => {
        m.bytes.fill(dirt, AT, AT + 256);
        let at = AT;
        for (const { level, type, bytes, value } of said) {
          view.setBigUint64(at, BigInt(HEADER + bytes), true);
          view.setUint32(at + 8, level, true);
          view.setUint32(at + 12, type, true);
          if (bytes === 1) view.setUint8(at + HEADER, value);
          else view.setUint32(at + HEADER, value, true);
          at += HEADER + 8;
        }
        const word = m.saidOf(AT, BigInt(at - AT));
        assert.deepEqual({ size: m.joinedSize(word) >>> 0, arrival: m.arrivalOf(word) >>> 0 }, twin(said));
      }),
    );
  });
});
