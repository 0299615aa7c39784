// Flood lists: a place is not written again while a worker may read it, and what lists name is not swept away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDPOINTS_MAX, FLOOD_LISTS_MAX, FLOOD_MAX } from '../../assembly/layout.js';
import { Destinations } from '../../src/datapath/destinations.js';
import { FloodLists } from '../../src/datapath/flood-lists.js';
import { Core, OVERLAY } from '../support/core.js';

const endpointOf = (n: number): { ip: string; port: number } => ({
  ip: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
  port: 4789,
});
const some = (count: number, first = 0) => Array.from({ length: count }, (_, n) => endpointOf(first + n));

function lists(): FloodLists {
  const core = new Core('release', 16);
  return new FloodLists(core.views, core.endpoints);
}

test('an equal list stays where it is; a changed one is written elsewhere, until the old place is released', () => {
  const floods = lists();
  const first = floods.write(some(3), 0, 1);
  assert.equal(floods.write(some(3), first, 1), first);
  const second = floods.write(some(4), first, 1);
  assert.notEqual(second, first);
  assert.deepEqual([floods.at(first).length, floods.at(second).length], [3, 4]);
  for (let n = 0; n < FLOOD_LISTS_MAX - 3; n++) assert.notEqual(floods.write(some(1), 0, 1), first);
  assert.throws(() => floods.write(some(1), 0, 1), /too many flood lists/);
  floods.release(first);
  assert.equal(floods.write(some(1), 0, 1), first);
});

test('doubles count once; the longest list fits, and no longer one', () => {
  const floods = lists();
  assert.equal(floods.at(floods.write([...some(2), ...some(2)], 0, 1)).length, 2);
  assert.equal(floods.at(floods.write(some(FLOOD_MAX), 0, 1)).length, FLOOD_MAX);
  assert.throws(() => floods.write(some(FLOOD_MAX + 1), 0, 1), /at most 512/);
  assert.equal(floods.write([], 0, 1), 0);
});

test('endpoints that only a flood list names survive the sweep, and those of a former list do not', async () => {
  const core = new Core('release', 16);
  const { views, endpoints, tables, fdb } = core;
  let quiesced = 0;
  const quiesce = async (): Promise<void> => {
    quiesced++;
  };
  const destinations = new Destinations({ views, endpoints, tables, fdb, quiesce });
  const config = { ...OVERLAY, flood: { endpoints: some(FLOOD_MAX), unknown: false } };
  const targets = destinations.of(config);
  const overlay = tables.addOverlay(config, targets);
  const churn = async (): Promise<Set<string>> => {
    for (let n = 0; n < 2 * ENDPOINTS_MAX; n++) {
      endpoints.intern(endpointOf(1000 + n), 1);
      destinations.sweepIfLow();
      if (n % 64 === 0) await null;
    }
    return new Set([...endpoints.all()].map(([, { ip }]) => ip));
  };
  const kept = await churn();
  assert.ok(quiesced > 0, 'nothing was swept');
  for (const { ip } of some(FLOOD_MAX)) assert.ok(kept.has(ip), ip);

  const other = { ...config, flood: { endpoints: [endpointOf(900_000)], unknown: false } };
  const commit = destinations.prepare(overlay, other);
  assert.ok((await churn()).has(endpointOf(900_000).ip), 'what is about to be named stays');
  commit();
  const left = await churn();
  assert.deepEqual(
    some(FLOOD_MAX).filter(({ ip }) => left.has(ip)),
    [],
  );
});
