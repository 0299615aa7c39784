/** A plugin takes over from another that has told of many MACs: nothing is done for all of them at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { macFromNumber } from '../../../src/address.js';
import { EarlyPushes, Relay } from '../../../src/daemon/plugin/early-pushes.js';
import { type Harness, harness, OTHER_PEER, PEER, pluginOf, remote } from '../harness.js';

const COUNT = 10_000;
const THIRD = { ip: '10.88.88.72', port: 4789 };
const macOf = (n: number): string => macFromNumber(0x02_00_00_00_00_00 + n);
const ipOf = (n: number): string => `10.9.${n >> 8}.${n & 255}`;

/** All MACs are at PEER by the old plugin, at OTHER_PEER by the new one, which has not begun to serve. */
async function setUp(): Promise<{ h: Harness; relay: Relay; begin: () => void }> {
  const h = await harness({}, { fdbSize: 2 * COUNT });
  for (let n = 0; n < COUNT; n++) h.context.put(macOf(n), PEER);
  await h.pass(10);
  const relay = new Relay(new EarlyPushes(2 * COUNT));
  for (let n = 0; n < COUNT; n++) relay.early.answered(macOf(n), { target: OTHER_PEER });
  const host = h.hostOf(pluginOf({ lookup: () => ({ target: THIRD }) }), relay);
  await host.start();
  const begin = (): void => {
    h.datapath.puts.length = 0;
    h.host.retire();
    h.serve(host);
    h.upcalls.serve(relay);
  };
  return { h, relay, begin };
}

const changed = ({ datapath }: Harness): number => datapath.puts.length;

async function turns(h: Harness, isDone: () => boolean): Promise<number> {
  let most = changed(h);
  for (let turn = 0; turn < 20_000 && !isDone(); turn++) {
    const before = changed(h);
    await setImmediate();
    most = Math.max(most, changed(h) - before);
  }
  return most;
}

test('entries are compared and replaced some at a time, until all say what the new one says', async () => {
  const { h, begin } = await setUp();
  begin();
  const most = await turns(h, () => changed(h) >= COUNT);
  assert.ok(most <= 1024, `${most} entries were written in one go`);
  for (let n = 0; n < COUNT; n++) assert.deepEqual(h.fdb(macOf(n)), remote(OTHER_PEER), macOf(n));
});

test('what is said of MACs meanwhile outweighs what the new one said before', async () => {
  const { h, relay, begin } = await setUp();
  begin();
  assert.ok(changed(h) < COUNT, 'not all is done at once');
  relay.put(macOf(COUNT - 1), THIRD, undefined);
  relay.withdraw(macOf(COUNT - 2));
  h.upcalls.setStatic(macOf(COUNT - 3), THIRD);
  await turns(h, () => changed(h) >= COUNT);
  for (let turn = 0; turn < 100; turn++) await setImmediate();
  assert.deepEqual(h.fdb(macOf(COUNT - 1)), remote(THIRD));
  assert.equal(h.fdb(macOf(COUNT - 2)), undefined);
  assert.deepEqual(h.fdb(macOf(COUNT - 3)), remote(THIRD));
  assert.deepEqual(h.fdb(macOf(COUNT - 4)), remote(OTHER_PEER));
});

test('addresses that have moved are announced a few at a time, and not where they no longer are', async () => {
  const { h, relay, begin } = await setUp();
  for (let n = 0; n < 1000; n++) relay.early.moved(ipOf(n), macOf(n));
  begin();
  assert.ok(h.datapath.delivered.length <= 8);
  relay.moved(ipOf(999), macOf(5));
  let most = 0;
  for (let turn = 0; turn < 20_000 && h.datapath.delivered.length < 1000; turn++) {
    const before = h.datapath.delivered.length;
    await setImmediate();
    most = Math.max(most, h.datapath.delivered.length - before);
  }
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(h.datapath.delivered.length, 1000);
  assert.ok(most <= 16, `${most} at once`);
  const ofLast = h.datapath.delivered.filter(({ frame }) => frame[31] === (999 & 255) && frame[30] === 999 >> 8);
  assert.deepEqual(
    ofLast.map(({ frame }) => Buffer.from(frame.subarray(6, 12)).toString('hex')),
    [macOf(5).replaceAll(':', '')],
  );
});

test('MACs that another has told of, a million perhaps, are passed over some at a time', async () => {
  const h = await harness({}, { fdbSize: 2 * COUNT });
  for (let n = 0; n < COUNT; n++) h.targets.learn(macOf(n), PEER, 0);
  h.context.put(macOf(COUNT), PEER);
  await h.pass(10);
  const relay = new Relay(new EarlyPushes(COUNT));
  relay.early.answered(macOf(COUNT), { target: OTHER_PEER });
  const host = h.hostOf(pluginOf({}), relay);
  await host.start();
  const before = changed(h);
  h.host.retire();
  h.serve(host);
  h.upcalls.serve(relay);
  let turn = 0;
  for (; changed(h) === before; turn++) await setImmediate();
  assert.ok(turn >= COUNT / 1024, `all was looked at within ${turn} turns`);
  assert.deepEqual(h.fdb(macOf(COUNT)), remote(OTHER_PEER));
});
