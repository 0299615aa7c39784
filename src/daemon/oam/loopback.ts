/**
 * Loopback between VTEPs, for one overlay: asks others whether they answer on its VNI, and answers those who ask. The
 * datapath has looked at who sent what comes (source-check).
 *
 * What is answered was sent to the MAC of this VTEP. The answer is no longer than the question, goes to who asked, and
 * is limited. A reply counts only if it is of a question that is open, from the address that was asked, byte by byte
 * what was sent.
 */
import { randomBytes } from 'node:crypto';
import { type Endpoint, type Listen, NO_PORT } from '../../address.js';
import type { DropReason, EndpointIndex, LoopbackUpcall, OverlayIndex } from '../../datapath/types.js';
import { type Loopback, loopbackMessage, loopbackReply, readLoopback, vtepMac } from '../../oam/loopback.js';
import { AnswerLimits } from './answer-limits.js';

/** The part of the datapath that is of use here. */
export interface LoopbackDatapath {
  tunnel(overlay: OverlayIndex, endpoint: Endpoint, frame: Uint8Array): EndpointIndex | 0;
  knows(overlay: OverlayIndex, endpoint: Endpoint): boolean;
  pathMtuTo(overlay: OverlayIndex, endpoint: Endpoint): number | null;
  countDrop(overlay: OverlayIndex, reason: DropReason, record: LoopbackUpcall): void;
  countAnswered(): void;
}

export interface LoopbackOptions {
  readonly datapath: LoopbackDatapath;
  readonly overlay: OverlayIndex;
  /** Where the overlay listens. */
  readonly listen: Listen;
  /** The address of this host that datagrams to another leave from; null: there is no route. */
  readonly sourceTo: (ip: string) => string | null;
  /** Whether it answers, now. */
  readonly answers: () => boolean;
  /** {@link VtepLoopback.tick} is needed from now on. */
  readonly stir: () => void;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

/** What became of a question. */
export interface Probe {
  /** null: there was no answer. */
  readonly rttMs: number | null;
  /** Bytes of an IP packet that the path takes, as far as is known. */
  readonly pathMtu: number | null;
  /** Why the question did not leave this host; empty: it did, as far as is known. */
  readonly unsent: string;
}

interface Open {
  readonly ip: string;
  /** What a reply is to be. */
  readonly reply: Uint8Array;
  readonly sentAtMs: number;
  readonly untilMs: number;
  readonly end: (rttMs: number | null) => void;
}

/** Random bytes of a message's data: who has not seen it cannot answer it. */
const FILL_LENGTH = 8;
/** Questions of one overlay that may be open. */
const OPEN_MAX = 4096;

/** Peers whose ports are kept; what comes from others is answered at the overlay's own port. */
const PORTS_MAX = 1024;
/** So long a peer that is no endpoint keeps the port that it named. */
const PORT_FOR_MS = 60_000;

export class VtepLoopback {
  readonly #options: LoopbackOptions;
  readonly #limits: AnswerLimits;
  /** By transaction identifier. */
  readonly #open = new Map<number, Open>();
  /** Where peers are that are no endpoints, by address. */
  readonly #ports = new Map<string, { readonly port: number; readonly untilMs: number }>();

  constructor(options: LoopbackOptions) {
    this.#options = options;
    this.#limits = new AnswerLimits(options.now());
  }

