/**
 * A minute of the fuzzer: frames that are damaged, that lie, and that are as they should be but for one field. A new
 * seed each time; a failure says how to repeat its round. The debug build runs fewer rounds, but with its asserts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILDS, type Build } from '../support/core.js';
import { CORPUS } from './corpus.js';
import type { Kind } from './encapsulations.js';
import { ROUND_FRAMES, runRound } from './round.js';

const SEED = Date.now() & 0x7fff_ffff;
const ROUNDS: Record<Build, number> = { debug: 4, release: 24 };

/** More rounds, if what must be met was not: no seed decides that, as the FDB's secret is another each time. */
const MORE_MAX = 12;

const MUST_MEET = [
  ['encapOut', 'delivered', 'upcalled', 'upcalls', 'injected', 'copies', 'learns'],
  ['truncated', 'oversized', 'bad_source', 'spoofed_source', 'bad_vlan', 'vlan_discarded', 'bad_vxlan_header'],
  ['reserved_bits', 'unknown_vni', 'hairpin', 'no_such_mac', 'no_flood_list', 'lookup_timeout'],
  ['bad_offload', 'underlay_busy', 'underlay_unreachable', 'underlay_error', 'exceeds_pmtu'],
  ['spoofed_ip', 'restricted_type', 'bad_headers', 'rate_limited'],
  ['not_ethernet', 'other_policy_group', 'bad_geneve_header', 'bad_nvgre_header', 'critical_option'],
  ['bad_arp', 'arp_gratuitous', 'bad_ndp', 'bad_dhcp', 'no_local_port', 'ce_not_ect', 'bad_outer_checksum'],
].flat();

for (const build of BUILDS) {
  test(`${build}: ${ROUNDS[build]} rounds of ${ROUND_FRAMES} frames, from seed ${SEED}`, (t) => {
    const outcomes = new Set<string>();
    const missed = () => MUST_MEET.filter((name) => !outcomes.has(name));
    const round = (seed: number, kind: Kind | null = null): void => {
      for (const outcome of runRound(build, seed, kind).outcomes) outcomes.add(outcome);
    };
    for (const { seed, kind } of CORPUS) round(seed, kind);
    const rounds = ROUNDS[build];
    for (let n = 0; n < rounds || (n < rounds + MORE_MAX && missed().length > 0); n++) round(SEED + n);
    t.diagnostic(`outcomes met: ${[...outcomes].sort().join(' ')}`);
    assert.deepEqual(missed(), [], 'a run that never meets these tests nothing');
  });
}
