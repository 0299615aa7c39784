/** An overlay's place in the datapath: its record there, its targets and what answers its upcalls. */
import type { OverlayIndex, SocketIndex } from '../datapath/types.js';
import type { Overlay } from './overlay.js';
import { datapathConfig } from './overlay-config.js';
import { isOwnEndpoint } from './overlay-props.js';
import type { Attachment, OverlayDeps } from './overlay-types.js';
import { Targets } from './targets.js';
import { type UpcallOverlay, Upcalls } from './upcalls.js';

/** Throws when the datapath has no place. */
export function attachmentOf(
  overlay: Overlay,
  { datapath, now }: OverlayDeps,
  { socket, gso }: { socket: SocketIndex; gso: boolean },
): Attachment {
  const { listen } = overlay.configuration.settings.socket;
  const index = datapath.addOverlay(datapathConfig(overlay, { socket, gso }));
  const targets = new Targets({
    fdb: datapath,
    overlay: index,
    fdbSize: datapath.fdbSize,
    isOwn: (endpoint) => isOwnEndpoint(listen, endpoint),
    anyMacVnic: () => [...overlay.vnics.values()].find((vnic) => vnic.allowAnyMac)?.index ?? null,
    nowMs: now(),
  });
  const upcalls = new Upcalls({ datapath, overlay: forUpcalls(overlay, index), targets, now });
  return { index, socket, gso, targets, upcalls };
}

function forUpcalls(overlay: Overlay, index: OverlayIndex): UpcallOverlay {
  return {
    index,
    vni: overlay.identity.vni,
    log: overlay.log,
    health: overlay.health,
    vnics: overlay.vnics,
    get plugin() {
      return overlay.search.host;
    },
    get starting() {
      return overlay.starting;
    },
    get isPoint() {
      return overlay.search.isPoint;
    },
    get negativeTtlMs() {
      return overlay.configuration.settings.negativeTtlMs;
    },
  };
}
