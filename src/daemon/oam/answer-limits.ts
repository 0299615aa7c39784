/** How many questions of other VTEPs one overlay answers: token buckets of each, and of all of them. */
import { TokenBucket } from '../token-bucket.js';

/** Answers a second; as many at once. A search for the largest size asks some 20 times. */
const PER_PEER = 100;
const PER_OVERLAY = 500;
/** Whoever forges senders by the thousand pushes others out, and still has no more than the overlay's share. */
const PEERS_MAX = 1024;

export class AnswerLimits {
  readonly #peers = new Map<string, TokenBucket>();
  readonly #all: TokenBucket;

  constructor(nowMs: number) {
    this.#all = new TokenBucket(PER_OVERLAY, PER_OVERLAY, nowMs);
  }

  /** Whether the VTEP at `ip` may have one more answer now; it is counted. */
  take(ip: string, nowMs: number): boolean {
    const peer = this.#peers.get(ip) ?? new TokenBucket(PER_PEER, PER_PEER, nowMs);
    this.#peers.delete(ip);
    this.#peers.set(ip, peer);
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > PEERS_MAX) this.#peers.delete(oldest!);
    return peer.has(nowMs) && this.#all.take(nowMs) && peer.take(nowMs);
  }
}
