/** Answers that the tables of the datapath have no room for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { harness, MAC, miss, OWN_MAC, PEER, remote, settled } from '../harness.js';

describe('an answer that finds no room', () => {
  it('in the FDB: the overlay says so with its size, until one finds room', async () => {
    const { upcalls, datapath, health, fdb } = await harness({ lookup: () => null }, { fdbSize: 1 });
    datapath.capacity = 1; // the VNIC's
    upcalls.handle(miss(MAC));
    await settled();
    assert.equal(fdb(MAC), undefined);
    assert.equal(health.details, 'the forwarding table is full of static targets (1; see daemon --fdb-size)');
    datapath.capacity = 2;
    upcalls.handle(miss(MAC));
    await settled();
    assert.equal(health.status, 'ONLINE');
  });

  it('in the table of endpoints: the overlay says so until another endpoint finds room', async () => {
    const { upcalls, context, datapath, health, fdb } = await harness({ lookup: () => ({ target: PEER }) });
    datapath.hasEndpointRoom = false;
    upcalls.handle(miss(MAC));
    await settled();
    assert.match(health.details, /table of remote endpoints is full/);
    context.put(MAC, 'drop');
    assert.match(health.details, /table of remote endpoints is full/, 'that needed no endpoint');
    datapath.hasEndpointRoom = true;
    context.put(MAC, PEER);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.equal(health.status, 'ONLINE');
  });

  it("is no trouble when it is the operator's or a VNIC's entry that stands against it", async () => {
    const { context, health } = await harness({}, { fdbSize: 1 });
    context.put(OWN_MAC, PEER);
    await settled();
    assert.equal(health.status, 'ONLINE');
  });
});
