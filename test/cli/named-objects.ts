/** A daemon that has overlays and a VNIC to be named. */
import type { OverlayStatus } from '../../src/control/protocol.js';
import { type Harness, startHarness } from '../control/harness.js';

/** Overlays blue (VNI 1), brown (2) and red (3); the VNIC foo0 on blue. */
export async function startWithObjects(): Promise<Harness> {
  const harness = await startHarness();
  const overlays = ['blue', 'brown', 'red'].map((name, index): OverlayStatus => {
    const counts = { vnics: 0, vnicsUp: 0, peers: 0, mtu: 1400, framesPerSecond: 0, dropsPerSecond: 0 };
    return {
      name,
      vni: index + 1,
      search: 'files',
      status: 'ONLINE',
      details: '',
      state: 'serving',
      pluginPlace: null,
      ...counts,
    };
  });
  harness.controller.statusView = { overlays, problems: [] };
  await harness.client.createOverlay({ name: 'blue', encap: 'vxlan', vni: 1, search: 'files', properties: {} });
  await harness.client.createVnic({ name: 'foo0', overlay: 'blue', mac: 'de:ad:be:ef:00:00' });
  return harness;
}
