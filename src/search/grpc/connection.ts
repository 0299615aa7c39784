/**
 * gRPC over HTTP/2, as much of it as the search plugins need: one connection, calls with one answer, calls with many.
 * The wire format is https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. A connection is never made again
 * behind the caller's back, and all of it, the socket too, is gone after `close`, in whatever state it was.
 */
import http2 from 'node:http2';

/** gRPC status codes that mean something to us (grpc/status.proto). */
export const Status = { ok: 0, unknown: 2, outOfRange: 11, unauthenticated: 16 } as const;

/** etcd refuses a client that pings more often than every 5 s (--grpc-keepalive-min-time). */
const PING_MS = 6000;
const PONG_MS = 4000;
/** Of HTTP/2 flow control: what the peer may send ahead of being read. */
const WINDOW_BYTES = 2 ** 20;
/** A message is preceded by a byte (1: compressed) and its length, 32 bits in network byte order. */
const FRAME_HEADER_BYTES = 5;

/** The peer answered a call with a status other than OK. */
export class GrpcError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The answer is longer than the caller wants. */
export class TooLong extends Error {}

export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export type Metadata = Readonly<Record<string, string>>;

export class GrpcConnection {
  readonly #session: http2.ClientHttp2Session;
  readonly #bytesMax: number;
  #pings: NodeJS.Timeout | undefined;
  /** Until the peer must have answered the last ping. */
  #pong: NodeJS.Timeout | undefined;

  /** `bytesMax`: of one message that comes in. */
  constructor(url: string, tls: TlsOptions, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#session = http2.connect(url, { ...tls, settings: { enablePush: false, initialWindowSize: WINDOW_BYTES } });
    this.#session.on('error', () => {}); // calls that go on get it, and those that begin later
    this.#session.once('close', () => this.#stopPings());
    this.#session.once('connect', () => {
      // Node tells of the connection in the next tick, and it may have been closed in this one.
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(WINDOW_BYTES);
    });
  }

  /** One request, one answer. */
  async ask(path: string, request: Uint8Array, metadata: Metadata, timeoutMs: number): Promise<Buffer> {
    const call = this.open(path, metadata);
    const late = new Error(`no answer within ${timeoutMs / 1000} s`);
    const timer = setTimeout(() => call.end(late), timeoutMs);
    try {
      call.send(request, true);
      let answer: Buffer | null = null;
      for await (const message of call) answer = message;
      if (answer === null) throw new Error('an empty answer');
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A call that may send and get any number of messages. */
  open(path: string, metadata: Metadata): Call {
    const fixed = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    return new Call(this.#session.request({ ...fixed, ...metadata }), this.#bytesMax);
  }

  /** From now on a peer that does not answer pings ends the connection. Only with a call open: etcd insists. */
  startPings(everyMs = PING_MS): void {
    this.#pings ??= setInterval(() => this.#ping(), everyMs);
  }

  close(): void {
    this.#stopPings();
    afterReading(() => this.#session.destroy());
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    this.#pong ??= setTimeout(
      () => this.#session.destroy(new Error(`no answer to a ping in ${PONG_MS / 1000} s`)),
      PONG_MS,
    );
    this.#session.ping(() => this.#ponged());
  }

  #ponged(): void {
    clearTimeout(this.#pong);
    this.#pong = undefined;
  }

  #stopPings(): void {
    clearInterval(this.#pings);
    this.#ponged();
  }
}

/**
 * Does it in a turn of its own. What answers to something that was read may run while nghttp2 is still reading, and
 * Node then frees streams that it reads of: the process, which may be the daemon, ends with a corrupted heap.
 */
function afterReading(end: () => void): void {
  setImmediate(end);
}

/** Iterating ends when the peer says OK, and throws when it says anything else or is gone. */
export class Call {
  readonly #stream: http2.ClientHttp2Stream;
  readonly #bytesMax: number;
  #status: GrpcError | null = null;
  #isOk = false;

  constructor(stream: http2.ClientHttp2Stream, bytesMax: number) {
    this.#stream = stream;
    this.#bytesMax = bytesMax;
    stream.on('error', () => {}); // it reaches whoever iterates
    stream.on('response', (headers) => this.#readStatus(headers));
    stream.on('trailers', (headers) => this.#readStatus(headers));
  }

  send(message: Uint8Array, isLast = false): void {
    if (this.#stream.destroyed) return;
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUInt32BE(message.length, 1);
    const frame = Buffer.concat([header, message]);
    if (isLast) this.#stream.end(frame);
    else this.#stream.write(frame);
  }

  /** Nobody wants more of it. */
  end(reason?: Error): void {
    afterReading(() => this.#stream.destroy(reason));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    const messages = new Messages(this.#bytesMax);
    try {
      for await (const chunk of this.#stream.iterator({ destroyOnReturn: false })) yield* messages.take(chunk);
    } catch (thrown) {
      throw this.#status ?? rootOf(thrown);
    } finally {
      this.end();
    }
    if (this.#status !== null) throw this.#status;
    if (!this.#isOk) throw new Error('the connection ended without an answer');
  }

  /** A call that fails at once has its status in the headers, every other one in the trailers. */
  #readStatus(headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): void {
    const http = headers[':status'] ?? 200;
    const status = headers['grpc-status'];
    if (status !== undefined) {
      const text = String(headers['grpc-message'] ?? '');
      if (Number(status) === Status.ok) this.#isOk = true;
      else this.#status = new GrpcError(Number(status), decodeText(text) || `gRPC status ${status}`);
    } else if (http !== 200) this.#status = new GrpcError(Number.NaN, `HTTP status ${http}; expected a gRPC server`);
  }
}

/** Cuts messages out of chunks. */
class Messages {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes that must be there before the next step. */
  #needed = FRAME_HEADER_BYTES;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  *take(chunk: Buffer): Generator<Buffer, void> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#needed) {
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const length = FRAME_HEADER_BYTES + all.readUInt32BE(1);
      if (length > this.#bytesMax) throw new TooLong(`a message of ${length} bytes; at most ${this.#bytesMax}`);
      if (all[0] !== 0) throw new Error('a compressed message, which was not asked for');
      const isWhole = all.length >= length;
      if (isWhole) yield all.subarray(FRAME_HEADER_BYTES, length);
      const rest = isWhole ? all.subarray(length) : all;
      this.#chunks = [rest];
      this.#size = rest.length;
      this.#needed = isWhole ? FRAME_HEADER_BYTES : length;
    }
  }
}

/** What ended the session rather than that it ended; of OpenSSL's long lines the part that says why. */
function rootOf(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  if (thrown.cause instanceof Error) return rootOf(thrown.cause);
  const { reason } = thrown as { reason?: unknown };
  return typeof reason === 'string' ? new Error(`TLS: ${reason}`) : thrown;
}

/** `grpc-message` is percent-encoded. */
function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