  /** Asks a VTEP with `size` bytes behind the Ethernet header. Needs {@link tick} to give up. */
  async probe(to: Endpoint, size: number, timeoutMs: number): Promise<Probe> {
    const { datapath, overlay, listen, sourceTo, now } = this.#options;
    if (this.#open.size >= OPEN_MAX) return unsent(`${OPEN_MAX} questions of this overlay are open`);
    // Others learn MACs: each of ours belongs to one address.
    const ip = sourceTo(to.ip);
    if (ip === null) return unsent('there is no route');
    const transaction = this.#newTransaction();
    const message = loopbackMessage(to.ip, { ip, port: listen.port }, transaction, size, randomBytes(FILL_LENGTH));
    const sentAtMs = now();
    if (datapath.tunnel(overlay, to, message) === 0)
      return unsent('the datapath did not keep up, or its table of endpoints is full');
    const rttMs = await new Promise<number | null>((resolve) => {
      const reply = loopbackReply(message);
      this.#options.stir();
      this.#open.set(transaction, { ip: to.ip, reply, sentAtMs, untilMs: sentAtMs + timeoutMs, end: resolve });
    });
    return { rttMs, pathMtu: datapath.pathMtuTo(overlay, to), unsent: '' };
  }

  /** Not to be guessed from those before. */
  #newTransaction(): number {
    const transaction = randomBytes(4).readUInt32BE();
    return this.#open.has(transaction) ? this.#newTransaction() : transaction;
  }

  /** Something has come for this VTEP. */
  handle(record: LoopbackUpcall): void {
    const { datapath, overlay } = this.#options;
    const reason = this.#take(record);
    if (reason === null) datapath.countAnswered();
    else datapath.countDrop(overlay, reason, record);
  }

  #take(record: LoopbackUpcall): DropReason | null {
    const loopback = readLoopback(record.frame);
    if (loopback === null) return 'oam_refused';
    return loopback.isReply ? this.#end(loopback, record) : this.#answer(loopback, record);
  }

  #end({ transaction }: Loopback, { ip, frame }: LoopbackUpcall): DropReason | null {
    const open = this.#open.get(transaction);
    if (open === undefined || open.ip !== ip || Buffer.compare(open.reply, frame) !== 0) return 'oam_refused';
    this.#open.delete(transaction);
    open.end(this.#options.now() - open.sentAtMs);
    return null;
  }

  #answer({ destination, sender }: Loopback, { ip, frame }: LoopbackUpcall): DropReason | null {
    const { datapath, overlay, listen, sourceTo, answers, now } = this.#options;
    if (!answers()) return 'oam_refused';
    if (!this.#limits.take(ip, now())) return 'oam_limited';
    // IEEE 802.1Q clause 20.2.2: what is for another maintenance point is discarded.
    const own = sourceTo(ip);
    if (own === null || destination !== vtepMac(own)) return 'oam_refused';
    const port = this.#portOf(ip, sender?.port ?? listen.port);
    return datapath.tunnel(overlay, { ip, port }, loopbackReply(frame)) === 0 ? 'inject_ring_full' : null;
  }

  /** Where an answer goes: whoever asks cannot have endpoints made by the thousand, nor ports of others knocked on. */
  #portOf(ip: string, named: number): number {
    const { datapath, overlay, listen, now } = this.#options;
    if (listen.port === NO_PORT) return NO_PORT;
    if (datapath.knows(overlay, { ip, port: named })) return named;
    const nowMs = now();
    for (const [each, { untilMs }] of this.#ports) {
      if (nowMs < untilMs) break; // each was set after the one before it
      this.#ports.delete(each);
    }
    const kept = this.#ports.get(ip);
    if (kept !== undefined) return kept.port;
    if (this.#ports.size >= PORTS_MAX) return listen.port;
    this.#ports.set(ip, { port: named, untilMs: nowMs + PORT_FOR_MS });
    return named;
  }

  /** Nothing is open: time changes nothing. */
  get isAtRest(): boolean {
    return this.#open.size === 0;
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    for (const [transaction, { untilMs, end }] of this.#open) {
      if (nowMs < untilMs) continue;
      this.#open.delete(transaction);
      end(null);
    }
  }

  /** The overlay goes: nobody answers any more. */
  close(): void {
    this.tick(Number.POSITIVE_INFINITY);
  }
}

function unsent(reason: string): Probe {
  return { rttMs: null, pathMtu: null, unsent: reason };
}
