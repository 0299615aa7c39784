/** Rate limits of VNICs, in text and in a file. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rateLimit } from '../../src/rate-limits.js';
import { OVERLAY, read } from './reading.js';

const GOOD: [typed: string, value: number | null][] = [
  ['8000', 8000],
  ['20k', 20_000],
  ['100M', 100e6],
  ['2.5G', 2.5e9],
  ['1T', 1e12],
  ['none', null],
];
const BAD = ['', 'fast', '-1', '7999', '1.1T', '1e6', '100m', '100 M', '8000.5', '0', '99999999999999999999'];

describe('a rate limit', () => {
  for (const [typed, value] of GOOD) test(typed, () => assert.equal(rateLimit('rateBps', typed), value));
  for (const typed of BAD) {
    test(`${JSON.stringify(typed)} is refused`, () =>
      assert.throws(() => rateLimit('rateBps', typed), {
        code: 'bad_rate_limit',
        message: `bad rateBps ${JSON.stringify(typed)}: expected a whole number from 8000 to 1000000000000, or as 100M`,
      }));
  }

  test('in a file is a number or a text, and a wrong one is told where it stands', () => {
    const vnic = (keys: string) =>
      read(`${OVERLAY}vnics:\n  v0: { overlay: overlay0, mac: '02:00:00:00:00:01', ${keys} }\n`);
    const { rateBps, ratePps, stormPps } = vnic('rate_bps: 100M, rate_pps: 5').declaration?.vnics.get('v0') ?? {};
    assert.deepEqual([rateBps, ratePps, stormPps], [100e6, 5, null]);
    assert.match(vnic('storm_pps: 0').problems.join(), /^7:\S+ vnics\.v0\.storm_pps: bad stormPps "0": expected/);
    assert.match(vnic('rate_bps: [1]').problems.join(), /vnics\.v0\.rate_bps: is a list: expected a number, as 1500/);
  });
});
