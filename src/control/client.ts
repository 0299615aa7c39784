/**
 * The other side of the control socket: a method per route. Loads no validation library, so that commands start fast.
 */
import type { LogLevel } from '../log-levels.js';
import type {
  CreateOverlay,
  CreateVnic,
  DaemonView,
  LookupView,
  ModifyOverlay,
  MoveView,
  OverlayView,
  StatsView,
  StatusView,
  TargetPage,
  TargetView,
  VnicView,
} from './protocol.js';
import { type ControlRequest, sendRequest } from './request.js';

/** Of one page. */
const TARGETS_AT_ONCE = 1000;
/** Reads answer from memory. */
const READ_TIMEOUT_MS = 5_000;
/** The daemon gives a search plugin 3 s to answer. */
const LOOKUP_TIMEOUT_MS = 10_000;
/** A search plugin may load a million entries before the overlay exists, and may then be asked for as many. */
const CHANGE_TIMEOUT_MS = 120_000;

/** Fields that have a default may be left out of a request. */
type Request<T, Defaulted extends keyof T> = Omit<T, Defaulted> & Partial<Pick<T, Defaulted>>;

/** Every method throws a VxlaneError: the daemon's refusal, or that no daemon answers. */
export class ControlClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  daemon(): Promise<DaemonView> {
    return this.#read('/v1/daemon');
  }

  status(): Promise<StatusView> {
    return this.#read('/v1/status');
  }

  async setLogLevel(level: LogLevel): Promise<void> {
    await this.#change('PUT', '/v1/log-level', { level });
  }

  overlays(): Promise<OverlayView[]> {
    return this.#read('/v1/overlays');
  }

  overlay(name: string): Promise<OverlayView> {
    return this.#read(overlayPath(name));
  }

  createOverlay(request: Request<CreateOverlay, 'temporary'>): Promise<OverlayView> {
    return this.#change('POST', '/v1/overlays', request) as Promise<OverlayView>;
  }

  modifyOverlay(name: string, request: ModifyOverlay): Promise<OverlayView> {
    return this.#change('PATCH', overlayPath(name), request) as Promise<OverlayView>;
  }

  async deleteOverlay(name: string): Promise<void> {
    await this.#change('DELETE', overlayPath(name));
  }

  /** All targets by rising MAC, a page at a time. */
  async *targets(name: string): AsyncGenerator<TargetView[], void> {
    for (let after: string | null = ''; after !== null; ) {
      const query = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const page: TargetPage = await this.#read(`${overlayPath(name)}/targets?limit=${TARGETS_AT_ONCE}${query}`);
      yield page.targets;
      after = page.next;
    }
  }

  /** `destination`: `drop`, `IP:PORT` or `[IP6]:PORT`. */
  async setTarget(name: string, mac: string, destination: string): Promise<void> {
    await this.#change('PUT', `${overlayPath(name)}/targets/${encodeURIComponent(mac)}`, { destination });
  }

  async deleteTarget(name: string, mac: string): Promise<void> {
    await this.#change('DELETE', `${overlayPath(name)}/targets/${encodeURIComponent(mac)}`);
  }

  async flushTargets(name: string): Promise<void> {
    await this.#change('DELETE', `${overlayPath(name)}/targets`);
  }

  moves(name: string): Promise<MoveView[]> {
    return this.#read(`${overlayPath(name)}/moves`);
  }

  async thaw(name: string, mac: string): Promise<void> {
    await this.#change('DELETE', `${overlayPath(name)}/moves/${encodeURIComponent(mac)}`);
  }

  lookup(name: string, mac: string): Promise<LookupView> {
    return this.#read(`${overlayPath(name)}/lookup/${encodeURIComponent(mac)}`, LOOKUP_TIMEOUT_MS);
  }

  vnics(): Promise<VnicView[]> {
    return this.#read('/v1/vnics');
  }

  createVnic(request: Request<CreateVnic, 'allowAnyMac' | 'temporary'>): Promise<VnicView> {
    return this.#change('POST', '/v1/vnics', request) as Promise<VnicView>;
  }

  async deleteVnic(name: string): Promise<void> {
    await this.#change('DELETE', `/v1/vnics/${encodeURIComponent(name)}`);
  }

  /** Of the named overlays, or of all when none is named. */
  stats(overlays: readonly string[] = []): Promise<StatsView> {
    const query = new URLSearchParams(overlays.map((name): [string, string] => ['overlay', name]));
    return this.#read(overlays.length === 0 ? '/v1/stats' : `/v1/stats?${query}`);
  }

  #read<T>(path: string, timeoutMs = READ_TIMEOUT_MS): Promise<T> {
    return sendRequest({ socket: this.#socket, method: 'GET', path, timeoutMs }) as Promise<T>;
  }

  #change(method: ControlRequest['method'], path: string, body?: unknown): Promise<unknown> {
    return sendRequest({ socket: this.#socket, method, path, body, timeoutMs: CHANGE_TIMEOUT_MS });
  }
}

function overlayPath(name: string): string {
  return `/v1/overlays/${encodeURIComponent(name)}`;
}
