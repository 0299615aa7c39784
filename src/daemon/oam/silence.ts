/**
 * Which VTEPs have fallen silent: frames go there, and nothing comes back.
 *
 * Suspected is one that has been heard before, to which frames went in several looks and for the whole time since, the
 * last of them not long ago. Traffic may be one way, so it is asked then, on its VNI and by the underlay's own echo,
 * and is silent only if neither is answered; of one that has answered on its VNI before, that alone counts. One that is
 * not sent to is idle and not silent, and one that has never been heard may never have been there.
 */
import { type Endpoint, formatEndpoint, isMulticast } from '../../address.js';
import type { EndpointIndex, EndpointTraffic, SocketIndex } from '../../datapath/types.js';
import type { Tell } from '../events/event-log.js';

/** As the datapath has it in its table. */
type Interned = readonly [index: EndpointIndex, endpoint: Endpoint, socket: SocketIndex];

/** The part of the datapath that is of use here. */
export interface SilenceDatapath {
  endpoints(): Iterable<Interned>;
  endpointTraffic(index: EndpointIndex): EndpointTraffic;
}

/** What a VTEP answered when it was asked. */
export interface Answers {
  /** On its VNI. */
  readonly vtep: boolean;
  /** The underlay's echo. */
  readonly echo: boolean;
}

export interface SilenceOptions {
  readonly datapath: SilenceDatapath;
  /** How long a VTEP may be silent; 0: for ever, and when it was heard is known all the same. */
  readonly afterMs: number;
  /** null: no overlay that sends there was left to ask. Never rejects. */
  readonly ask: (endpoint: Endpoint, socket: SocketIndex) => Promise<Answers | null>;
  /** Whether any overlay sends there, by that socket. */
  readonly isSentTo: (endpoint: Endpoint, socket: SocketIndex) => boolean;
  /** Names of those that do. */
  readonly overlaysOf: (endpoint: Endpoint, socket: SocketIndex) => readonly string[];
  readonly tell: Tell;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

export interface Hearing {
  /** Since something came from it, give or take a look; null: nothing has. */
  readonly heardSeconds: number | null;
  readonly isSilent: boolean;
}

/** What is known of an endpoint since it has its place in the table. */
interface Seen {
  readonly endpoint: Endpoint;
  /** The endpoint in words, made once: there may be thousands, and they are asked for often. */
  readonly text: string;
  readonly socket: SocketIndex;
  sent: number;
  received: number;
  heardAtMs: number | null;
  sentAtMs: number;
  /** When something was sent for the first time since it was heard; null: nothing was. */
  unheardSinceMs: number | null;
  /** Looks that found something sent since then. */
  looks: number;
  askedAtMs: number;
  isAsked: boolean;
  /** It has answered on its VNI once. */
  answersVtep: boolean;
  silentSinceMs: number | null;
  /** The round that met it last. */
  round: number;
}

const LOOK_EVERY_MS = 2000;
/** A millisecond or so. */
const LOOKED_AT_ONCE = 1024;
const SUSPECTED_AFTER_LOOKS = 2;
/** Of one that stays silent: later and later, a quarter of the time that it has been. */
const ASK_AGAIN_MS = 5000;
const ASKED_AT_ONCE = 64;
/** Of those, so many that were told of already: the others come first. */
const ASKED_AGAIN_AT_ONCE = 16;
const OVERLAYS_NAMED = 5;
/** Of those that are silent, one of so many is looked at in each round, whether anybody sends there at all. */
const ROUNDS_TO_FORGET = 16;

export class SilenceWatch {
  readonly #options: SilenceOptions;
  readonly #seen = new Map<EndpointIndex, Seen>();
  #round: Iterator<Interned> | null = null;
  #rounds = 0;
  #roundAtMs = Number.NEGATIVE_INFINITY;
  #asked = 0;

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    if (this.#round === null) {
      if (nowMs < this.#roundAtMs) return;
      this.#roundAtMs = nowMs + LOOK_EVERY_MS;
      this.#rounds++;
      this.#round = this.#options.datapath.endpoints()[Symbol.iterator]();
    }
    for (let looked = 0; looked < LOOKED_AT_ONCE; looked++) {
      const next = this.#round.next();
      if (next.done) {
        this.#endRound();
        return;
      }
      if (!isMulticast(next.value[1].ip)) this.#look(next.value, nowMs);
    }
  }

  #endRound(): void {
    this.#round = null;
    for (const [index, { round }] of this.#seen) if (round !== this.#rounds) this.#seen.delete(index);
  }

