// Decap keeps what it found for the datagrams before (the overlay, who was heard) while a batch lasts. So batches of
// random datagrams are taken by one datapath as they are, and by a slow twin one datagram a pass, where nothing can be
// kept: what leaves, what the host is told, every counter and every stamp must be the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BUILDS, type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';

const HERE = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'] as const;
const FAR = ['02:00:00:00:00:0c', '02:00:00:00:00:0d', '02:00:00:00:00:0e'] as const;
const ENDPOINTS = ['10.0.0.1', '10.0.0.2', 'fd00::1'] as const;
/** What is behind each VNI; the last one is nobody's. */
const OVERLAYS = [
  { vni: 23, learn: true },
  { vni: 24, learn: true, strictHeader: true },
  { vni: 25, learn: false, vlan: 'strip', mtu: 100 },
] as const;
const VNIS = [...OVERLAYS.map(({ vni }) => vni), 26];
const RUNS = 100;

interface Received {
  readonly vni: number;
  readonly to: string;
  readonly from: string;
  readonly outer: string;
  readonly flags: number;
  readonly reserved: number;
  readonly tags: readonly number[];
  readonly cutTo: number | null;
  readonly length: number;
}

/** Runs of alike datagrams: each is like the one before but for a few fields. */
const batch = fc
  .array(
    fc.record(
      {
        vni: fc.constantFrom(...VNIS),
        to: fc.constantFrom(...HERE, ...FAR, BROADCAST, '02:00:00:00:00:99'),
        from: fc.constantFrom(...FAR, HERE[0], BROADCAST),
        outer: fc.constantFrom(...ENDPOINTS),
        flags: fc.constantFrom(0x08, 0x08, 0x08, 0x0c, 0),
        reserved: fc.constantFrom(0, 0, 0, 1),
        tags: fc.constantFrom([], [], [7], [7, 8], [7, 8, 9]),
        cutTo: fc.constantFrom(null, null, null, 7, 21),
        length: fc.constantFrom(46, 46, 90, 200),
      },
      { requiredKeys: [] },
    ),
    { minLength: 1, maxLength: 16 },
  )
  .map((changes) => {
    const first = {
      vni: 23,
      to: HERE[0],
      from: FAR[0],
      outer: ENDPOINTS[0],
      flags: 8,
      reserved: 0,
      tags: [],
      cutTo: null,
    };
    let last: Received = { ...first, length: 46 };
    return changes.map((change) => (last = { ...last, ...change }));
  });

const steps = fc.array(fc.record({ batch, laterMs: fc.constantFrom(0, 1, 99, 100, 250) }), {
  minLength: 1,
  maxLength: 6,
});

class Twin {
  readonly core: Core;

  constructor(build: Build) {
    this.core = new Core(build, 64);
    for (const config of OVERLAYS) {
      const overlay = this.core.overlay(config);
      for (const mac of HERE) this.core.vnic(overlay, mac);
      this.core.remote(overlay, FAR[0], { ip: ENDPOINTS[0], port: 4789 });
      this.core.remote(overlay, FAR[1], { ip: ENDPOINTS[2], port: 4789 });
    }
  }

  /** The datagrams of a batch, so many a pass. */
  take(received: readonly Received[], together: number): Output[] {
    const outputs: Output[] = [];
    for (let start = 0; start < received.length; start += together) {
      const some = received.slice(start, start + together);
      const from = some.map(({ outer }) => outer);
      outputs.push(...this.core.decap(some.map(bytesOf), { from }));
    }
    return outputs;
  }

  /** All that is left to be seen. */
  seen(): unknown {
    const { core } = this;
    core.checkBooks();
    const entries = OVERLAYS.map((_, index) => [...HERE, ...FAR].map((mac) => core.fdb.get(index + 1, mac)));
    const overlays = OVERLAYS.map((_, index) => core.counters.overlay(index + 1));
    const senders = [ENDPOINTS[0], ENDPOINTS[2]].map((ip) =>
      core.counters.endpoint(core.endpoints.intern({ ip, port: 4789 }, OVERLAY.socket)),
    );
    const vnics = Array.from({ length: OVERLAYS.length * HERE.length }, (_, index) => core.counters.vnic(index + 1));
    return {
      upcalls: core.upcalls(),
      totals: core.counters.totals(),
      nobodys: core.counters.overlay(0),
      overlays,
      senders,
      others: core.counters.otherSenders(),
      vnics,
      entries,
    };
  }
}

