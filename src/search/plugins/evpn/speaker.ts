/**
 * A connection to GoBGP: who it is, what it knows, what happens from there, and what it is to tell others. It never
 * connects again by itself. Import it only where it is used: it loads protobuf.js.
 */
import { type Call, GrpcConnection } from '../../grpc/connection.js';
import { readTlsFiles } from '../../grpc/tls.js';
import { ADD_PATHS, EVPN, GET_BGP, LIST_PATH, type Path, type Peer, PeerEvent, WATCH, type WatchEvent } from './rpc.js';
import type { EvpnSettings } from './settings.js';

/** For the first answer; the host waits for `start` much longer. */
const CONNECT_MS = 3000;
const CALL_MS = 10_000;
/** GoBGP takes pings of HTTP/2 once in five minutes only: it is asked who it is instead. */
const PROBE_EVERY_MS = 5000;
const MESSAGE_BYTES_MAX = 64 * 2 ** 20;
/** Of one request; GoBGP takes 4 MiB. */
const PATHS_AT_ONCE = 500;
const TABLE_GLOBAL = 0;
const FILTER_BEST = 0;

export class Speaker {
  readonly #grpc: GrpcConnection;
  readonly #callMs: number;
  #probes: NodeJS.Timeout | undefined;
  #events: AsyncGenerator<Buffer, void> | null = null;

  /** Connects, and says nothing yet. `callMs`: in which whatever is asked must be answered. */
  constructor({ url, tls }: EvpnSettings, callMs = CALL_MS) {
    this.#callMs = callMs;
    this.#grpc = new GrpcConnection(url, url.startsWith('https:') ? readTlsFiles(tls) : {}, MESSAGE_BYTES_MAX);
  }

  /** Its AS number and router ID. Rejects while it speaks no BGP. */
  async identity(timeoutMs = CONNECT_MS): Promise<{ asn: number; routerId: string }> {
    const { global } = GET_BGP.decode(await this.#grpc.ask(GET_BGP.path, GET_BGP.encode({}), {}, timeoutMs));
    if (global === null || global.asn === 0) throw new Error('GoBGP has no AS number yet: [global.config] is not set');
    return { asn: global.asn, routerId: global.router_id };
  }

  /** From when it resolves, nothing that happens is missed. Answers the neighbours as they are then. */
  async watch(): Promise<Peer[]> {
    const call = this.#grpc.open(WATCH.path, {});
    call.send(WATCH.encode({ peer: {}, table: { filters: [{ type: FILTER_BEST, init: false }] } }), true);
    const late = this.#endLate(call);
    try {
      this.#events = call[Symbol.asyncIterator]();
      return await this.#peers(this.#events);
    } finally {
      clearTimeout(late);
    }
  }

  async #peers(events: AsyncGenerator<Buffer, void>): Promise<Peer[]> {
    const peers: Peer[] = [];
    while (true) {
      const { value } = await events.next();
      if (!value) throw new Error('GoBGP ended the watch');
      const { peer } = WATCH.decode(value);
      if (peer?.type === PeerEvent.endOfInit) return peers;
      if (peer?.peer) peers.push(peer.peer);
    }
  }

  /** What happens since `watch`. Ends by throwing, also when GoBGP does not answer any more. */
  async *events(): AsyncGenerator<WatchEvent, void> {
    this.#probes = setInterval(() => this.#probe(), PROBE_EVERY_MS);
    for await (const message of this.#events ?? []) yield WATCH.decode(message);
    throw new Error('GoBGP ended the watch');
  }

  #probe(): void {
    this.identity(this.#callMs).catch(() => this.close());
  }

  /** All paths of all EVPN routes. Throws when it stops on the way: a large table takes its time, and comes on. */
  async *list(): AsyncGenerator<Path, void> {
    const call = this.#grpc.open(LIST_PATH.path, {});
    call.send(LIST_PATH.encode({ table_type: TABLE_GLOBAL, family: EVPN }), true);
    const late = this.#endLate(call);
    try {
      for await (const message of call) {
        yield* LIST_PATH.decode(message).destination?.paths ?? [];
        late.refresh();
      }
    } finally {
      clearTimeout(late);
    }
  }

  #endLate(call: Call): NodeJS.Timeout {
    return setTimeout(() => call.end(new Error(`no answer within ${this.#callMs / 1000} s`)), this.#callMs);
  }

  /** Adds and withdraws paths, in their order. */
  async send(paths: readonly Path[]): Promise<void> {
    for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
      const request = { table_type: TABLE_GLOBAL, paths: paths.slice(at, at + PATHS_AT_ONCE) };
      await this.#grpc.ask(ADD_PATHS.path, ADD_PATHS.encode(request), {}, this.#callMs);
    }
  }

  close(): void {
    clearInterval(this.#probes);
    this.#grpc.close();
  }
}
