/** An overlay's place in the datapath: its record there, its targets, what answers its upcalls, floods and learns. */
import type { OverlayIndex } from '../../datapath/types.js';
import { isOwnEndpoint } from '../../overlay-properties/overlay-properties.js';
import { Flooding } from '../forwarding/flooding.js';
import { Targets } from '../forwarding/targets.js';
import type { AcquiredSocket } from '../underlay/sockets.js';
import { type UpcallOverlay, Upcalls } from '../upcalls/questions.js';
import type { Overlay } from './overlay.js';
import { datapathConfig } from './overlay-config.js';
import type { Attachment, OverlayDeps } from './types.js';

/** Throws when the datapath has no place. */
export function attachmentOf(
  overlay: Overlay,
  { datapath, now }: OverlayDeps,
  { index: socket, gso, groups }: AcquiredSocket,
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
  const flooding = new Flooding({
    overlay: overlay.name,
    ...{ listen, groups, targets, health: overlay.health, log: overlay.log, nowMs: now() },
    heardAtMs: (mac) => datapath.fdbHeardAtMs(index, mac),
  });
  return { index, socket, gso, targets, upcalls, flooding };
}

function forUpcalls(overlay: Overlay, index: OverlayIndex): UpcallOverlay {
  return {
    index,
    vni: overlay.identity.vni,
    log: overlay.log,
    health: overlay.health,
    vnics: overlay.vnics,
    get plugin() {
      return overlay.plugin.host;
    },
    get starting() {
      return overlay.starting;
    },
    get isPoint() {
      return overlay.plugin.isPoint;
    },
    get negativeTtlMs() {
      return overlay.configuration.settings.negativeTtlMs;
    },
  };
}
