/**
 * One round of the fuzzer: a datapath of its own, with overlays of every kind, and frames from all sides, while the
 * host answers, learns, forgets and injects, sends fail, and time goes by. No trap, every frame in the books, nothing
 * written where nobody may.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { Inject } from '../../assembly/layout.js';
import { macFromNumber } from '../../src/address.js';
import type { FdbTarget, UpcallRecord } from '../../src/datapath/types.js';
import { PROTECTIONS } from '../../src/link-protection.js';
import { type Build, Core, OVERLAY } from '../support/core.js';
import { Random } from '../support/random.js';
import { concat } from '../support/super-frames.js';
import { outer, tunnelVnet } from '../support/underlay-frames.js';
import { Canaries } from './canaries.js';
import { anyVnet, damagedFrame } from './damage.js';
import { KINDS, type Kind, OTHERS, overlaysOn, portOf, socketOf, wrapIn } from './encapsulations.js';
import { flow, segments, superFrame } from './flows.js';
import { flooding, overlaysOfVxlan } from './overlays.js';
import { proxied } from './proxies.js';
import { Watcher } from './watcher.js';

const BATCH = 64;
const BATCHES = 1000;
/** Frames of one round, about: some of its batches are shorter. */
export const ROUND_FRAMES = BATCH * BATCHES;

const { EAGAIN, EMSGSIZE, ENETUNREACH, EPERM, EIO } = constants.errno;
const SEND_ERRORS = [EAGAIN, EMSGSIZE, ENETUNREACH, EPERM];
const SENDERS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::9', 'fd00::a'] as const;
const OURS = '192.0.2.1';
/** Bytes of a datagram by a socket, and by the underlay TAP, which reads super-frames whole. */
const [SOCKET_MOST, TAP_MOST] = [9224, 65_000] as const;
/** Of a datagram that the kernel has left nothing to do for. */
const NO_TUNNEL_VNET = new Uint8Array(24);
const TAP_MAC = '02:00:00:00:00:99';
const FIRST_MAC = 0x0200_0000_0000;
const MACS = Array.from({ length: 40 }, (_, n) => macFromNumber(FIRST_MAC + n));
const MAC_BYTES = MACS.map((mac) => Uint8Array.from(Buffer.from(mac.replaceAll(':', ''), 'hex')));

const OUTER_MACS = concat(MAC_BYTES[3]!, MAC_BYTES[4]!);

/** What came of a round. */
export interface Met {
  /** Drop reasons, and other outcomes. */
  readonly outcomes: readonly string[];
  /** Datagrams that arrived, on sockets and the underlay TAP. */
  readonly datagrams: number;
}

/** `only`: from the underlay comes this kind, and nothing from VNICs. Throws with the command that does it again. */
export function runRound(build: Build, seed: number, only: Kind | null = null): Met {
  try {
    const round = new Round(build, seed, only);
    round.run();
    return { outcomes: round.outcomes(), datagrams: round.datagrams };
  } catch (cause) {
    const kind = only === null ? '' : ` --encapsulation ${only}`;
    throw new Error(`npm run fuzz -- --seed ${seed} --rounds 1 --build ${build}${kind} fails`, { cause });
  }
}

class Round {
  readonly #core: Core;
  readonly #canaries: Canaries;
  readonly #random: Random;
  readonly #overlays: number[];
  readonly #vnics: number[];
  readonly #watcher: Watcher;
  /** Of the kinds that have one of their own. */
  readonly #sockets: ReadonlyMap<Kind, number>;
  readonly #only: Kind | null;
  datagrams = 0;

