// Coalescing of random mixtures: flows that look alike, interleaved, with everything that may happen to them. Whatever
// is joined, cutting it again gives the frames that came, no flow is crossed and none is put out of order.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { slowChecksum, withBytes } from '../support/bytes.js';
import { flows, payloadOf } from '../support/flows.js';
import { coalesceList, type Entry, LIST_PAGES, type Written } from '../support/list.js';
import { forEachBuild } from '../support/module.js';
import { splitSuperFrame } from '../support/split.js';
import {
  ACK,
  buildFrame,
  CWR,
  concat,
  FIN,
  type Flow,
  l3Of,
  l4Of,
  PSH,
  RST,
  SYN,
  TCP,
  URG,
} from '../support/super-frames.js';

const SIZE = 120;
/** Frames whose flow cannot be told: nothing of their VNIC may pass them. */
const ANY = -1;
/** Frames of no TCP or UDP flow: they may pass and be passed. */
const NONE = -2;

interface Arrival extends Entry {
  /** Which flow it belongs to, ANY or NONE. */
  readonly flow: number;
}

const PLAIN = ['next', 'next', 'next', 'next', 'next', 'next', 'next', 'padded', 'sameId'] as const;
const ENDS = ['short', 'push', 'fin'] as const;
const GAPS = ['lost', 'again', 'reordered', 'idJump'] as const;
const CHANGES = ['ttl', 'tos', 'window', 'ack', 'tcpOptions', 'df', 'macs', 'tag', 'flowLabel', 'long'] as const;
const ALONE = ['syn', 'rst', 'urg', 'cwr', 'empty', 'badSum', 'badIp', 'noSum', 'badLength', 'group', 'super'] as const;
const STRANGE = ['fragment', 'ipOptions', 'cutOff', 'arp', 'icmp'] as const;
type Event = (typeof PLAIN | typeof ENDS | typeof GAPS | typeof CHANGES | typeof ALONE | typeof STRANGE)[number];

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<Event>(...PLAIN) },
  { weight: 2, arbitrary: fc.constantFrom<Event>(...ENDS) },
  { weight: 2, arbitrary: fc.constantFrom<Event>(...GAPS) },
  { weight: 2, arbitrary: fc.constantFrom<Event>(...CHANGES) },
  { weight: 1, arbitrary: fc.constantFrom<Event>(...ALONE) },
  { weight: 1, arbitrary: fc.constantFrom<Event>(...STRANGE) },
);

/** Flows that differ from the first one in one thing each, as [VNIC, flow]. */
function family(first: Flow, second: Flow): [number, Flow][] {
  const protocol = first.protocol === TCP ? 17 : TCP;
  const swapped: [number, number] = [first.ports[1], first.ports[0]];
  const address = withBytes(first.addresses, first.addresses.length - 1, first.addresses.at(-1)! ^ 1);
  return [
    [1, first],
    [2, first],
    [1, { ...first, ports: swapped[0] === swapped[1] ? [swapped[0], swapped[1] ^ 1] : swapped }],
    [1, { ...first, addresses: address }],
    [1, { ...first, protocol } as Flow],
    [1, second],
  ];
}

/** What the flow is like when its next frame comes. */
interface State {
  flow: Flow;
  /** Offset of the next payload byte of the stream. */
  sent: number;
}

const flags = (flow: Flow, more: number): Flow => ({ ...flow, flags: ACK | more });
const change = (bytes: Uint8Array): Uint8Array =>
  bytes.length === 0 ? new Uint8Array(4).fill(1) : withBytes(bytes, bytes.length - 1, bytes.at(-1)! ^ 1);

