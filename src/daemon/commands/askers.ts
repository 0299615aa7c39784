/** Asking a VTEP whether it is there, for whatever overlays send to it. */
import type { Endpoint } from '../../address.js';
import { PING_SIZE_MIN } from '../../control/limits.js';
import type { SocketIndex } from '../../datapath/types.js';
import type { SilenceOptions } from '../oam/silence.js';
import { underlayEcho } from '../oam/underlay-echo.js';
import type { Attachment } from '../overlay/attachment.js';
import type { Overlay } from '../overlay/overlay.js';

/** Of one that is far away, and busy. */
const TIMEOUT_MS = 2000;
/** A VTEP has not every VNI that is sent to it, perhaps. */
const OVERLAYS_ASKED = 4;

/** Of an overlay, what is of use here. */
export interface Sender extends Pick<Overlay, 'name' | 'configuration'> {
  readonly remotes: Pick<Overlay['remotes'], 'has'>;
  readonly attachment: Pick<Attachment, 'socket' | 'loopback'> | null;
}

/** Which of these overlays send to an endpoint, and how it is asked by some of them, and by the underlay's echo. */
export function askersOf(
  overlays: ReadonlyMap<string, Sender>,
): Pick<SilenceOptions, 'ask' | 'isSentTo' | 'overlaysOf'> {
  // By another socket, another endpoint would be asked: from there, and perhaps at another port.
  const sends = ({ attachment, remotes }: Sender, { ip }: Endpoint, socket: SocketIndex) =>
    attachment?.socket === socket && remotes.has(ip);
  const sendersTo = (endpoint: Endpoint, socket: SocketIndex) =>
    [...overlays.values()].filter((each) => sends(each, endpoint, socket));
  return {
    isSentTo(endpoint, socket) {
      for (const each of overlays.values()) if (sends(each, endpoint, socket)) return true;
      return false;
    },
    overlaysOf: (endpoint, socket) => sendersTo(endpoint, socket).map(({ name }) => name),
    async ask(endpoint, socket) {
      const asked = sendersTo(endpoint, socket).slice(0, OVERLAYS_ASKED);
      if (asked.length === 0) return null;
      const { listen } = asked[0]!.configuration.settings.socket;
      const [echo, ...probes] = await Promise.all([
        underlayEcho(endpoint.ip, listen, TIMEOUT_MS),
        ...asked.map(({ attachment }) => attachment!.loopback.probe(endpoint, PING_SIZE_MIN, TIMEOUT_MS)),
      ]);
      const vtep = probes.some(({ rttMs }) => rttMs !== null);
      // The question of an overlay that goes ends without an answer.
      if (!vtep && !asked.some((each) => overlays.get(each.name) === each && sends(each, endpoint, socket)))
        return null;
      return { vtep, echo: echo.rttMs !== null };
    },
  };
}