  /** What follows is the same for the same seed, but for the FDB's hash keys. */
  constructor(build: Build, seed: number, only: Kind | null) {
    this.#only = only;
    this.#random = new Random(seed);
    this.#core = new Core(build, 64, 3, (wasm) => wasm, 2);
    this.#canaries = new Canaries(this.#core.views.u8);
    this.#core.quiet = true;
    this.#core.answerSend = (datagrams) => {
      if (datagrams > 1 && this.#random.oneIn(20_000)) return EIO; // no more UDP_SEGMENT from then on
      return this.#random.oneIn(100) ? this.#random.pick(SEND_ERRORS) : 0;
    };
    this.#overlays = overlaysOfVxlan(this.#core);
    this.#sockets = new Map(OTHERS.map((encap) => [encap, socketOf(this.#core, encap, OURS)]));
    for (const socket of this.#sockets.values()) this.#overlays.push(...overlaysOn(this.#core, socket));
    this.#vnics = this.#overlays.flatMap((overlay) =>
      [0, 1, 2].map((n) => this.#core.vnic(overlay, MACS[n]!, n === 2)),
    );
    this.#watcher = new Watcher(this.#core, seed, this.#overlays[0]!, this.#vnics[0]!, MACS[5]!);
    // Half of all hosts have an underlay TAP.
    if (this.#random.oneIn(2)) this.#core.tables.setUnderlayTap({ fds: [99], mac: TAP_MAC });
  }

  run(): void {
    for (let batch = 0; batch < BATCHES; batch++) {
      this.#arrive();
      this.#watcher.read();
      this.#host();
    }
    this.#settle();
  }

  outcomes(): string[] {
    const totals = this.#core.counters.totals();
    return [...Object.keys(this.#core.counters.drops()), ...Object.keys(totals).filter((name) => totals[name]! > 0)];
  }

  #arrive(): void {
    const vnic = this.#random.pick(this.#vnics);
    switch (this.#only === null ? this.#random.below(5) : 2 + this.#random.below(3)) {
      case 0: {
        const frames = this.#damaged();
        this.#core.encap(
          vnic,
          frames,
          frames.map(() => anyVnet(this.#random)),
        );
        return;
      }
      case 1: {
        const offloaded = Array.from({ length: 1 + this.#random.below(4) }, () =>
          superFrame(this.#random, this.#flow()),
        );
        this.#core.encap(
          vnic,
          offloaded.map(({ frame }) => frame),
          offloaded.map(({ vnet }) => vnet),
        );
        return;
      }
      case 2:
        this.#decap(this.#damaged());
        return;
      case 3:
        this.#decap(segments(this.#random, this.#flow(), BATCH));
        return;
      default:
        this.#core.underlay(this.#tunnelled());
    }
  }

  #damaged(): Uint8Array[] {
    return Array.from({ length: BATCH }, () => damagedFrame(this.#random, MAC_BYTES));
  }

  #flow() {
    return flow(this.#random, this.#random.pick(MAC_BYTES), MAC_BYTES[0]!);
  }

  /** One by one, or as a message says that joins datagrams of a size. */
  #decap(frames: readonly Uint8Array[]): void {
    const vni = this.#random.below(8);
    const kind = this.#kind();
    const socket = this.#sockets.get(kind) ?? OVERLAY.socket;
    const datagrams = frames.map((frame) => wrapIn(this.#random, kind, vni, frame, SOCKET_MOST));
    this.datagrams += datagrams.length;
    const truncated = this.#random.oneIn(100);
    const from = this.#random.pick(SENDERS);
    const joined = 22 + this.#random.below(1500);
    const tos = this.#random.below(256);
    this.#core.decap(
      datagrams,
      this.#random.oneIn(3) ? { socket, truncated, from, joined } : { socket, truncated, from, tos },
    );
  }

  /** What the underlay TAP reads: super-frames inside a tunnel, and their headers with a byte changed. */
  #tunnelled(): Uint8Array[] {
    return Array.from({ length: 1 + this.#random.below(3) }, () => {
      const of = this.#flow();
      const { frame } = superFrame(this.#random, of);
      const from = this.#random.oneIn(4) ? '10.0.0.200' : SENDERS[0];
      const kind = this.#kind();
      const inside = wrapIn(this.#random, kind, this.#random.below(8), frame, TAP_MOST);
      const whole = outer(from, OURS, OUTER_MACS, [1, portOf(kind)], inside);
      this.datagrams++;
      const vnet = this.#random.oneIn(3) ? NO_TUNNEL_VNET : tunnelVnet(of, this.#random.pick([1, 500, 1400]));
      const read = concat(vnet, whole);
      if (this.#random.oneIn(2))
        read[this.#random.below(Math.min(read.length, 24 + 42 + 8 + 80))] = this.#random.below(256);
      return read;
    });
  }

  #kind(): Kind {
    return this.#only ?? this.#random.pick(KINDS);
  }

  /** What the daemon does meanwhile. */
  #host(): void {
    const core = this.#core;
    for (const upcall of core.upcalls()) this.#answer(upcall);
    for (const overlay of [this.#overlays[0]!, this.#overlays[5]!]) {
      if (this.#random.oneIn(4)) core.fdb.remove(overlay, MACS[3 + this.#random.below(37)]!);
    }
    for (const overlay of [this.#overlays[1]!, this.#overlays[5]!]) {
      const ip = this.#random.pick(SENDERS);
      if (this.#random.oneIn(2)) core.fdb.putVtep(overlay, ip, core.nowMs);
      else core.fdb.removeVtep(overlay, ip);
    }
    const mtu = 576 + this.#random.below(1000);
    const endpoint = this.#random.below(20);
    core.endpoints.setPathMtu(endpoint, this.#random.oneIn(2) ? null : { mtu, isLowered: true });
    if (this.#random.oneIn(4)) this.#reroute();
    if (this.#random.oneIn(8)) this.#guard();
    if (this.#random.oneIn(20)) core.setOverlay(this.#overlays[4]!, flooding(this.#random.below(6)));
    core.nowMs += this.#random.below(40);
    core.turn();
  }

  /** A VNIC is protected from now on, or limited, or, mostly, is neither. */
  #guard(): void {
    const vnic = this.#random.pick(this.#vnics);
    const some = this.#random.oneIn(3);
    const kinds = PROTECTIONS.filter(() => some && this.#random.oneIn(2));
    this.#core.tables.setVnicProtection(vnic, { kinds, allowed: ['10.0.0.0/8', 'fd00::/16', 'fe80::/10'] });
    const limited = this.#random.oneIn(3);
    const limit = (most: number) => (limited && this.#random.oneIn(2) ? 1 + this.#random.below(most) : null);
    const limits = { rateBps: limit(1e8), ratePps: limit(10_000), stormPps: limit(1000) };
    this.#core.tables.setVnicLimits(vnic, limits);
  }

  /** Some endpoints are reached by the underlay TAP from now on, the others by the sockets. */
  #reroute(): void {
    for (const [index] of this.#core.endpoints.all()) {
      const mtu = this.#random.pick([600, 1500, 9000]);
      const route = this.#random.oneIn(2) ? null : { ifindex: 7, source: OURS, mtu };
      this.#core.endpoints.setRoute(this.#core.module, index, route, TAP_MAC);
    }
  }

  #answer(upcall: UpcallRecord): void {
    if (upcall.kind === 'too_long' || upcall.kind === 'stranger' || upcall.kind === 'address') return;
    if (upcall.kind === 'loopback') this.#reply(upcall.overlay, upcall.frame);
    else if (upcall.kind === 'miss') this.#place(upcall.overlay, upcall.mac);
    else if (upcall.kind === 'learn') this.#learn(upcall.overlay, upcall.mac, upcall.ip);
    else {
      const way = this.#random.pick([Inject.deliver, Inject.encap, Inject.flood] as const);
      const frame = proxied(upcall, this.#random.pick(MACS));
      this.#core.rings.inject(way, upcall.overlay, upcall.vnic, frame);
    }
  }

  /** To one of some endpoints, whoever sent it. */
  #reply(overlay: number, frame: Uint8Array): void {
    const { endpoints, rings, tables } = this.#core;
    const endpoint = endpoints.intern(
      { ip: `10.0.0.${this.#random.below(200)}`, port: 4789 },
      tables.socketOf(overlay),
    );
    rings.tunnel(overlay, endpoint, frame);
  }

  #place(overlay: number, mac: string): void {
    const choice = this.#random.below(4);
    if (choice === 0) this.#core.put(overlay, mac, { kind: 'drop', reason: 'no_such_mac' });
    if (choice === 1) this.#core.remote(overlay, mac, { ip: `10.0.0.${this.#random.below(200)}`, port: 4789 });
    if (choice === 2) this.#core.remote(overlay, mac, { ip: 'fd00::9', port: 1 + this.#random.below(65_535) });
  }

  #learn(overlay: number, mac: string, ip: string | null): void {
    if (this.#random.oneIn(4)) return;
    const { fdb, nowMs } = this.#core;
    const at = this.#overlays.indexOf(overlay);
    const target: FdbTarget =
      ip === null
        ? { kind: 'local', vnic: this.#vnics[at * 3 + 2]! }
        : { kind: 'remote', endpoint: { ip, port: 4789 } };
    assert.ok(fdb.put(overlay, mac, target, { isLearned: true }, nowMs));
  }

  #settle(): void {
    // A frame may wait for its sender to be known, and then for its destination.
    for (let times = 0; times < 2; times++) {
      this.#core.nowMs += 10_000;
      this.#core.turn();
    }
    this.#watcher.stop();
    this.#core.checkBooks();
    this.#canaries.check();
    const { held, heldBytes } = this.#core.counters.totals();
    assert.deepEqual([held, heldBytes], [0, 0], 'nothing is held after every deadline has passed');
  }
}