const EDITS: Partial<Record<Event, (flow: Flow) => Flow>> = {
  push: (flow) => flags(flow, PSH),
  fin: (flow) => flags(flow, FIN),
  syn: (flow) => flags(flow, SYN),
  rst: (flow) => flags(flow, RST),
  urg: (flow) => flags(flow, URG),
  cwr: (flow) => flags(flow, CWR),
  ttl: (flow) => ({ ...flow, ttl: flow.ttl ^ 1 }),
  tos: (flow) => ({ ...flow, tos: flow.tos ^ 3 }),
  window: (flow) => ({ ...flow, window: flow.window ^ 1 }),
  ack: (flow) => ({ ...flow, ack: (flow.ack ^ 1) >>> 0 }),
  df: (flow) => ({ ...flow, df: !flow.df }),
  flowLabel: (flow) => ({ ...flow, flowLabel: flow.flowLabel ^ 1 }),
  tcpOptions: (flow) => ({ ...flow, tcpOptions: change(flow.tcpOptions) }),
  macs: (flow) => ({ ...flow, macs: change(flow.macs) }),
  tag: (flow) => ({ ...flow, tags: flow.tags.length > 0 ? [] : [0x8100_0001] }),
  group: (flow) => ({ ...flow, macs: withBytes(flow.macs, 0, flow.macs[0]! | 1) }),
  idJump: (flow) => ({ ...flow, id: (flow.id + 100) & 0xffff }),
  lost: (flow) => ({ ...flow, seq: (flow.seq + SIZE) >>> 0 }),
  again: (flow) => ({ ...flow, seq: (flow.seq - SIZE) >>> 0 }),
  reordered: (flow) => ({ ...flow, seq: (flow.seq + 5 * SIZE) >>> 0 }),
  ipOptions: (flow) => ({
    ...flow,
    ipOptions: flow.version === 4 ? new Uint8Array(8).fill(1) : Uint8Array.of(flow.protocol, 0, 1, 4, 0, 0, 0, 0),
  }),
};
/** Edits that hold for all later frames as well: a connection that goes on like that. */
const LASTING: readonly Event[] = [
  'ttl',
  'tos',
  'window',
  'ack',
  'df',
  'flowLabel',
  'tcpOptions',
  'macs',
  'tag',
  'idJump',
];

/** The frame that an event makes of a flow, which goes on from there. */
function arrival(index: number, vnic: number, state: State, event: Event): Arrival {
  const edited = EDITS[event]?.(state.flow) ?? state.flow;
  if (LASTING.includes(event)) state.flow = edited;
  const length = event === 'short' ? 33 : event === 'empty' ? 0 : event === 'long' ? SIZE + 20 : SIZE;
  const frame = damaged(edited, buildFrame(edited, payloadOf(length, state.sent + index)), event);
  const seq = (state.flow.seq + length) >>> 0;
  state.flow = { ...state.flow, seq, id: event === 'sameId' ? state.flow.id : (state.flow.id + 1) & 0xffff };
  state.sent += length;
  const untold = event === 'fragment' || event === 'ipOptions' || event === 'cutOff';
  const flow = untold ? ANY : event === 'arp' || event === 'icmp' ? NONE : index;
  return event === 'super' ? { vnic, frame, flow, vnet: new Uint8Array(10).fill(1, 0, 1) } : { vnic, frame, flow };
}

function damaged(flow: Flow, frame: Uint8Array, event: Event): Uint8Array {
  const l3 = l3Of(flow);
  const l4 = l4Of(flow);
  const flip = (at: number): Uint8Array => withBytes(frame, at, frame[at]! ^ 0x10);
  if (event === 'padded') return concat(frame, new Uint8Array(11).fill(0xee));
  if (event === 'badSum') return flip(frame.length - 1);
  if (event === 'badIp') return flow.version === 4 ? flip(l3 + 10) : flip(frame.length - 1);
  if (event === 'noSum') return withBytes(frame, l4 + (flow.protocol === TCP ? 16 : 6), 0, 0);
  if (event === 'badLength') return flow.protocol === TCP ? flip(frame.length - 1) : flip(l4 + 5);
  if (event === 'fragment') return flow.version === 4 ? withBytes(frame, l3 + 6, 0x20) : withBytes(frame, l3 + 6, 44);
  if (event === 'cutOff') return frame.slice(0, l4 + 10);
  if (event === 'arp') return withBytes(frame, l3 - 2, 0x08, 0x06);
  if (event === 'icmp') return flow.version === 4 ? withBytes(frame, l3 + 9, 1) : withBytes(frame, l3 + 6, 58);
  return frame;
}

const mixtures: fc.Arbitrary<Arrival[]> = fc
  .tuple(
    flows(true),
    flows(true),
    fc.array(fc.tuple(fc.nat({ max: 5 }), fc.integer({ min: 1, max: 6 }), events), { maxLength: 30 }),
  )
  .map(([first, second, steps]) => {
    const kin = family(flags(first, 0), flags(second, 0));
    const states = kin.map(([, flow]) => ({ flow, sent: 0 }));
    return steps.flatMap(([index, times, event]) =>
      Array.from({ length: times }, (_, nth) =>
        arrival(index, kin[index]![0], states[index]!, nth === times - 1 ? event : 'next'),
      ),
    );
  });

