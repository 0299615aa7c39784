// Frames that are taken in batches beside the same frames one by one, which is a slow twin: whatever the FDB says, and
// whatever is held, flooded, answered or malformed meanwhile, each destination gets the same in the same order by the
// same source port, and the books are the same. Where the twin's VNIC has a limit, which no frame meets, it takes all
// steps of encap with every frame.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UNLIMITED } from '../../src/rate-limits.js';
import { BUILDS, type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { flows, payloadOf } from '../support/flows.js';
import { arp, BROADCAST, frame } from '../support/frames.js';
import { SOURCES } from '../support/outputs.js';
import { buildFrame, concat } from '../support/super-frames.js';

const OWN = 'de:ad:be:ef:00:00';
const OTHER = 'de:ad:be:ef:00:01';
const MACS = Array.from({ length: 12 }, (_, n) => `de:ad:be:ef:01:${n.toString(16).padStart(2, '0')}`);
const ENDPOINTS = ['10.0.0.1', '10.0.0.2', 'fd00::1'].map((ip) => ({ ip, port: 4789 }));
const FLOOD = { endpoints: ENDPOINTS.slice(0, 2), unknown: true };
const OVERLAYS = {
  plain: {},
  segmenting: { segment: true },
  stripping: { vlan: 'strip', segment: true },
  discarding: { vlan: 'discard' },
  flooding: { lookup: false, flood: FLOOD, segment: true },
  point: { lookup: false, point: ENDPOINTS[0]! },
} as const;
type OverlayName = keyof typeof OVERLAYS;

type Step =
  | { readonly do: 'send'; readonly frames: readonly Buffer[] }
  | { readonly do: 'remote'; readonly mac: string; readonly endpoint: number }
  | { readonly do: 'refuse' | 'remove'; readonly mac: string }
  | { readonly do: 'wait'; readonly ms: number };

const mac = fc.constantFrom(...MACS);
const unicast = fc
  .record({
    to: fc.oneof({ weight: 8, arbitrary: mac }, fc.constantFrom(OWN, OTHER)),
    from: fc.oneof({ weight: 20, arbitrary: fc.constant(OWN) }, fc.constantFrom(OTHER, BROADCAST)),
    size: fc.constantFrom(0, 46, 46, 46, 100, 1386, 1386),
    tags: fc.constantFrom([], [], [], [], [7], [7, 8], [7, 8, 9]),
  })
  .map(({ to, from, size, tags }) => frame(to, from, { payload: Buffer.alloc(size, size), tags }));
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
/** TCP and UDP in IPv4 and IPv6, with options, fragments of nothing, TOS and tags. */
const flow = fc
  .record({ to: mac, flow: flows(), length: fc.constantFrom(1, 20, 20, 300) })
  .map(({ to, flow, length }) =>
    Buffer.from(buildFrame({ ...flow, macs: concat(bytesOf(to), bytesOf(OWN)) }, payloadOf(length, length))),
  );
const group = fc.constantFrom(
  frame(BROADCAST, OWN),
  frame('01:00:5e:00:00:fb', OWN, { etherType: 0x0800 }),
  frame(BROADCAST, OWN, { etherType: 0x0806, payload: arp(1, OWN, '10.0.0.1', '10.0.0.2') }),
);
const runt = fc.nat(13).map((length) => Buffer.alloc(length, 2));
const sent = fc.oneof(
  { weight: 15, arbitrary: unicast },
  { weight: 15, arbitrary: flow },
  { weight: 2, arbitrary: group },
  runt,
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send'), frames: fc.array(sent, { maxLength: 64 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('remote'), mac, endpoint: fc.nat(ENDPOINTS.length - 1) }) },
  fc.record({ do: fc.constantFrom('refuse', 'remove'), mac }),
  fc.record({ do: fc.constant('wait'), ms: fc.nat(2000) }),
);

/** What each destination got by each source port, in order. */
function byDestination(outputs: readonly Output[]): Record<string, string[]> {
  const all: Record<string, string[]> = {};
  for (const output of outputs) {
    const [to, bytes] =
      'to' in output ? [`${output.to} by ${output.source}`, output.datagram] : [`VNIC ${output.vnic}`, output.frame];
    all[to] ??= [];
    all[to].push(bytes.toString('hex'));
  }
  return all;
}

/** How frames are taken: at most `size` at once. */
interface Way {
  readonly size: number;
  readonly isLimited?: boolean;
}

/** Everything that comes out of a datapath, and its books. */
function run(build: Build, name: OverlayName, sources: number, steps: readonly Step[], way: Way): unknown {
  const core = new Core(build, 64);
  const ports = SOURCES.slice(0, sources);
  const socket = sources === 1 ? OVERLAY.socket : core.tables.addSocket({ listeners: [3], sources: [ports] });
  const overlay = core.overlay({ ...OVERLAYS[name], socket });
  const vnic = core.vnic(overlay, OWN);
  if (way.isLimited) core.tables.setVnicLimits(vnic, { ...UNLIMITED, ratePps: 1e9 });
  core.vnic(overlay, OTHER);
  const outputs = steps.map((one) => byDestination(takeStep(core, overlay, vnic, one, way.size)));
  core.checkBooks();
  const upcalls = core.upcalls().map((upcall) => (upcall.kind === 'miss' ? `miss ${upcall.mac}` : upcall.kind));
  return { outputs, upcalls, totals: core.counters.totals(), drops: core.counters.drops() };
}

function takeStep(core: Core, overlay: number, vnic: number, one: Step, size: number): Output[] {
  if (one.do === 'remote') core.remote(overlay, one.mac, ENDPOINTS[one.endpoint]!);
  else if (one.do === 'refuse') core.put(overlay, one.mac, { kind: 'drop', reason: 'no_such_mac' });
  else if (one.do === 'remove') core.fdb.remove(overlay, one.mac);
  else if (one.do === 'wait') core.nowMs += one.ms;
  if (one.do !== 'send') return core.turn();
  const batches = Array.from({ length: Math.ceil(one.frames.length / size) }, (_, n) =>
    one.frames.slice(n * size, (n + 1) * size),
  );
  return batches.flatMap((batch) => core.encap(vnic, batch));
}

for (const build of BUILDS) {
  test(`${build}: a batch of frames comes to what its frames come to one by one`, () => {
    const name = fc.constantFrom(...(Object.keys(OVERLAYS) as OverlayName[]));
    const sources = fc.constantFrom(1, SOURCES.length);
    const size = fc.integer({ min: 2, max: 64 });
    fc.assert(
      fc.property(name, sources, fc.array(step, { maxLength: 12 }), size, fc.boolean(), (overlay, ...rest) => {
        const [ports, steps, most, isLimited] = rest;
        const twin = run(build, overlay, ports, steps, { size: 1, isLimited });
        assert.deepEqual(run(build, overlay, ports, steps, { size: most }), twin);
      }),
      { numRuns: build === 'debug' ? 60 : 200 },
    );
  });
}
