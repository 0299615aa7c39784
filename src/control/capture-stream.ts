/**
 * Captures over the control socket: a pcapng file that is written while it is read. It ends when its client goes away,
 * or says so in another request; then statistics come last. A client that reads slowly loses frames, which the file
 * counts, and costs the daemon a few megabytes at most.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import * as z from 'zod';
import { noSuchCapture } from '../errors.js';
import { parse } from './refusal.js';
import { CaptureRequest } from './requests.js';

/** Where a capture is written to. */
export interface CaptureSink {
  /** Whether a packet may be written; blocks that a file cannot do without are, whatever this says. */
  hasRoom(): boolean;
  write(block: Uint8Array): void;
  end(): void;
}

export interface CaptureSession {
  /** Nothing more is captured; resolves when the file has its end. */
  end(): Promise<void>;
}

/** What the daemon offers. Throws a VxlaneError to refuse: then nothing was written. */
export interface CaptureFeed {
  open(request: CaptureRequest, sink: CaptureSink): CaptureSession;
}

export const CAPTURES_PATH = '/v1/captures';
/** Says which capture it is, to whoever wants to end it. */
export const CAPTURE_HEADER = 'vxlane-capture';
export const PCAPNG = 'application/x-pcapng';
/** Bytes that wait for a reader at most, but for one frame. */
const WAITING_MAX = 4 << 20;

/** An end of the daemon waits so long for readers; less than what cuts that short. */
const DRAIN_MAX_MS = 1000;

const Id = z.strictObject({ id: z.string() });

export function addCaptureStream(app: FastifyInstance, feed: CaptureFeed): void {
  const running = new Map<string, CaptureSession>();
  const streams = new Set<Stream>();
  let last = 0;
  app.post(CAPTURES_PATH, (request, reply) => {
    const asked = parse(CaptureRequest, request.body);
    const stream = new Stream(reply, String(++last));
    const session = feed.open(asked, stream);
    const { id } = stream;
    running.set(id, session);
    streams.add(stream);
    reply.raw.once('close', () => {
      running.delete(id);
      streams.delete(stream);
      stream.isOver = true;
      void session.end();
    });
    stream.begin();
    return reply;
  });
  app.delete(`${CAPTURES_PATH}/:id`, async ({ params }, reply) => {
    const { id } = parse(Id, params);
    const session = running.get(id);
    if (session === undefined) throw noSuchCapture(id);
    await session.end();
    return reply.code(204).send();
  });
  app.addHook('preClose', async () => {
    const closed = [...streams].map((stream) => stream.closed);
    await Promise.all([...running.values()].map((session) => session.end()));
    // What waits for a slow reader has its time, and then the daemon's end cuts it off.
    await Promise.race([Promise.all(closed), sleep(DRAIN_MAX_MS, undefined, { ref: false })]);
  });
}

class Stream implements CaptureSink {
  readonly id: string;
  readonly #reply: FastifyReply;
  /** Nobody reads any more. */
  isOver = false;
  #isCorked = false;
  #before: Uint8Array[] | null = [];

  /** Resolves when all of it has left, or nobody reads any more. */
  readonly closed: Promise<unknown>;

  constructor(reply: FastifyReply, id: string) {
    this.#reply = reply;
    this.closed = new Promise((resolve) => reply.raw.once('close', resolve));
    this.id = id;
  }

  /** It was not refused: what was written so far goes out, and all that follows. */
  begin(): void {
    const { raw } = this.#reply;
    this.#reply.hijack();
    raw.writeHead(200, { 'content-type': PCAPNG, [CAPTURE_HEADER]: this.id, connection: 'close' });
    const before = this.#before ?? [];
    this.#before = null;
    raw.write(Buffer.concat(before));
  }

  hasRoom(): boolean {
    return !this.isOver && this.#reply.raw.writableLength <= WAITING_MAX;
  }

  write(block: Uint8Array): void {
    if (this.#before !== null) this.#before.push(block);
    else if (!this.isOver) this.#together().write(block);
  }

  /** What is written while the event loop has one turn leaves together. */
  #together() {
    const { raw } = this.#reply;
    if (this.#isCorked) return raw;
    this.#isCorked = true;
    raw.cork();
    setImmediate(() => {
      this.#isCorked = false;
      raw.uncork();
    });
    return raw;
  }

  end(): void {
    if (!this.isOver) this.#reply.raw.end();
  }
}
