// Flooding: who gets a copy of what a VNIC sends, that every copy is counted, and that a list is never changed under a
// worker.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FLOOD_MAX, Inject, VNICS_MAX } from '../../assembly/layout.js';
import { type Endpoint, formatEndpoint } from '../../src/address.js';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { BUILDS, type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { cuts, flows, payloadOf } from '../support/flows.js';
import { arp, BROADCAST, datagram, frame } from '../support/frames.js';
import { turnsOfCopies } from '../support/replicas.js';
import { buildFrame, headerLengthOf, segmentsOf, vnetOf } from '../support/super-frames.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const FAR = '02:00:00:00:00:0c';
const UNKNOWN = '02:00:00:00:00:0d';
const GROUP = '01:00:5e:00:00:fb';
const FRAME_BYTES_MAX = 9000;
const NO_PROXIES = { proxyArp: false, proxyNdp: false, proxyDhcp: false } as const;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Unicast and multicast. */
const endpointsOf = (count: number, first = 0): Endpoint[] =>
  Array.from({ length: count }, (_, n) => {
    const low = `${(n + first) >> 8}.${(n + first) & 0xff}`;
    return { ip: n % 5 === 4 ? `239.1.${low}` : `10.1.${low}`, port: 4789 };
  });

const floodTo = (endpoints: readonly Endpoint[], unknown = false): Partial<OverlayConfig> => ({
  flood: { endpoints, unknown },
  lookup: !unknown,
});

function setUp(build: Build, config: Partial<OverlayConfig>): { core: Core; overlay: number; a: number; b: number } {
  const core = new Core(build);
  const overlay = core.overlay(config);
  return { core, overlay, a: core.vnic(overlay, A), b: core.vnic(overlay, B) };
}

/** One frame to each endpoint, in the order of the list. */
const copies = (endpoints: readonly Endpoint[], sent: Uint8Array): Output[] =>
  endpoints.map((endpoint) => ({ to: formatEndpoint(endpoint), datagram: datagram(OVERLAY.vni, sent) }));

const arpFrame = (spa: string, tpa: string): Buffer =>
  frame(BROADCAST, A, { etherType: 0x0806, payload: arp(1, A, spa, tpa) });

for (const build of BUILDS) {
  describe(`flooding in the ${build} build`, () => {
    const three = endpointsOf(3);

    for (const [name, group] of [
      ['broadcast', BROADCAST],
      ['multicast', GROUP],
    ] as const) {
      it(`${name} reaches every other VNIC, and then every endpoint once`, () => {
        const { core, a, b } = setUp(build, floodTo(three));
        const sent = frame(group, A);
        assert.deepEqual(core.encap(a, [sent]), [{ vnic: b, frame: sent }, ...copies(three, sent)]);
        assert.equal(core.counters.totals().copies, 3);
        assert.deepEqual(core.counters.drops(), {});
        core.checkBooks();
      });
    }

    it('a proxy comes first, but only for what it takes', () => {
      const request = arpFrame('10.0.0.1', '10.0.0.2');
      const proxied = setUp(build, floodTo(three));
      assert.deepEqual(proxied.core.encap(proxied.a, [request]), [{ vnic: proxied.b, frame: request }]);
      assert.deepEqual(
        proxied.core.upcalls().map(({ kind }) => kind),
        ['arp'],
      );
      const plain = setUp(build, { ...floodTo(three), ...NO_PROXIES });
      assert.deepEqual(plain.core.encap(plain.a, [request]), [
        { vnic: plain.b, frame: request },
        ...copies(three, request),
      ]);
      assert.deepEqual(plain.core.upcalls(), []);
    });

    it('an announcement is flooded past the proxy, which has no use for it; malformed ARP is not', () => {
      const announcement = arpFrame('10.0.0.1', '10.0.0.1');
      const malformed = frame(BROADCAST, A, { etherType: 0x0806 });
      const { core, a, b } = setUp(build, floodTo(three));
      assert.deepEqual(core.encap(a, [announcement, malformed]), [
        { vnic: b, frame: announcement },
        ...copies(three, announcement),
        { vnic: b, frame: malformed },
      ]);
      assert.deepEqual(core.counters.drops(), { bad_arp: 1 });
      const alone = setUp(build, { flood: null });
      alone.core.encap(alone.a, [announcement]);
      assert.deepEqual(alone.core.counters.drops(), { arp_gratuitous: 1 });
    });

    for (const [name, config] of [
      ['no list', { flood: null }],
      ['an empty list', floodTo([])],
    ] as const) {
      it(`with ${name} broadcast drops as no_flood_list`, () => {
        const { core, a } = setUp(build, config);
        core.encap(a, [frame(BROADCAST, A)]);
        assert.deepEqual(core.counters.drops(), { no_flood_list: 1 });
        core.checkBooks();
      });
    }

    it('unknown unicast goes to the list and to no VNIC, is not held and not asked; known unicast goes its way', () => {
      const { core, overlay, a } = setUp(build, floodTo(three, true));
      const unknown = frame(UNKNOWN, A);
      assert.deepEqual(core.encap(a, [unknown]), copies(three, unknown));
      assert.deepEqual(core.upcalls(), []);
      core.remote(overlay, FAR, { ip: '10.9.9.9', port: 4789 });
      assert.equal(core.encap(a, [frame(FAR, A)]).length, 1);
      core.put(overlay, UNKNOWN, { kind: 'drop', reason: 'no_such_mac' });
      assert.deepEqual(core.encap(a, [unknown]), []);
      assert.deepEqual(core.counters.drops(), { no_such_mac: 1 });
      core.checkBooks();
    });

    it('unknown unicast with an empty list drops as no_flood_list; without `unknown` it is asked for', () => {
      const empty = setUp(build, floodTo([], true));
      empty.core.encap(empty.a, [frame(UNKNOWN, A)]);
      assert.deepEqual(empty.core.counters.drops(), { no_flood_list: 1 });
      const asking = setUp(build, floodTo(three));
      assert.deepEqual(asking.core.encap(asking.a, [frame(UNKNOWN, A)]), []);
      assert.deepEqual(
        asking.core.upcalls().map(({ kind }) => kind),
        ['miss'],
      );
    });

    it('what waits for an answer is flooded once the overlay floods unknown unicast', () => {
      const { core, overlay, a } = setUp(build, floodTo(three));
      const held = frame(UNKNOWN, A);
      assert.deepEqual(core.encap(a, [held]), []);
      core.setOverlay(overlay, floodTo(three, true));
      assert.deepEqual(core.turn(), copies(three, held));
      assert.equal(core.counters.totals().held, 0);
      core.checkBooks();
    });

    it('a frame the host floods goes to the list alone, whatever it is', () => {
      const { core, overlay, a } = setUp(build, floodTo(three));
      const request = arpFrame('10.0.0.1', '10.0.0.2');
      assert.ok(core.rings.inject(Inject.flood, overlay, a, request));
      assert.deepEqual(core.turn(), copies(three, request));
      assert.deepEqual(core.upcalls(), []);
      core.setOverlay(overlay, { flood: null });
      core.rings.inject(Inject.flood, overlay, a, request);
      assert.deepEqual(core.turn(), []);
      core.tables.removeOverlay(overlay);
      core.rings.inject(Inject.flood, overlay, a, request);
      assert.deepEqual(core.turn(), []);
      assert.deepEqual(core.counters.drops(), { no_flood_list: 1, overlay_gone: 1 });
      core.checkBooks();
    });

    it('nothing that came from the underlay goes back there', () => {
      const { core, a, b } = setUp(build, floodTo(three, true));
      const [group, unknown] = [frame(BROADCAST, FAR), frame(UNKNOWN, FAR)];
      assert.deepEqual(core.decap([datagram(OVERLAY.vni, group), datagram(OVERLAY.vni, unknown)]), [
        { vnic: b, frame: group },
        { vnic: a, frame: group },
      ]);
      assert.deepEqual(core.counters.drops(), { no_local_port: 1 });
      core.checkBooks();
    });

    for (const segment of [true, false]) {
      it(`a super-frame of 64 KiB reaches ${FLOOD_MAX} endpoints whole, segment: ${segment}`, () => {
        const { core, a } = setUp(build, { ...floodTo(endpointsOf(FLOOD_MAX), true), segment });
        const flow = fc.sample(flows(true), { numRuns: 1, seed: 7 })[0]!;
        const named = { ...flow, macs: Buffer.from((UNKNOWN + A).replaceAll(':', ''), 'hex') };
        const payload = payloadOf(65_535 - headerLengthOf(named), 1);
        const size = 1400;
        const outputs = core.encap(a, [buildFrame(named, payload, true)], [vnetOf(named, size)]);
        const expected = segmentsOf(named, payload, size).map((one) => hex(datagram(OVERLAY.vni, one)));
        for (const [n, endpoint] of endpointsOf(FLOOD_MAX).entries()) {
          const to = formatEndpoint(endpoint);
          const sent = outputs.slice(n * expected.length, (n + 1) * expected.length);
          const isRight = (output: Output, index: number): boolean =>
            'to' in output && output.to === to && hex(output.datagram) === expected[index];
          assert.ok(sent.length === expected.length && sent.every(isRight), to);
        }
        assert.equal(core.counters.totals().copies, (FLOOD_MAX - 1) * expected.length);
        core.checkBooks();
      });
    }

    it('the longest list and as many VNICs as there can be fit the output list, batch after batch', () => {
      const core = new Core(build, 4096);
      const overlay = core.overlay(floodTo(endpointsOf(FLOOD_MAX)));
      const macOf = (n: number): string => `02:00:00:01:${(n >> 8).toString(16).padStart(2, '0')}:${hex(Buffer.of(n))}`;
      const vnics = Array.from({ length: VNICS_MAX - 1 }, (_, n) => core.vnic(overlay, macOf(n)));
      const sent = Array.from({ length: 4 }, (_, n) => frame(BROADCAST, macOf(0), { payload: Buffer.alloc(46, n) }));
      const outputs = [...core.encap(vnics[0]!, sent), ...turnsOfCopies(core)];
      assert.equal(outputs.length, sent.length * (vnics.length - 1 + FLOOD_MAX));
      const datagrams = outputs.flatMap((output) => ('to' in output ? [output.datagram] : []));
      assert.deepEqual(
        datagrams,
        sent.flatMap((one) => Array.from({ length: FLOOD_MAX }, () => datagram(OVERLAY.vni, one))),
      );
      core.checkBooks();
    });

    it('any mix of frames, lists and offloads: everyone gets what the slow twin says, and the books balance', () => {
      const kinds = fc.constantFrom(BROADCAST, GROUP, UNKNOWN, FAR, B);
      const sends = fc.array(fc.tuple(kinds, flows(), cuts, fc.boolean()), { minLength: 1, maxLength: 8 });
      const property = fc.property(fc.nat(40), fc.boolean(), fc.boolean(), sends, (count, unknown, segment, list) => {
        const endpoints = endpointsOf(count);
        const { core, overlay, a, b } = setUp(build, { ...floodTo(endpoints, unknown), ...NO_PROXIES, segment });
        core.remote(overlay, FAR, { ip: '10.9.9.9', port: 4789 });
        const twin = new Map<string, string[]>();
        const expect = (to: string, frames: readonly Uint8Array[]): void => {
          twin.set(to, [...(twin.get(to) ?? []), ...frames.map((one) => hex(datagram(OVERLAY.vni, one)))]);
        };
        let delivered = 0;
        for (const [to, any, cut, isSuper] of list) {
          const flow = { ...any, macs: Buffer.from((to + A).replaceAll(':', ''), 'hex') };
          const length = isSuper ? cut.length : Math.min(cut.length, 1400);
          const fits = headerLengthOf(flow) + cut.size <= FRAME_BYTES_MAX && headerLengthOf(flow) + length <= 65_535;
          if (!fits || length === 0) continue;
          const payload = payloadOf(length, 3);
          const frames = isSuper ? segmentsOf(flow, payload, cut.size) : [buildFrame(flow, payload)];
          const isMulticast = to === BROADCAST || to === GROUP;
          if (to === FAR) expect('10.9.9.9:4789', frames);
          if (isMulticast || (to === UNKNOWN && unknown))
            for (const each of endpoints) expect(formatEndpoint(each), frames);
          if (isMulticast || to === B) delivered += frames.length;
          const vnet = isSuper ? [vnetOf(flow, cut.size)] : [];
          for (const output of core.encap(a, [buildFrame(flow, payload, isSuper)], vnet)) {
            if ('vnic' in output) assert.equal(output.vnic, b);
            else assert.equal(hex(output.datagram), twin.get(output.to)?.shift());
          }
        }
        assert.deepEqual([...twin.values()].flat(), [], 'not sent');
        assert.equal(core.counters.totals().delivered, delivered);
        core.checkBooks();
      });
      fc.assert(property, { numRuns: build === 'debug' ? 40 : 200 });
    });
  });
}
