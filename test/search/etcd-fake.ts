// As much of an etcd as the plugin's connection needs, for what a real one does not do when a test wants it.
import { once } from 'node:events';
import http2, { type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Header { uint64 cluster_id = 1; int64 revision = 3; }
  message KeyValue { bytes key = 1; int64 mod_revision = 3; bytes value = 5; }
  message RangeRequest { bool keys_only = 8; }
  message RangeResponse { Header header = 1; repeated KeyValue kvs = 2; }
  message WatchResponse { Header header = 1; bool created = 3; }
`);
const FRAME_HEADER_BYTES = 5;

export class FakeEtcd {
  readonly #server: Http2Server = http2.createServer();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** What it holds: revisions by key, all in the prefix that the test uses. */
  keys: Readonly<Record<string, number>> = {};
  revision = 1;
  /** It breaks the connection when keys are asked for. */
  failsPages = false;
  pageFailures = 0;
  /** It takes calls, and answers none. */
  hangs = false;
  calls = 0;
  pings = 0;

  private constructor() {
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => {});
      session.on('ping', () => this.pings++);
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      this.calls++;
      if (!this.hangs) stream.once('data', (frame: Buffer) => this.#answer(stream, String(headers[':path']), frame));
    });
  }

  static async start(): Promise<FakeEtcd> {
    const fake = new FakeEtcd();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection. */
  cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  stop(): void {
    this.#server.close();
    this.cut();
  }

  /** The requests are short: each comes in one piece. */
  #answer(stream: ServerHttp2Stream, path: string, frame: Buffer): void {
    const header = { clusterId: 1, revision: this.revision };
    if (!path.endsWith('/Range')) {
      stream.respond({ ':status': 200 });
      stream.write(framed('WatchResponse', { header, created: true }));
      return;
    }
    const request = root.lookupType('RangeRequest').decode(frame.subarray(FRAME_HEADER_BYTES));
    const isHeader = (request as unknown as { keysOnly: boolean }).keysOnly;
    if (!isHeader && this.failsPages) {
      this.pageFailures++;
      this.cut();
      return;
    }
    const kvs = Object.entries(isHeader ? {} : this.keys).map(([key, modRevision]) => ({
      key: Buffer.from(key),
      modRevision,
      value: Buffer.from('x'),
    }));
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(framed('RangeResponse', { header, kvs }));
  }
}

function framed(type: string, message: object): Buffer {
  const bytes = root.lookupType(type).encode(message).finish();
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}
