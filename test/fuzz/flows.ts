/**
 * Frames that hang together: super-frames as a kernel makes them and runs of segments that may be joined, whole or with
 * one field wrong. Whoever checks all fields but one falls here and nowhere else.
 */

import type { Random } from '../support/random.js';
import {
  ACK,
  buildFrame,
  concat,
  type Flow,
  segmentsOf,
  TCP,
  UDP,
  type Vnet,
  vnetOf,
} from '../support/super-frames.js';

export interface Offloaded {
  readonly frame: Uint8Array;
  readonly vnet: Uint8Array;
}

const PAYLOAD = Uint8Array.from({ length: 65_536 }, (_, n) => (n * 31) & 0xff);
/** No frame may be longer, headers included: what a TAP reads in one piece. */
const SUPER_PAYLOAD_MAX = 64_000;
const NOTHING = new Uint8Array();
/** Hop-by-hop options of one padding option. */
const HOP_BY_HOP = Uint8Array.from([0, 0, 1, 4, 0, 0, 0, 0]);
/** Two NOPs and a timestamp. */
const TIMESTAMP = Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);

/** TCP or UDP between two MACs, of either family, with and without tags and options. */
export function flow(random: Random, destination: Uint8Array, source: Uint8Array): Flow {
  const version = random.pick([4, 6] as const);
  const protocol = random.pick([TCP, TCP, UDP] as const);
  const address = () => Uint8Array.from({ length: version === 4 ? 4 : 16 }, () => 1 + random.below(250));
  return {
    version,
    protocol,
    macs: concat(destination, source),
    tags: random.oneIn(6) ? [0x8100_0007] : [],
    addresses: concat(address(), address()),
    ports: [1 + random.below(4), 9],
    ttl: 64,
    tos: random.pick([0, 0, 1, 2, 3]),
    flowLabel: 0,
    df: !random.oneIn(4),
    id: random.below(65_536),
    ipOptions: version === 6 && random.oneIn(6) ? HOP_BY_HOP : NOTHING,
    seq: random.oneIn(8) ? 0xffff_ff00 : 1,
    ack: 1,
    window: 9,
    flags: ACK,
    tcpOptions: random.oneIn(2) ? TIMESTAMP : NOTHING,
  };
}

/** A super-frame as a kernel leaves it to its driver; one of its fields is wrong half of the time. */
export function superFrame(random: Random, of: Flow): Offloaded {
  const payload = PAYLOAD.subarray(0, 1 + random.below(random.oneIn(4) ? SUPER_PAYLOAD_MAX : 6000));
  const size = random.pick([1, 7, 8, 500, 1400, 1400, 1400, 9000]);
  const frame = buildFrame(of, payload, true);
  if (random.oneIn(2)) return { frame, vnet: vnetOf(of, size) };
  if (random.oneIn(2)) return { frame, vnet: vnetOf(of, size, wrongField(random)) };
  // A byte of the headers, where every one means something.
  frame[12 + random.below(70)] = random.below(256);
  return { frame, vnet: vnetOf(of, size) };
}

function wrongField(random: Random): Partial<Vnet> {
  const any = random.below(random.oneIn(2) ? 128 : 65_536);
  return random.pick<Partial<Vnet>>([
    { flags: any & 0xff },
    { gsoType: any & 0xff },
    { hdrLen: any },
    { gsoSize: any },
    { csumStart: any },
    { csumOffset: any },
  ]);
}

/** Segments of a flow one behind the other, as a sender that cannot offload makes them; now and then one is changed. */
export function segments(random: Random, of: Flow, most: number): Uint8Array[] {
  const size = 1 + random.below(1400);
  const count = 1 + random.below(most);
  const payload = PAYLOAD.subarray(0, Math.max(1, size * count - random.below(size)));
  const frames = segmentsOf(of, payload, size);
  if (random.oneIn(2)) {
    const frame = random.pick(frames);
    frame[random.below(Math.min(frame.length, 80))] = random.below(256);
  }
  return frames;
}
