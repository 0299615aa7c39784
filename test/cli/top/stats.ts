/** Readings of the counters, by hand. */
import type { StatsView } from '../../../src/control/protocol.js';

const traffic = (frames: number) => ({ frames, bytes: 100 * frames });

/** Of one of each; `frames` is what everything has carried so far. `name`: of everything. */
export function statsOf(frames: number, name = 'ov0', more: Partial<StatsView> = {}): StatsView {
  const plugin = { name: 'files', questions: frames, faults: 0, timeouts: 0, deaths: 2 };
  return {
    totals: {},
    drops: [
      { reason: 'arp_unknown', frames, isExpected: false, text: 'nobody has that address' },
      { reason: 'host_chatter', frames: 2 * frames, isExpected: true, text: 'MLD' },
    ],
    overlays: [
      {
        ...{ name, encap: traffic(frames), decap: traffic(3 * frames), fragments: 0, strangers: [], plugin },
        drops: { arp_unknown: frames, host_chatter: 2 * frames },
        expectedDrops: 2 * frames,
      },
    ],
    vnics: [
      { name: `v-${name}`, overlay: name, tx: traffic(frames), rx: traffic(0), drops: frames, expectedDrops: frames },
    ],
    endpoints: [
      {
        ...{ endpoint: '10.88.88.2:4789', overlays: [name], pathMtu: null, heardSeconds: 1, isSilent: false },
        ...{ encap: traffic(frames), decap: traffic(3 * frames), drops: frames },
      },
    ],
    otherSenders: traffic(0),
    ...more,
  };
}
