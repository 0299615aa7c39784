import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LEAST_LIFE_MS } from '../../../src/daemon/forwarding/targets.js';
import type { Answer, Query } from '../../../src/search/api.js';
import { LOOKUP_DEADLINE_MS } from '../../../src/search/host/host.js';
import {
  deferred,
  dropped,
  type Harness,
  harness,
  LISTEN,
  MAC,
  miss,
  NEGATIVE_TTL_MS,
  OTHER_PEER,
  OWN_MAC,
  PEER,
  remote,
  settled,
} from '../harness.js';

describe('an answer', () => {
  it('becomes the FDB entry, and the plugin saw the question as plain frozen data', async () => {
    const seen: Query[] = [];
    const { upcalls, fdb } = await harness({
      lookup(query) {
        seen.push(query);
        return { target: PEER };
      },
    });
    upcalls.handle(miss(MAC));
    await settled();
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.deepEqual(seen, [{ vni: 23, mac: MAC, sourceMac: OWN_MAC, etherType: 0x0800, vlan: 0 }]);
    assert(Object.isFrozen(seen[0]));
  });

  it('drop becomes drop_entry and stays', async () => {
    const { upcalls, fdb, pass } = await harness({ lookup: () => ({ target: 'drop' }) });
    upcalls.handle(miss(MAC));
    await pass(60_000);
    assert.deepEqual(fdb(MAC), dropped('drop_entry'));
  });

  it('null drops as no_such_mac for lookup/negative_ttl', async () => {
    const { upcalls, fdb, pass } = await harness({ lookup: () => null });
    upcalls.handle(miss(MAC));
    await settled();
    assert.deepEqual(fdb(MAC), dropped('no_such_mac'));
    await pass(NEGATIVE_TTL_MS - 100);
    assert.deepEqual(fdb(MAC), dropped('no_such_mac'));
    await pass(200);
    assert.equal(fdb(MAC), undefined);
  });

  it('with a time to live is forgotten after it, and asked again', async () => {
    let asked = 0;
    const { upcalls, fdb, pass } = await harness({
      lookup() {
        asked++;
        return { target: PEER, ttl: 5000 };
      },
    });
    upcalls.handle(miss(MAC));
    await pass(4900);
    assert.deepEqual(fdb(MAC), remote(PEER));
    await pass(300);
    assert.equal(fdb(MAC), undefined);
    upcalls.handle(miss(MAC));
    await settled();
    assert.equal(asked, 2);
  });

  it('without one forgets the time to live of an earlier one', async () => {
    const { upcalls, context, fdb, pass } = await harness({ lookup: () => ({ target: PEER, ttl: 1000 }) });
    upcalls.handle(miss(MAC));
    await settled();
    context.put(MAC, OTHER_PEER);
    await pass(10_000);
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
  });

  it('that is our own endpoint leads to the any-mac VNIC', async () => {
    const { upcalls, fdb } = await harness({ lookup: () => ({ target: LISTEN }) }, { anyMacVnic: 7 });
    upcalls.handle(miss(MAC));
    await settled();
    assert.deepEqual(fdb(MAC), { kind: 'local', vnic: 7 });
  });

  it('that is our own endpoint drops as no_local_port without one', async () => {
    const { upcalls, fdb } = await harness({ lookup: () => ({ target: LISTEN }) });
    upcalls.handle(miss(MAC));
    await settled();
    assert.deepEqual(fdb(MAC), dropped('no_local_port'));
  });
});

describe('one question in flight per MAC', () => {
  it('however many upcalls and lookups there are', async () => {
    let asked = 0;
    const answer = deferred<Answer | null>();
    const { upcalls, fdb } = await harness({
      lookup() {
        asked++;
        return answer.promise;
      },
    });
    for (let i = 0; i < 100; i++) upcalls.handle(miss(MAC));
    const outcome = upcalls.ask({ ...miss(MAC), vni: 23 });
    answer.resolve({ target: PEER });
    assert.deepEqual(await outcome, PEER);
    assert.equal(asked, 1);
    assert.deepEqual(fdb(MAC), remote(PEER));
  });

  it('and none when the table has learnt it meanwhile', async () => {
    let asked = 0;
    const { upcalls } = await harness({
      lookup() {
        asked++;
        return null;
      },
    });
    upcalls.setStatic(MAC, PEER);
    upcalls.handle(miss(MAC));
    assert.equal(asked, 0);
  });
});

