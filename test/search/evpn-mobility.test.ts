/** Whose a MAC is that is here and elsewhere (RFC 7432 section 15): the rules, and any events beside a slow twin. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Mobility } from '../../src/search/plugins/evpn/mobility.js';
import { DEFAULT_RULES, Moves } from '../../src/search/plugins/evpn/moves.js';
import type { Claim } from '../../src/search/plugins/evpn/rib.js';

const MAC = 'de:ad:be:ef:00:01';
const [LOW, HERE, HIGH] = ['192.0.2.1', '192.0.2.10', '192.0.2.20'] as const;

const claim = (vtep: string, sequence: number, isSticky = false): Claim => ({ vtep, sequence, isSticky });

function setUp(freezeMs: number | null = null) {
  const moves = new Moves({ ...DEFAULT_RULES, freezeMs });
  const mobility = new Mobility(HERE, moves);
  /** What is told after it has spoken, or after others were heard. */
  const speaks = (heard?: Claim, told?: number, nowMs = 0) => {
    mobility.speaks(MAC, heard, told, nowMs);
    return mobility.sequenceOf(MAC);
  };
  const hears = (heard?: Claim, nowMs = 0) => {
    mobility.isOurs(MAC, heard, nowMs);
    return mobility.sequenceOf(MAC);
  };
  return { mobility, moves, speaks, hears };
}

describe('a MAC that is here', () => {
  it('is told with 0, or with one above what was heard', () => {
    assert.equal(setUp().speaks(), 0);
    assert.equal(setUp().speaks(claim(HIGH, 4)), 5);
    const highest = setUp();
    assert.equal(highest.speaks(claim(HIGH, 0xffff_ffff)), 0xffff_ffff, 'ours is the lower VTEP');
    assert.equal(setUp().speaks(claim(LOW, 0xffff_ffff)), undefined);
  });

  it('is told of no more when another has it with a higher number, until it speaks or that is gone', () => {
    const { speaks, hears } = setUp();
    speaks();
    assert.equal(hears(claim(HIGH, 0)), 0, 'of equals the lowest VTEP has it');
    assert.equal(hears(claim(LOW, 0)), undefined);
    assert.equal(hears(claim(LOW, 0)), undefined);
    assert.equal(speaks(claim(LOW, 0)), 1);
    assert.equal(hears(claim(HIGH, 7)), undefined);
    assert.equal(hears(), 8, 'who has not heard of the withdrawal goes by the higher number');
    assert.equal(hears(claim(HIGH, 9)), undefined);
    assert.equal(hears(claim(HIGH, 3)), 10, 'what is left is behind ours');
  });

  it('is sticky elsewhere: it stays there, and the operator is told', () => {
    const { mobility, speaks, hears } = setUp();
    assert.equal(speaks(claim(HIGH, 0, true)), undefined);
    assert.match(mobility.summary() ?? '', /sticky elsewhere: de:ad:be:ef:00:01 at 192\.0\.2\.20$/);
    assert.equal(speaks(claim(HIGH, 0, true)), undefined);
    assert.equal(hears(), 1);
    assert.equal(mobility.summary(), null);
  });

  it('keeps its number over a restart; if it was elsewhere since, it has to speak first', () => {
    assert.equal(setUp().speaks(claim(HIGH, 3), 4), 4);
    const { speaks } = setUp();
    assert.equal(speaks(claim(HIGH, 5), 4), undefined);
    assert.equal(speaks(claim(HIGH, 5), 4), 6);
  });

  it('that moves too often stays where it is, here or there, and is followed after that', () => {
    const here = setUp(10_000);
    let number = 0;
    for (let move = 0; move < 2; move++) {
      assert.equal(here.speaks(claim(LOW, number)), ++number);
      assert.equal(here.hears(claim(LOW, ++number)), undefined);
    }
    assert.equal(here.speaks(claim(LOW, number)), ++number, 'the fifth');
    assert.equal(here.hears(claim(LOW, number + 1)), number, 'it is frozen here');
    assert.equal(here.speaks(claim(LOW, number + 1)), number);
    assert.deepEqual(here.moves.tick(10_000), [MAC]);
    assert.equal(here.hears(claim(LOW, number + 1), 10_000), undefined);

    const there = setUp(10_000);
    there.hears(claim(LOW, 0));
    for (let move = 0; move < 5; move++) there.moves.mayMove(MAC, 0);
    assert.equal(there.speaks(claim(LOW, 0)), undefined, 'it is frozen there');
    there.moves.tick(10_000);
    assert.equal(there.speaks(claim(LOW, 0), undefined, 10_000), 1);
  });
});

/** The same, from all claims each time: who wins, and whether we have reason to say that it is here. */
class SlowTwin {
  readonly #others = new Map<string, Claim>();
  #own: number | null = null;
  #isSilent = false;
  #lost = 0;

  set(vtep: string, claimed: Claim | null): void {
    if (claimed === null) this.#others.delete(vtep);
    else this.#others.set(vtep, claimed);
    this.#judge(false);
  }

  speaks(): void {
    this.#own ??= 0;
    this.#judge(true);
  }

  leaves(): void {
    this.#own = null;
    this.#isSilent = false;
    this.#lost = 0;
  }

  get best(): Claim | undefined {
    return this.#winner([...this.#others.values()]);
  }

  get told(): number | undefined {
    return this.#own === null || this.#isSilent ? undefined : this.#own;
  }

  #winner(claims: Claim[]): Claim | undefined {
    const sticky = claims.filter(({ isSticky }) => isSticky);
    const able = sticky.length > 0 ? sticky : claims;
    const highest = Math.max(...able.map(({ sequence }) => sequence));
    const first = able.filter(({ sequence }) => sequence === highest);
    return [LOW, HERE, HIGH].flatMap((vtep) => first.filter((each) => each.vtep === vtep))[0];
  }

  #judge(isSpeaking: boolean): void {
    if (this.#own === null) return;
    const wins = (number: number) => this.#winner([...this.#others.values(), claim(HERE, number)])?.vtep === HERE;
    if (wins(this.#own)) {
      if (this.#isSilent) this.#own = Math.max(this.#own, this.#lost + 1);
      this.#isSilent = false;
      return;
    }
    const { sequence } = this.best as Claim;
    if (isSpeaking && wins(sequence + 1)) {
      this.#own = sequence + 1;
      this.#isSilent = false;
      return;
    }
    this.#lost = this.#isSilent ? Math.max(this.#lost, sequence) : sequence;
    this.#isSilent = true;
  }
}

it('in any order of events, what is told is what all claims together say', () => {
  const sequence = fc.integer({ min: 0, max: 6 });
  const vtep = fc.constantFrom(LOW, HIGH);
  const event = fc.oneof(
    fc.record({ vtep, sequence, isSticky: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) }),
    vtep.map((gone) => ({ gone })),
    fc.constantFrom('speaks' as const, 'speaks' as const, 'leaves' as const),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const mobility = new Mobility(HERE, new Moves({ ...DEFAULT_RULES, limit: 1000 }));
      const twin = new SlowTwin();
      for (const each of events) {
        if (each === 'speaks') {
          twin.speaks();
          mobility.speaks(MAC, twin.best, undefined, 0);
        } else if (each === 'leaves') {
          twin.leaves();
          mobility.leaves(MAC);
        } else {
          if ('gone' in each) twin.set(each.gone, null);
          else twin.set(each.vtep, each);
          mobility.isOurs(MAC, twin.best, 0);
        }
        assert.equal(mobility.sequenceOf(MAC), twin.told);
      }
    }),
    { numRuns: 2000 },
  );
});
