/**
 * Events as they happen: server-sent events (WHATWG HTML section 9.2), which browsers resume by Last-Event-ID. Whoever
 * does not read what is sent is let go with a word, so that nothing piles up here.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { tooManyStreams } from '../errors.js';
import type { EventView } from './events.js';
import { parse } from './refusal.js';
import { EventFilter } from './requests.js';

/** What the daemon's log of events offers. */
export interface EventFeed {
  readonly last: number;
  after(id: number | null): EventView[];
  hasLost(id: number): boolean;
  listen(listener: (event: EventView) => void): () => void;
}

export const STREAM_PATH = '/v1/events/stream';
/** Each holds a connection for as long as it likes. */
const STREAMS_MAX = 16;
/** Bytes that wait for a reader at most, beside what is caught up with. */
const WAITING_MAX = 1 << 20;
/** Milliseconds between signs of life, by which either side notices that the other is gone. */
const SIGN_EVERY_MS = 15_000;
/** Milliseconds that a reader who was let go has to read the word. */
const LEAVE_MS = 5000;

const LastEventId = z.coerce.number().int();

export function addEventStream(app: FastifyInstance, feed: EventFeed): void {
  let open = 0;
  app.get(STREAM_PATH, (request, reply) => {
    const { overlay: overlays, after } = parse(EventFilter, request.query);
    const from = lastSeen(request) ?? after ?? null;
    if (open >= STREAMS_MAX) return refuseStream(reply, open);
    open++;
    new Stream(reply, overlays).run(feed, from, () => {
      open--;
    });
    return reply;
  });
}

function lastSeen({ headers }: FastifyRequest): number | null {
  const id = headers['last-event-id'];
  return id === undefined || id === '' ? null : parse(LastEventId, id);
}

function refuseStream(reply: FastifyReply, open: number): FastifyReply {
  const { code, message } = tooManyStreams(open);
  return reply.code(503).send({ error: { code, message } });
}

class Stream {
  readonly #reply: FastifyReply;
  readonly #overlays: ReadonlySet<string>;
  #isOver = false;
  #waitingMax = WAITING_MAX;
  /** Nothing is sent any more. */
  #rest = () => {};

  constructor(reply: FastifyReply, overlays: readonly string[]) {
    this.#reply = reply;
    this.#overlays = new Set(overlays);
  }

  /** `from`: id of the last event that the reader has; null: those that come now. */
  run(feed: EventFeed, from: number | null, onEnd: () => void): void {
    const { raw } = this.#reply;
    this.#reply.hijack();
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'close' };
    raw.writeHead(200, headers);
    raw.write(': events of vxlane\n\n');
    if (from !== null && feed.hasLost(from)) this.#say('lost', 'events in between are not kept any more');
    const missed = from === null ? [] : feed.after(feed.hasLost(from) ? null : from);
    raw.write(
      missed
        .filter((event) => this.#isWanted(event))
        .map(textOf)
        .join('') || ': nothing was missed\n\n',
    );
    this.#waitingMax += raw.writableLength;
    const end = feed.listen((event) => this.#send(event));
    const signs = setInterval(() => this.#write(': still here\n\n'), SIGN_EVERY_MS);
    this.#rest = () => {
      this.#isOver = true;
      clearInterval(signs);
      end();
    };
    raw.once('close', () => {
      this.#rest();
      onEnd();
    });
  }

  #isWanted({ overlay }: EventView): boolean {
    return this.#overlays.size === 0 || (overlay !== null && this.#overlays.has(overlay));
  }

  #send(event: EventView): void {
    if (this.#isWanted(event)) this.#write(textOf(event));
  }

  #write(text: string): void {
    const { raw } = this.#reply;
    if (this.#isOver) return;
    if (raw.writableLength <= this.#waitingMax) {
      raw.write(text);
      return;
    }
    this.#rest();
    this.#say('dropped', 'you do not read what is sent: come back with Last-Event-ID');
    raw.end();
    const timer = setTimeout(() => raw.destroy(), LEAVE_MS);
    raw.once('close', () => clearTimeout(timer));
  }

  /** Of the stream itself; it has no id, so that the reader's stays. */
  #say(event: 'lost' | 'dropped', reason: string): void {
    this.#reply.raw.write(`event: ${event}\ndata: ${JSON.stringify({ reason })}\n\n`);
  }
}

function textOf(event: EventView): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}
