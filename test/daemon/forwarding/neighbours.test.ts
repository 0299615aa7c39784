/** Which addresses of hosts elsewhere are answered for, and which are not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Neighbours } from '../../../src/daemon/forwarding/neighbours.js';

const [ONE, OTHER] = ['de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'] as const;
const [AGEING, IP] = [60_000, '10.0.0.1'] as const;

function setUp(max = 100) {
  const neighbours = new Neighbours();
  neighbours.configure({ ageing: AGEING, max });
  const hear = (mac: string, nowMs: number, ip: string = IP, vlan = 0) =>
    neighbours.heard({ vlan, ip, mac, isRouter: false }, nowMs);
  const owner = (nowMs: number, ip: string = IP, vlan = 0) => neighbours.ownerOf(vlan, ip, nowMs)?.mac ?? null;
  return { neighbours, hear, owner };
}

describe('addresses of hosts elsewhere', () => {
  it('are known until their owner has been silent for too long', () => {
    const { hear, owner } = setUp();
    hear(ONE, 0);
    assert.equal(owner(AGEING - 1), ONE);
    assert.equal(owner(AGEING), null);
    hear(ONE, AGEING);
    assert.equal(owner(AGEING + 1), ONE);
  });

  /** Whether everybody is to be asked now; if so, everybody is. */
  const askedAt = (neighbours: Neighbours) => (nowMs: number) => {
    const isDue = neighbours.ownerOf(0, IP, nowMs)?.isDue;
    if (isDue === true) neighbours.asked(0, IP, nowMs);
    return isDue;
  };

  it('are to be asked for everywhere when new, and when half as old, once a second', () => {
    const { neighbours, hear } = setUp();
    hear(ONE, 0);
    const isDue = askedAt(neighbours);
    assert.deepEqual([0, 29_999, 30_000, 30_999, 31_000].map(isDue), [true, false, true, false, true]);
    hear(ONE, 31_500);
    assert.equal(isDue(32_600), false);
  });

  it('are to be asked for again however often one MAC claims them, and at once when another one does', () => {
    const { neighbours, hear } = setUp();
    const isDue = askedAt(neighbours);
    const claimedAndDue = (nowMs: number) => {
      hear(ONE, nowMs);
      return isDue(nowMs);
    };
    assert.deepEqual([0, 10_000, 20_000, 30_000, 40_000].map(claimedAndDue), [true, false, false, true, false]);
    hear(OTHER, 41_000);
    hear(OTHER, 90_000);
    assert.deepEqual([100_999, 101_000, 101_001].map(isDue), [undefined, true, false]);
  });

  it('are as due as before when somebody only wants to know', () => {
    const { neighbours, hear } = setUp();
    hear(ONE, 0);
    const isDue = () => neighbours.ownerOf(0, IP, 1)?.isDue;
    assert.deepEqual([isDue(), isDue()], [true, true]);
  });

  it("that two MACs claim are nobody's until one alone has for long enough", () => {
    const { hear, owner } = setUp();
    hear(ONE, 0);
    hear(OTHER, 10_000);
    assert.equal(owner(10_000), null);
    hear(ONE, 50_000);
    for (const at of [60_000, 90_000]) hear(ONE, at);
    assert.equal(owner(109_999), null);
    assert.equal(owner(110_000), ONE);
  });

  it("whose owner was forgotten are another's at once", () => {
    const { hear, owner } = setUp();
    hear(ONE, 0);
    hear(OTHER, AGEING);
    assert.equal(owner(AGEING), OTHER);
  });

  it('are those of their VLAN', () => {
    const { hear, owner } = setUp();
    hear(ONE, 0);
    hear(OTHER, 0, IP, 7);
    assert.deepEqual([owner(1), owner(1, IP, 7), owner(1, IP, 8)], [ONE, OTHER, null]);
  });

  it('are bounded, those of one MAC as well; the latest are kept', () => {
    const { neighbours, hear, owner } = setUp(20);
    for (let n = 0; n < 50; n++) hear(ONE, n, `10.0.1.${n}`);
    assert.deepEqual([neighbours.size, owner(50, '10.0.1.33'), owner(50, '10.0.1.34')], [16, null, ONE]);
    for (let n = 0; n < 50; n++) hear(`02:00:00:00:00:${n + 10}`, n, `10.0.2.${n}`);
    assert.deepEqual([neighbours.size, owner(50, '10.0.1.49'), owner(50, '10.0.2.49') !== null], [20, null, true]);
    neighbours.configure({ ageing: AGEING, max: 3 });
    assert.equal(neighbours.size, 3);
    neighbours.configure(null);
    hear(ONE, 0);
    assert.equal(neighbours.size, 0);
  });
});
