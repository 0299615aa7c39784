/** How many questions of other VTEPs one overlay answers: token buckets of each, and of all of them. */

/** Answers a second; as many at once. A search for the largest size asks some 20 times. */
const PER_PEER = 100;
const PER_OVERLAY = 500;
/** Whoever forges senders by the thousand pushes others out, and still has no more than the overlay's share. */
const PEERS_MAX = 1024;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class AnswerLimits {
  readonly #peers = new Map<string, Bucket>();
  readonly #all: Bucket;

  constructor(nowMs: number) {
    this.#all = { tokens: PER_OVERLAY, atMs: nowMs };
  }

  /** Whether the VTEP at `ip` may have one more answer now; it is counted. */
  take(ip: string, nowMs: number): boolean {
    const peer = this.#peers.get(ip) ?? { tokens: PER_PEER, atMs: nowMs };
    refill(peer, PER_PEER, nowMs);
    refill(this.#all, PER_OVERLAY, nowMs);
    this.#peers.delete(ip);
    this.#peers.set(ip, peer);
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > PEERS_MAX) this.#peers.delete(oldest!);
    if (peer.tokens < 1 || this.#all.tokens < 1) return false;
    peer.tokens--;
    this.#all.tokens--;
    return true;
  }
}

function refill(bucket: Bucket, perSecond: number, nowMs: number): void {
  bucket.tokens = Math.min(perSecond, bucket.tokens + ((nowMs - bucket.atMs) * perSecond) / 1000);
  bucket.atMs = nowMs;
}
