// Datagrams that leave in one send, beside the same ones that leave one by one, which is a slow twin: each destination
// gets the same in the same order, however many there are side by side.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BATCH_MAX, CHAINS_MAX } from '../../assembly/layout.js';
import { BUILDS, type Build, Core, type Output } from '../support/core.js';
import { frame } from '../support/frames.js';

const OWN = 'de:ad:be:ef:00:00';
const LISTS_MAX = 0xffff; // before the numbers of lists begin again
const macOf = (n: number): string => `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 0xff).toString(16)}`;
const endpointOf = (n: number) => ({ ip: `10.0.${n >> 8}.${n & 0xff}`, port: 4789 });

function setUp(build: Build, endpoints: number, segment: boolean): { core: Core; vnic: number } {
  const core = new Core(build, 2048);
  const overlay = core.overlay({ segment });
  const vnic = core.vnic(overlay, OWN);
  for (let n = 0; n < endpoints; n++) core.remote(overlay, macOf(n), endpointOf(n));
  return { core, vnic };
}

function byDestination(outputs: readonly Output[]): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const output of outputs) {
    assert.ok('to' in output);
    all.set(output.to, [...(all.get(output.to) ?? []), output.datagram.toString('hex')]);
  }
  return all;
}

for (const build of BUILDS) {
  test(`${build}: as one by one, to more endpoints than there are chains`, () => {
    const endpoints = 2 * CHAINS_MAX;
    const [chained, twin] = [setUp(build, endpoints, true), setUp(build, endpoints, false)];
    const few = fc.nat(3);
    const to = fc.oneof(few, fc.nat(endpoints - 1));
    const size = fc.constantFrom(46, 46, 46, 100, 1386);
    const batch = fc.array(fc.record({ to, size, fill: fc.nat(255) }), { minLength: 1, maxLength: BATCH_MAX });
    fc.assert(
      fc.property(batch, (wanted) => {
        const frames = wanted.map(({ to, size, fill }) => frame(macOf(to), OWN, { payload: Buffer.alloc(size, fill) }));
        const outputs = chained.core.encap(chained.vnic, frames);
        assert.deepEqual(byDestination(outputs), byDestination(twin.core.encap(twin.vnic, frames)));
      }),
      { numRuns: 200 },
    );
    chained.core.checkBooks();
  });

  test(`${build}: nothing is chained to what another list had, nor an instance before this one`, () => {
    const { core, vnic } = setUp(build, 2, true);
    const [one, two] = [frame(macOf(0), OWN), frame(macOf(1), OWN)];
    const right = new Map([
      ['10.0.0.0:4789', 1],
      ['10.0.0.1:4789', 1],
    ]);
    const counts = (outputs: readonly Output[]) =>
      new Map([...byDestination(outputs)].map(([to, datagrams]) => [to, datagrams.length]));
    core.encap(vnic, [one]);
    core.module.startWorker(0); // as after a trap
    assert.deepEqual(counts(core.encap(vnic, [two, one])), right);
    core.quiet = true;
    for (let list = 1; list < LISTS_MAX; list++) core.encap(vnic, [one]);
    core.quiet = false;
    assert.deepEqual(counts(core.encap(vnic, [two, one])), right);
    assert.deepEqual(counts(core.encap(vnic, [two, one])), right);
  });
}
