// A million random and mutated frames through encap and decap, with random virtio_net_hdrs, joined datagrams, flooding,
// learning and sends that fail: no trap, and every frame accounted for.
// The debug build runs fewer, but with its asserts. VXLANE_FUZZ_SEED repeats a run, VXLANE_FUZZ_FRAMES sets its length.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import type { FdbTarget } from '../../src/datapath/types.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { datagram } from '../support/frames.js';
import * as golden from '../wire/frames.js';

const SEED = Number(process.env.VXLANE_FUZZ_SEED ?? Date.now() & 0x7fff_ffff);
const FRAMES: Record<Build, number> = {
  debug: Number(process.env.VXLANE_FUZZ_FRAMES ?? 200_000),
  release: Number(process.env.VXLANE_FUZZ_FRAMES ?? 1_000_000),
};
const BATCH = 64;
const { EAGAIN, EMSGSIZE, ENETUNREACH, EPERM, EIO } = constants.errno;
const SEND_ERRORS = [EAGAIN, EMSGSIZE, ENETUNREACH, EPERM];
const corpus = Object.values(golden).filter((value) => value instanceof Uint8Array);

/** Mulberry32: small, seeded, good enough to reach every branch. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const endpointsOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ ip: n % 3 === 0 ? `239.0.0.${n + 1}` : `10.0.1.${n + 1}`, port: 4789 }));
const SENDERS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::9', 'fd00::a'] as const;
/** Of overlays that flood: with all, and with what only RFC 7348 knows. */
const flooding = (count: number) => ({ vni: 5, learn: true, flood: { endpoints: endpointsOf(count), unknown: false } });
const FLAT = { vni: 6, lookup: false, proxyArp: false, proxyNdp: false, proxyDhcp: false, segment: true } as const;

type Random = ReturnType<typeof generator>;

const fixed = generator(1);
const NOISE = Uint8Array.from({ length: 65536 }, () => fixed(256));

/** Random bytes, mostly few, now and then more than a frame may have. */
function noise(random: Random): Uint8Array {
  const length = random(10) === 0 ? random(9400) : random(120);
  const start = random(NOISE.length - length);
  return NOISE.subarray(start, start + length);
}

/** One frame: a real one, with its addresses made to fit half of the time, then damaged in one of several ways. */
function mutant(random: Random, macs: readonly Uint8Array[]): Uint8Array {
  const base = corpus[random(corpus.length)]!;
  const bytes = Uint8Array.from(base);
  if (random(2) === 0) bytes.set(macs[random(macs.length)]!, 0);
  if (random(8) !== 0) bytes.set(macs[0]!, 6);
  const damage = random(8);
  if (damage === 0) return bytes.subarray(0, random(bytes.length + 1));
  if (damage === 1) return withTags(bytes, random);
  if (damage === 2) return noise(random);
  if (damage === 3) return Buffer.concat([bytes, noise(random)]);
  for (let flips = damage - 3; flips > 0; flips--) bytes[random(bytes.length)] = random(256);
  return bytes;
}

function withTags(bytes: Uint8Array, random: Random): Uint8Array {
  const tags = Array.from({ length: 1 + random(4) }, () => [
    random(2) ? 0x81 : 0x88,
    random(2) ? 0 : 0xa8,
    random(16),
    7,
  ]);
  return Buffer.concat([bytes.subarray(0, 12), Uint8Array.from(tags.flat()), bytes.subarray(12)]);
}

/** A virtio_net_hdr: mostly of a complete frame, else of one with work left, plausible or not. */
function vnetHeader(random: Random): Uint8Array {
  const bytes = new Uint8Array(10);
  if (random(3) !== 0) return bytes;
  const view = new DataView(bytes.buffer);
  const few = (...values: number[]): number => (random(20) === 0 ? random(65536) : values[random(values.length)]!);
  view.setUint8(0, few(0, 1, 1, 1));
  view.setUint8(1, few(0, 0, 1, 4, 5));
  view.setUint16(2, few(42, 54, 62, 66, 74), true);
  view.setUint16(4, few(0, 1, 8, 100, 1000), true);
  view.setUint16(6, few(34, 38, 54, 58), true);
  view.setUint16(8, few(6, 16), true);
  return bytes;
}

const macText = (mac: Uint8Array): string => Buffer.from(mac).toString('hex').match(/../g)!.join(':');

class Fuzz {
  readonly #core: Core;
  readonly #random: Random;
  readonly #overlays: number[];
  readonly #vnics: number[];
  readonly #macs: Uint8Array[];

