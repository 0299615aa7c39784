/** Asking a VTEP whether it is there, for whatever overlays send to it. */
import type { Endpoint } from '../../address.js';
import { PING_SIZE_MIN } from '../../control/protocol.js';
import type { SilenceOptions } from '../oam/silence.js';
import { underlayEcho } from '../oam/underlay-echo.js';
import type { Overlay } from '../overlay/overlay.js';

/** Of one that is far away, and busy. */
const TIMEOUT_MS = 2000;
/** A VTEP has not every VNI that is sent to it, perhaps. */
const OVERLAYS_ASKED = 4;

/** Which of these overlays send to an endpoint, and how it is asked by some of them, and by the underlay's echo. */
export function askersOf(overlays: ReadonlyMap<string, Overlay>): Pick<SilenceOptions, 'ask' | 'overlaysOf'> {
  const sendersTo = ({ ip }: Endpoint) =>
    [...overlays.values()].filter(({ attachment, remotes }) => attachment !== null && remotes.has(ip));
  return {
    overlaysOf: (endpoint) => sendersTo(endpoint).map(({ name }) => name),
    async ask(endpoint) {
      const asked = sendersTo(endpoint).slice(0, OVERLAYS_ASKED);
      if (asked.length === 0) return { vtep: false, echo: false };
      const { listen } = asked[0]!.configuration.settings.socket;
      const [echo, ...probes] = await Promise.all([
        underlayEcho(endpoint.ip, listen, TIMEOUT_MS),
        ...asked.map(({ attachment }) => attachment!.loopback.probe(endpoint, PING_SIZE_MIN, TIMEOUT_MS)),
      ]);
      return { vtep: probes.some(({ rttMs }) => rttMs !== null), echo: echo.rttMs !== null };
    },
  };
}