function bytesOf({ vni, to, from, flags, reserved, tags, cutTo, length }: Received): Buffer {
  const inner = frame(to, from, { tags, payload: Buffer.alloc(length, 0x5a) });
  return datagram(vni, inner, { flags, reserved }).subarray(0, cutTo ?? undefined);
}

for (const build of BUILDS) {
  test(`${build}: a batch of datagrams comes to the same as one datagram a pass`, () => {
    fc.assert(
      fc.property(steps, (all) => {
        const batches = new Twin(build);
        const slow = new Twin(build);
        for (const { batch: received, laterMs } of all) {
          for (const { core } of [batches, slow]) core.nowMs += laterMs;
          assert.deepEqual(batches.take(received, received.length), slow.take(received, 1));
        }
        assert.deepEqual(batches.seen(), slow.seen());
      }),
      { numRuns: RUNS },
    );
  });
}

// Each stands behind the end of the one before, where there is no room for the virtio_net_hdr that a TAP wants.
for (const build of BUILDS) {
  test(`datagrams of one message that are no super-frame are delivered as they are, in the ${build} build`, () => {
    const core = new Core(build);
    const overlay = core.overlay({ vni: 23 });
    for (const mac of HERE) core.vnic(overlay, mac);
    const frames = Array.from({ length: 6 }, (_, n) =>
      frame(HERE[n % 2]!, FAR[0], { payload: Buffer.alloc(46, n + 1) }),
    );
    const message = Buffer.concat(frames.map((inner) => datagram(23, inner)));
    for (let time = 0; time < 2; time++) {
      const outputs = core.decap([message], { joined: message.length / frames.length, from: ENDPOINTS[0] });
      assert.deepEqual(
        outputs.map((output) => 'frame' in output && Buffer.from(output.frame).toString('hex')),
        frames.map((inner) => inner.toString('hex')),
      );
    }
    core.checkBooks();
  });
}

const MACS = Array.from({ length: 40 }, (_, n) => `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`);
const changes = fc.array(
  fc.record({ mac: fc.constantFrom(...MACS), where: fc.constantFrom('first', 'second', 'elsewhere', 'nowhere') }),
  { maxLength: 60 },
);

// Where a MAC was found is noted, and looked at first. So entries come, go and change in a table that they nearly fill,
// where each takes the place of another.
for (const build of BUILDS) {
  test(`${build}: a frame goes to the VNIC that the FDB names now, wherever its entry stood before`, () => {
    fc.assert(
      fc.property(fc.array(changes, { minLength: 2, maxLength: 8 }), (all) => {
        const core = new Core(build, 64);
        const overlay = core.overlay({ vni: 23 });
        const vnics = { first: core.vnic(overlay, HERE[0]), second: core.vnic(overlay, HERE[1]) };
        const known = new Map<string, number>();
        for (const some of all) {
          for (const { mac, where } of some) {
            core.fdb.remove(overlay, mac);
            known.delete(mac);
            if (where === 'elsewhere') core.remote(overlay, mac, { ip: ENDPOINTS[0], port: 4789 });
            if (where !== 'first' && where !== 'second') continue;
            core.put(overlay, mac, { kind: 'local', vnic: vnics[where] }, true);
            known.set(mac, vnics[where]);
          }
          const datagrams = MACS.map((mac) => datagram(23, frame(mac, FAR[0], { payload: Buffer.alloc(46) })));
          assert.deepEqual(
            core.decap(datagrams, { from: ENDPOINTS[0] }).map((output) => 'vnic' in output && output.vnic),
            MACS.flatMap((mac) => known.get(mac) ?? []),
          );
        }
      }),
      { numRuns: RUNS },
    );
  });
}