  constructor(build: Build, random: Random) {
    this.#core = new Core(build, 64);
    this.#core.quiet = true;
    this.#core.answerSend = (datagrams) => {
      if (datagrams > 1 && random(20_000) === 0) return EIO; // no more UDP_SEGMENT from then on
      return random(100) === 0 ? SEND_ERRORS[random(SEND_ERRORS.length)]! : 0;
    };
    this.#random = random;
    this.#macs = Array.from({ length: 40 }, (_, n) => Uint8Array.from([2, 0, 0, 0, 0, n]));
    this.#overlays = [
      this.#core.overlay({ vni: 1, returns: true, segment: true, coalesceTcp: true, coalesceUdp: true }),
      this.#core.overlay({ vni: 2, vlan: 'strip', strictHeader: true, coalesceTcp: true, acceptPartial: true }),
      this.#core.overlay({ vni: 3, vlan: 'discard' }),
      this.#core.overlay({ vni: 4, point: { ip: '10.0.0.1', port: 4789 }, lookup: false, segment: true }),
      this.#core.overlay(flooding(3)),
      this.#core.overlay({ ...FLAT, learn: true, flood: { endpoints: endpointsOf(20), unknown: true } }),
    ];
    this.#vnics = this.#overlays.flatMap((overlay) =>
      [0, 1, 2].map((n) => this.#core.vnic(overlay, macText(this.#macs[n]!), n === 2)),
    );
  }

  run(frames: number): void {
    for (let done = 0; done < frames; done += BATCH) {
      const batch = Array.from({ length: BATCH }, () => mutant(this.#random, this.#macs));
      if (this.#random(2) === 0) this.#encap(batch);
      else this.#decap(batch.map((bytes) => this.#wrap(bytes)));
      this.#host();
    }
    this.#settle();
  }

  #encap(batch: readonly Uint8Array[]): void {
    const vnic = this.#vnics[this.#random(this.#vnics.length)]!;
    this.#core.encap(
      vnic,
      batch,
      batch.map(() => vnetHeader(this.#random)),
    );
  }

  /** One by one, or as a message says that joins datagrams of a size. */
  #decap(batch: readonly Uint8Array[]): void {
    const truncated = this.#random(100) === 0;
    const isJoined = this.#random(3) === 0;
    const from = SENDERS[this.#random(SENDERS.length)]!;
    const joined = 22 + this.#random(1500);
    this.#core.decap(batch, isJoined ? { truncated, from, joined } : { truncated, from });
  }

  #wrap(bytes: Uint8Array): Uint8Array {
    if (this.#random(50) === 0) return bytes;
    const flags = this.#random(10) === 0 ? this.#random(256) : 8;
    const whole = datagram(this.#random(8), bytes, { flags, reserved: this.#random(20) === 0 ? 1 : 0 });
    return whole.subarray(0, 9224);
  }

  /** What the daemon does meanwhile: answers, learns, forgets, injects, changes a flood list; and time goes by. */
  #host(): void {
    const core = this.#core;
    for (const upcall of core.upcalls()) {
      if (upcall.kind === 'miss') this.#answer(upcall.overlay, upcall.mac);
      else if (upcall.kind === 'learn') this.#learn(upcall.overlay, upcall.mac, upcall.ip);
      else if (upcall.kind !== 'too_long')
        core.rings.inject(1 + this.#random(3), upcall.overlay, upcall.vnic, upcall.frame);
    }
    if (this.#random(4) === 0) core.fdb.remove(this.#overlays[0]!, macText(this.#macs[3 + this.#random(37)]!));
    if (this.#random(4) === 0) core.fdb.remove(this.#overlays[5]!, macText(this.#macs[3 + this.#random(37)]!));
    const mtu = 576 + this.#random(1000);
    core.endpoints.setPathMtu(this.#random(20), this.#random(2) === 0 ? null : { mtu, isLowered: true });
    if (this.#random(20) === 0) core.setOverlay(this.#overlays[4]!, flooding(this.#random(6)));
    core.nowMs += this.#random(40);
    core.turn();
  }

  #answer(overlay: number, mac: string): void {
    const choice = this.#random(4);
    if (choice === 0) this.#core.put(overlay, mac, { kind: 'drop', reason: 'no_such_mac' });
    if (choice === 1) this.#core.remote(overlay, mac, { ip: `10.0.0.${this.#random(200)}`, port: 4789 });
    if (choice === 2) this.#core.remote(overlay, mac, { ip: 'fd00::9', port: 1 + this.#random(65535) });
  }

  #learn(overlay: number, mac: string, ip: string | null): void {
    if (this.#random(4) === 0) return;
    const { fdb, nowMs } = this.#core;
    const at = this.#overlays.indexOf(overlay);
    const target: FdbTarget =
      ip === null
        ? { kind: 'local', vnic: this.#vnics[at * 3 + 2]! }
        : { kind: 'remote', endpoint: { ip, port: 4789 } };
    assert.ok(fdb.put(overlay, mac, target, { isLearned: true }, nowMs));
  }

  #settle(): void {
    this.#core.nowMs += 10_000;
    this.#core.turn();
    this.#core.checkBooks();
    const totals = this.#core.counters.totals();
    assert.equal(totals.held, 0, 'nothing is held after every deadline has passed');
    assert.equal(totals.heldBytes, 0);
  }

  /** The drop reasons and outcomes that this run has met. */
  outcomes(): Set<string> {
    const totals = this.#core.counters.totals();
    return new Set([
      ...Object.keys(this.#core.counters.drops()),
      ...Object.keys(totals).filter((name) => totals[name]! > 0),
    ]);
  }
}

const MUST_MEET = [
  ['encapOut', 'delivered', 'upcalled', 'upcalls', 'injected', 'copies', 'learns'],
  ['truncated', 'oversized', 'bad_source', 'spoofed_source', 'bad_vlan', 'vlan_discarded', 'bad_vxlan_header'],
  ['reserved_bits', 'unknown_vni', 'hairpin', 'no_such_mac', 'no_flood_list', 'lookup_timeout'],
  ['bad_offload', 'underlay_busy', 'underlay_unreachable', 'underlay_error', 'exceeds_pmtu'],
  ['bad_arp', 'arp_gratuitous', 'bad_ndp', 'bad_dhcp', 'no_local_port'],
].flat();

for (const build of BUILDS) {
  test(`${build}: ${FRAMES[build]} random and mutated frames (seed ${SEED})`, (t) => {
    const fuzz = new Fuzz(build, generator(SEED));
    fuzz.run(FRAMES[build]);
    const outcomes = fuzz.outcomes();
    const missed = MUST_MEET.filter((name) => !outcomes.has(name));
    t.diagnostic(`seed ${SEED}, outcomes met: ${[...outcomes].sort().join(' ')}`);
    assert.deepEqual(missed, [], 'a run that never meets these tests nothing');
  });
}