describe('the latest decision wins, not the latest arrival', () => {
  const overtakers = {
    'a put': (h: Harness) => h.context.put(MAC, OTHER_PEER),
    'a static set': (h: Harness) => void h.upcalls.setStatic(MAC, OTHER_PEER),
  };
  for (const [what, overtake] of Object.entries(overtakers)) {
    it(`${what} while the question is in flight makes its answer void`, async () => {
      const answer = deferred<Answer | null>();
      const h = await harness({ lookup: () => answer.promise });
      h.upcalls.handle(miss(MAC));
      overtake(h);
      answer.resolve({ target: PEER });
      await settled();
      assert.deepEqual(h.fdb(MAC), remote(OTHER_PEER));
    });

    it(`${what} makes its failure void as well`, async () => {
      const answer = deferred<Answer | null>();
      const h = await harness({ lookup: () => answer.promise });
      h.upcalls.handle(miss(MAC));
      overtake(h);
      answer.reject(new Error('late trouble'));
      await settled();
      assert.deepEqual(h.fdb(MAC), remote(OTHER_PEER));
    });
  }

  it('a withdrawal makes the answer void and the question is asked again for the frames that wait', async () => {
    const answers = [deferred<Answer | null>(), deferred<Answer | null>()];
    let asked = 0;
    const { upcalls, context, fdb } = await harness({ lookup: () => answers[asked++]!.promise });
    upcalls.handle(miss(MAC));
    context.withdraw(MAC);
    answers[0]!.resolve({ target: PEER });
    await settled();
    assert.equal(fdb(MAC), undefined);
    await settled(); // the event loop had its turn in between
    assert.equal(asked, 2);
    answers[1]!.resolve({ target: OTHER_PEER });
    await settled();
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
  });

  it('a withdrawal after a put forgets the put', async () => {
    const { context, fdb } = await harness({});
    context.put(MAC, PEER);
    context.withdraw(MAC);
    assert.equal(fdb(MAC), undefined);
  });

  it('an entry withdrawn before a worker may have seen it is asked for again, as frames may wait', async () => {
    const asked: Query[] = [];
    const { upcalls, context, fdb, pass } = await harness({
      lookup(query) {
        asked.push(query);
        return { target: asked.length === 1 ? PEER : OTHER_PEER };
      },
    });
    upcalls.handle(miss(MAC));
    await settled();
    context.withdraw(MAC);
    await settled();
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
    assert.deepEqual(asked[1], asked[0]);
    await pass(LEAST_LIFE_MS);
    context.withdraw(MAC);
    await settled();
    assert.equal(asked.length, 2, 'the worker has had its time');
    assert.equal(fdb(MAC), undefined);
  });

  it('so is one that was pushed just before the upcall was read', async () => {
    const { upcalls, context, fdb } = await harness({ lookup: () => ({ target: OTHER_PEER }) });
    context.put(MAC, PEER);
    upcalls.handle(miss(MAC));
    context.withdraw(MAC);
    await settled();
    assert.deepEqual(fdb(MAC), remote(OTHER_PEER));
  });

  it('a plugin that withdraws every answer of its own at once is asked no longer than frames wait', async () => {
    let asked = 0;
    const { upcalls, context, pass } = await harness({
      lookup() {
        asked++;
        return { target: PEER };
      },
    });
    upcalls.handle(miss(MAC));
    for (let ms = 0; ms < LOOKUP_DEADLINE_MS * 2; ms += 40) {
      await pass(40);
      context.withdraw(MAC);
    }
    await settled();
    assert(asked > 2 && asked <= LOOKUP_DEADLINE_MS / 40 + 1, `asked ${asked} times`);
  });

  it('no entry is so short-lived that a worker may miss it', async () => {
    const { upcalls, fdb, pass } = await harness({ lookup: () => ({ target: PEER, ttl: 1 }) });
    await pass(99);
    upcalls.handle(miss(MAC));
    await pass(LEAST_LIFE_MS - 1);
    assert.deepEqual(fdb(MAC), remote(PEER));
    await pass(200);
    assert.equal(fdb(MAC), undefined);
  });

  it('a put that the table has no room for overtakes nothing', async () => {
    const answer = deferred<Answer | null>();
    const { upcalls, context, datapath, fdb } = await harness({ lookup: () => answer.promise });
    datapath.capacity = datapath.fdb.size;
    upcalls.handle(miss(MAC));
    context.put(MAC, OTHER_PEER);
    datapath.capacity++;
    answer.resolve({ target: PEER });
    await settled();
    assert.deepEqual(fdb(MAC), remote(PEER));
  });

  it('a put that nobody asked for takes the room there is, and pushes nothing out', async () => {
    const { upcalls, context, fdb } = await harness({ lookup: () => ({ target: PEER }) }, { fdbSize: 3 });
    const macs = Array.from({ length: 5 }, (_, n) => `02:00:00:00:00:0${n}`);
    for (const mac of macs) context.put(mac, PEER);
    assert.deepEqual(
      macs.map((mac) => fdb(mac) !== undefined),
      [true, true, false, false, false],
      'the VNIC has the third place',
    );
    context.put(macs[0]!, OTHER_PEER);
    assert.deepEqual(fdb(macs[0]!), remote(OTHER_PEER), 'what is there follows');
    upcalls.handle(miss(macs[4]!));
    await settled();
    assert.deepEqual(fdb(macs[4]!), remote(PEER), 'what is asked for has its place');
  });

  it('a put never replaces a static entry, nor a VNIC', async () => {
    const { upcalls, context, fdb } = await harness({});
    upcalls.setStatic(MAC, PEER);
    context.put(MAC, OTHER_PEER);
    context.put(OWN_MAC, OTHER_PEER);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.deepEqual(fdb(OWN_MAC), { kind: 'local', vnic: 1 });
  });

  it('a withdrawal takes neither a static entry nor a VNIC, as when a file that has both loses a line', async () => {
    const { upcalls, context, fdb } = await harness({});
    upcalls.setStatic(MAC, PEER);
    context.withdraw(MAC);
    context.withdraw(OWN_MAC);
    assert.deepEqual(fdb(MAC), remote(PEER));
    assert.deepEqual(fdb(OWN_MAC), { kind: 'local', vnic: 1 });
  });

  it('what an answer replaced in place is void after the overlay has closed', async () => {
    const answer = deferred<Answer | null>();
    const { upcalls, fdb } = await harness({ lookup: () => answer.promise });
    upcalls.handle(miss(MAC));
    upcalls.close();
    answer.resolve({ target: PEER });
    await settled();
    assert.equal(fdb(MAC), undefined);
  });
});