  #look([index, endpoint, socket]: Interned, nowMs: number): void {
    const { encap, decap } = this.#options.datapath.endpointTraffic(index);
    const seen = this.#seenOf(index, endpoint, socket);
    seen.round = this.#rounds;
    const hasSent = encap.frames > seen.sent;
    const isHeard = decap.frames > seen.received;
    seen.sent = encap.frames;
    seen.received = decap.frames;
    if (hasSent) seen.sentAtMs = nowMs;
    if (isHeard) this.#heard(seen, nowMs);
    else if (hasSent) {
      seen.unheardSinceMs ??= nowMs;
      seen.looks++;
    }
    if (seen.silentSinceMs !== null && (index + this.#rounds) % ROUNDS_TO_FORGET === 0) {
      if (!this.#options.isSentTo(endpoint, socket)) forget(seen);
    }
    if (this.#isToBeAsked(seen, nowMs)) void this.#ask(seen);
  }

  #seenOf(index: EndpointIndex, endpoint: Endpoint, socket: SocketIndex): Seen {
    const known = this.#seen.get(index);
    if (known?.endpoint === endpoint) return known;
    const never = { heardAtMs: null, sentAtMs: Number.NEGATIVE_INFINITY, unheardSinceMs: null, silentSinceMs: null };
    const unasked = { askedAtMs: Number.NEGATIVE_INFINITY, isAsked: false, answersVtep: false };
    const text = formatEndpoint(endpoint);
    const seen: Seen = { endpoint, text, socket, sent: 0, received: 0, looks: 0, round: 0, ...never, ...unasked };
    this.#seen.set(index, seen);
    return seen;
  }

  #heard(seen: Seen, nowMs: number): void {
    const { silentSinceMs } = seen;
    Object.assign(seen, { heardAtMs: nowMs, unheardSinceMs: null, looks: 0, silentSinceMs: null });
    if (silentSinceMs !== null) this.#tell('endpoint_answers', seen, `silent for ${seconds(nowMs - silentSinceMs)} s`);
  }

  #isToBeAsked({ isAsked, askedAtMs, silentSinceMs, ...seen }: Seen, nowMs: number): boolean {
    const { afterMs } = this.#options;
    if (afterMs === 0 || isAsked || this.#asked >= (silentSinceMs === null ? ASKED_AT_ONCE : ASKED_AGAIN_AT_ONCE))
      return false;
    if (silentSinceMs !== null) return nowMs - askedAtMs >= Math.max(ASK_AGAIN_MS, (nowMs - silentSinceMs) / 4);
    const { heardAtMs, unheardSinceMs, sentAtMs, looks } = seen;
    if (heardAtMs === null || unheardSinceMs === null || looks < SUSPECTED_AFTER_LOOKS) return false;
    return nowMs - unheardSinceMs >= afterMs && nowMs - sentAtMs < afterMs;
  }

  async #ask(seen: Seen): Promise<void> {
    const { ask, now } = this.#options;
    seen.isAsked = true;
    this.#asked++;
    const answers = await ask(seen.endpoint, seen.socket);
    this.#asked--;
    seen.isAsked = false;
    seen.askedAtMs = now();
    if (answers === null) {
      forget(seen);
      return;
    }
    const { vtep, echo } = answers;
    seen.answersVtep ||= vtep;
    if (vtep || (echo && !seen.answersVtep)) this.#heard(seen, now());
    else if (seen.silentSinceMs === null && seen.unheardSinceMs !== null) {
      seen.silentSinceMs = seen.heardAtMs ?? seen.unheardSinceMs;
      const tried = seen.answersVtep ? 'it does not answer on its VNI any more' : 'nor does its host answer an echo';
      this.#tell('endpoint_silent', seen, `nothing came for ${seconds(now() - seen.silentSinceMs)} s, ${tried}`);
    }
  }

  #tell(kind: 'endpoint_silent' | 'endpoint_answers', { endpoint, socket }: Seen, why: string): void {
    const overlays = this.#options.overlaysOf(endpoint, socket);
    const more = overlays.length - OVERLAYS_NAMED;
    const named = `${overlays.slice(0, OVERLAYS_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    const object = `endpoint ${endpoint.ip}`;
    const [overlay] = overlays;
    if (overlays.length === 1) this.#options.tell(kind, { object, overlay: overlay!, reason: why });
    else this.#options.tell(kind, { object, reason: overlays.length === 0 ? why : `${why}; overlays ${named}` });
  }

  /** An operator has asked them, and they have answered on their VNI. */
  answered(endpoints: readonly Endpoint[]): void {
    if (endpoints.length === 0) return;
    const ports = new Map<string, Set<number>>();
    for (const { ip, port } of endpoints) ports.set(ip, (ports.get(ip) ?? new Set()).add(port));
    for (const seen of this.#seen.values()) {
      if (ports.get(seen.endpoint.ip)?.has(seen.endpoint.port)) seen.answersVtep = true;
    }
  }

  /** By text of the endpoint; of all sockets that send to it. */
  hearings(): Map<string, Hearing> {
    const hearings = new Map<string, Hearing>();
    const nowMs = this.#options.now();
    for (const { text, heardAtMs, silentSinceMs } of this.#seen.values()) {
      const one = {
        heardSeconds: heardAtMs === null ? null : seconds(nowMs - heardAtMs),
        isSilent: silentSinceMs !== null,
      };
      const other = hearings.get(text);
      hearings.set(text, other === undefined ? one : both(one, other));
    }
    return hearings;
  }
}

function both(one: Hearing, other: Hearing): Hearing {
  const least = Math.min(one.heardSeconds ?? Number.POSITIVE_INFINITY, other.heardSeconds ?? Number.POSITIVE_INFINITY);
  return { heardSeconds: Number.isFinite(least) ? least : null, isSilent: one.isSilent || other.isSilent };
}

/** Nobody sends there any more: it is idle. */
function forget(seen: Seen): void {
  Object.assign(seen, { unheardSinceMs: null, looks: 0, silentSinceMs: null });
}

export const NOT_HEARD: Hearing = { heardSeconds: null, isSilent: false };

const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1000));
