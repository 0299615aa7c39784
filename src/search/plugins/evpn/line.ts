/** One connection to GoBGP after the other: everything is loaded, and then followed. */
import { GrpcError, Status } from '../../grpc/connection.js';
import { type Line, type LineAudience, Persistence } from '../../grpc/persistence.js';
import type { Inherited, Send } from './advertiser.js';
import type { Keyed } from './route.js';
import { RouteCodec } from './routes.js';
import { type Path, type Peer, SESSION_ESTABLISHED, type WatchEvent } from './rpc.js';
import { type EvpnSettings, fabricOf } from './settings.js';
import { Speaker } from './speaker.js';

/** Who is told. */
export interface Audience extends LineAudience {
  /** Everything that GoBGP has now, and how to tell it more, until `lost`. */
  load(all: readonly Keyed[], send: Send): void;
  /** The connection is no more. */
  left(): void;
  change(changes: readonly Keyed[]): void;
  /** Neighbours, by address: whether their session is up. Those that the operator has shut down are not among them. */
  peers(sessions: ReadonlyMap<string, boolean>): void;
}

export class EvpnLine implements Line {
  readonly #settings: EvpnSettings;
  readonly #audience: Audience;
  readonly #persistence: Persistence;
  readonly #sessions = new Map<string, boolean>();
  #speaker: Speaker | null = null;
  #codec: RouteCodec | null = null;
  /** By what GoBGP said of itself. */
  #rdOf: ((settings: EvpnSettings) => string) | null = null;

  constructor(settings: EvpnSettings, audience: Audience) {
    this.#settings = settings;
    this.#audience = audience;
    this.#persistence = new Persistence([settings.gobgp], this, audience);
  }

  /** Resolves when everything is loaded. Rejects when that cannot be. */
  start(): Promise<void> {
    return this.#persistence.start();
  }

  stop(): void {
    this.#persistence.stop();
  }

  renew(): void {
    this.#persistence.renew();
  }

  /** What of the routes that were told an instance with these settings tells as well. */
  inheritedBy(next: EvpnSettings): Inherited {
    if (this.#rdOf === null || serverOf(next) !== serverOf(this.#settings)) return 'nothing';
    if (this.#rdOf(next) !== this.#rdOf(this.#settings)) return 'nothing';
    return next.vtep === this.#settings.vtep ? 'all' : 'macs';
  }

  async enter(): Promise<void> {
    const speaker = new Speaker(this.#settings);
    this.#speaker = speaker; // before anything is waited for: it may be left
    const { asn, routerId } = await speaker.identity();
    const codec = new RouteCodec(this.#settings, fabricOf(this.#settings, asn, routerId));
    this.#codec = codec;
    this.#rdOf = (settings) => fabricOf(settings, asn, routerId).rd;
    this.#sessions.clear();
    for (const peer of await speaker.watch()) this.#note(peer);
    const all: Keyed[] = [];
    for await (const path of speaker.list()) {
      const keyed = path.best === true ? codec.read(path) : null;
      if (keyed !== null) all.push(keyed);
    }
    this.#audience.peers(this.#sessions);
    this.#audience.load(all, (changes) =>
      this.#send(
        speaker,
        changes.map(({ advertised, isWithdraw }) => codec.write(advertised, isWithdraw)),
      ),
    );
  }

  /** Of paths that are refused together, each is tried; one that is refused alone is said, and left. */
  async #send(speaker: Speaker, paths: readonly Path[]): Promise<void> {
    try {
      await speaker.send(paths);
    } catch (thrown) {
      const isRefusal = thrown instanceof GrpcError && thrown.status === Status.unknown;
      const reason = `${this.#settings.gobgp}: a route was not taken: ${(thrown as Error).message}`;
      if (isRefusal && paths.length > 1) {
        for (const path of paths) await this.#send(speaker, [path]);
        return;
      }
      this.#audience.note(reason);
      if (isRefusal) return;
      speaker.close(); // what it has is asked for anew
      throw thrown;
    }
  }

  async follow(caughtUp: () => void): Promise<void> {
    const speaker = this.#speaker;
    if (speaker === null) return;
    caughtUp();
    for await (const event of speaker.events()) this.#happened(event);
  }

  leave(): void {
    if (this.#speaker === null) return;
    this.#speaker.close();
    this.#speaker = null;
    this.#audience.left();
  }

  #happened({ peer, table }: WatchEvent): void {
    if (peer?.peer) {
      this.#note(peer.peer);
      this.#audience.peers(this.#sessions);
    }
    const changes = (table?.paths ?? []).flatMap((path) => this.#codec?.read(path) ?? []);
    if (changes.length > 0) this.#audience.change(changes);
  }

  #note({ conf, state }: Peer): void {
    const address = conf?.neighbor_address ?? state?.neighbor_address ?? '';
    if (conf?.admin_down === true) this.#sessions.delete(address);
    else this.#sessions.set(address, state?.session_state === SESSION_ESTABLISHED);
  }
}

/** Names of the loopback are one server: what is withdrawn there would be withdrawn from the next instance. */
function serverOf({ url }: EvpnSettings): string {
  return url.replace(/^https?:\/\/(localhost|127\.[\d.]+|\[::1\]):/, 'loopback:').replace(/^https?:\/\//, '');
}