/** Equal, or equal but for the id of an IPv4 datagram with DF, whose id says nothing (RFC 6864). */
function assertSame(made: Uint8Array, came: Uint8Array): void {
  if (Buffer.from(made).equals(Buffer.from(came))) return;
  const withoutId = (frame: Uint8Array): Uint8Array => {
    let l3 = 14;
    while (((frame[l3 - 2]! << 8) | frame[l3 - 1]!) !== 0x0800) l3 += 4;
    assert.ok(frame[l3 + 6]! & 0x40, 'DF');
    assert.equal(slowChecksum(frame.slice(l3, l3 + 20)), 0);
    return withBytes(withBytes(frame, l3 + 4, 0, 0), l3 + 10, 0, 0);
  };
  assert.deepEqual(withoutId(made), withoutId(came));
}

/** A frame as it can come out of a super-frame: without what follows the IP payload. */
function trimmed(frame: Uint8Array, like: Uint8Array): Uint8Array {
  return frame.slice(0, Math.min(frame.length, like.length));
}

/** Cuts what was written again and compares it with what came. */
function assertTrue(arrivals: readonly Arrival[], { entries, vnet, vnic, bytes }: Written): void {
  const [head] = entries;
  for (const index of entries) assert.equal(arrivals[index]!.vnic, vnic);
  if (entries.length === 1) {
    assert.deepEqual(bytes, arrivals[head!]!.frame, 'alone: unchanged');
    assert.deepEqual(vnet, arrivals[head!]!.vnet ?? new Uint8Array(10));
    return;
  }
  assert.ok(arrivals[head!]!.flow >= 0);
  for (const index of entries) assert.equal(arrivals[index]!.flow, arrivals[head!]!.flow, 'one flow');
  const cut = splitSuperFrame(bytes, vnet);
  assert.equal(cut.length, entries.length);
  for (const [nth, index] of entries.entries()) assertSame(cut[nth]!, trimmed(arrivals[index]!.frame, cut[nth]!));
}

/** Two frames of which the later may not overtake the earlier. */
function mayNotPass(a: Arrival, b: Arrival): boolean {
  if (a.vnic !== b.vnic || a.flow === NONE || b.flow === NONE) return false;
  return a.flow === b.flow || a.flow === ANY || b.flow === ANY;
}

await forEachBuild((build, m) => {
  describe(`coalescing mixtures, ${build} build`, () => {
    test('every frame leaves once, in its own flow, in order, and as it came', () => {
      let joined = 0;
      fc.assert(
        fc.property(mixtures, (arrivals) => {
          const written = coalesceList(m, arrivals);
          const order = written.flatMap(({ entries }) => entries);
          assert.deepEqual(
            [...order].sort((a, b) => a - b),
            [...arrivals.keys()],
            'each once',
          );
          for (const one of written) assertTrue(arrivals, one);
          for (const [place, index] of order.entries()) {
            for (const later of order.slice(place + 1)) {
              assert.ok(later > index || !mayNotPass(arrivals[later]!, arrivals[index]!), `${index} before ${later}`);
            }
          }
          joined += arrivals.length - written.length;
        }),
        { numRuns: 300 },
      );
      assert.ok(joined > 2000, `only ${joined} frames were joined: the mixtures show nothing`);
    });

    test('any bytes at all: nothing outside a frame is read or written, and what is joined can be cut', () => {
      const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 70 }), fc.nat({ max: 255 })), { maxLength: 6 });
      fc.assert(
        fc.property(mixtures, edits, (arrivals, list) => {
          const entries: Entry[] = arrivals.map(({ vnic, frame }) => ({ vnic, frame: frame.slice() }));
          for (const [index, at, value] of list) {
            const frame = entries[index % Math.max(1, entries.length)]?.frame;
            if (frame !== undefined && at < frame.length) frame[at] = value;
          }
          for (const { entries: members, bytes, vnet } of coalesceList(m, entries)) {
            if (members.length === 1) assert.deepEqual(bytes, entries[members[0]!]!.frame);
            else assert.equal(splitSuperFrame(bytes, vnet).length, members.length);
          }
        }),
      );
    });
  });
}, LIST_PAGES);
