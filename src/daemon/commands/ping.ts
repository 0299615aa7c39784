/** `vxlane ping`: one question to each VTEP that is meant, and what is asked for beside it. */
import { type Endpoint, formatEndpoint, ipFamily } from '../../address.js';
import { PING_SIZE_MIN } from '../../control/limits.js';
import type { PingRequest, PingView, VtepPing } from '../../control/protocol.js';
import { badPing } from '../../errors.js';
import { largestSize } from '../oam/largest-size.js';
import type { Probe } from '../oam/loopback.js';
import { underlayEcho } from '../oam/underlay-echo.js';
import type { Overlay } from '../overlay/overlay.js';
import { overlayOf, type Registry } from './registry.js';
import { type FoundVtep, vtepsMeant, vtepsOf } from './vteps-of.js';

/** VTEPs of one request; the others are left out. */
const VTEPS_MAX = 512;
/** Of those, so many are asked at a time. */
const AT_ONCE = 64;
/** Bytes of an IP packet beside what is behind the inner Ethernet header: IP, UDP, VXLAN, Ethernet. */
const OVERHEAD = { 4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14 } as const;
/** Nothing begins any more after so long: a client waits for 240 s. */
const LATE_MS = 150_000;
/** A size that does not come back is asked for again before that is believed. */
const TRIES = 2;

/** `gone`: when it is aborted, nothing more is asked. */
export async function ping(
  registry: Registry,
  name: string,
  request: PingRequest,
  gone?: AbortSignal,
): Promise<PingView> {
  const overlay = overlayOf(registry, name);
  overlay.attached();
  const { size } = request;
  if (size > overlay.mtu) throw badPing(`${size} bytes: ${name} has an MTU of ${overlay.mtu}`);
  const all = await found(registry, overlay, request.to);
  const vteps = all.slice(0, VTEPS_MAX);
  const answers: VtepPing[] = [];
  const lateAtMs = registry.now() + LATE_MS;
  const isLate = () => gone?.aborted === true || registry.now() >= lateAtMs;
  for (let first = 0; first < vteps.length && !isLate(); first += AT_ONCE) {
    const some = vteps.slice(first, first + AT_ONCE);
    answers.push(...(await Promise.all(some.map((vtep) => new Asking(overlay, vtep, request, isLate).run()))));
    const answered = some.filter((_, n) => answers[first + n]!.rttMs !== null);
    registry.silence.answered(answered.map(({ endpoint }) => endpoint));
  }
  const { vni } = overlay.identity;
  return { overlay: name, vni, mtu: overlay.mtu, left: all.length - answers.length, vteps: answers };
}

async function found(registry: Registry, overlay: Overlay, to: string | undefined): Promise<FoundVtep[]> {
  if (to !== undefined) return vtepsMeant(registry, overlay, to);
  return vtepsOf(registry, overlay).map((endpoint) => ({ endpoint, found: '' }));
}

class Asking {
  readonly #overlay: Overlay;
  readonly #vtep: FoundVtep;
  readonly #request: PingRequest;
  readonly #isLate: () => boolean;
  #pathMtu: number | null = null;

  constructor(overlay: Overlay, vtep: FoundVtep, request: PingRequest, isLate: () => boolean) {
    this.#isLate = isLate;
    this.#overlay = overlay;
    this.#vtep = vtep;
    this.#request = request;
  }

  async run(): Promise<VtepPing> {
    const { endpoint, found } = this.#vtep;
    const { size, timeoutMs, discover, echo } = this.#request;
    const { listen } = this.#overlay.configuration.settings.socket;
    const asked = echo ? underlayEcho(endpoint.ip, listen, timeoutMs) : null;
    const { rttMs, unsent } = await this.#probe(size);
    const largest = discover ? await this.#largest(rttMs === null ? PING_SIZE_MIN : size) : null;
    return {
      endpoint: formatEndpoint(endpoint),
      found,
      rttMs,
      largest,
      pathMtu: this.#pathMtuNamed(endpoint, largest),
      echo: (await asked) ?? null,
      unsent,
    };
  }

  async #probe(size: number): Promise<Probe> {
    const probe = await this.#overlay.attached().loopback.probe(this.#vtep.endpoint, size, this.#request.timeoutMs);
    this.#pathMtu = probe.pathMtu ?? this.#pathMtu;
    return probe;
  }

  /** null: nothing comes back, whatever its size. */
  async #largest(least: number): Promise<number | null> {
    if (!(await this.#comesBack(least))) return null;
    const largest = await largestSize(
      least,
      this.#overlay.mtu,
      (size) => this.#comesBack(size),
      () => this.#mostByPath(),
    );
    return this.#isLate() ? null : largest; // what was not asked for did not come back either
  }

  /** What a path that is known lets through at most, where nothing may be fragmented. */
  #mostByPath(): number | null {
    const { fragmentable } = this.#overlay.configuration.settings.socket;
    if (this.#pathMtu === null || fragmentable) return null;
    return this.#pathMtu - OVERHEAD[ipFamily(this.#vtep.endpoint.ip)];
  }

  async #comesBack(size: number): Promise<boolean> {
    for (let tries = 0; tries < TRIES && !this.#isLate(); tries++) {
      if (size > (this.#mostByPath() ?? size)) return false; // it would not leave
      if ((await this.#probe(size)).rttMs !== null) return true;
    }
    return false;
  }

  /** Of a path that takes less than the overlay's MTU: what routers said of it, or what came back. */
  #pathMtuNamed(endpoint: Endpoint, largest: number | null): number | null {
    const overhead = OVERHEAD[ipFamily(endpoint.ip)];
    const { mtu } = this.#overlay;
    if (this.#pathMtu !== null && this.#pathMtu < mtu + overhead) return this.#pathMtu;
    return largest !== null && largest < mtu ? largest + overhead : null;
  }
}
