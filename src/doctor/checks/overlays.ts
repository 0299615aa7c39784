/** Overlays, and the search plugins that say where MACs are. */
import type { Check } from '../check.js';
import type { OverlayFacts } from '../facts.js';
import { known } from '../finding.js';
import { rising } from '../rising.js';

export const overlayChecks: readonly Check[] = [
  {
    name: 'directory-away',
    looksFor: 'a directory (etcd, an svp server, GoBGP) does not answer, or its answers are old',
    severity: 'fault',
    why: 'What is known goes on, and new hosts, moves and deletions are not heard of.',
    find({ daemon }) {
      return known(daemon)
        .overlays.filter(({ view, stale }) => DIRECTORIES.has(view.search) && (isTroubled(view) || stale > 0))
        .filter(({ status }) => status.state === 'serving' || status.state === 'bound')
        .map(({ view, stale }) => {
          const old = stale === 0 ? '' : `${stale} targets are as they were before a restart`;
          const found = [isTroubled(view) ? view.details : '', old].filter((text) => text !== '').join('; ');
          const mend = DIRECTORIES.get(view.search) || `vxlane show-overlay ${view.name}`;
          return { object: `overlay ${view.name}`, found, mend };
        });
    },
  },
  {
    name: 'plugin-restarts',
    looksFor: 'a search plugin ended by itself of late',
    severity: 'warning',
    why: 'While it is started again nobody answers for MACs that are not known yet.',
    find({ daemon, kernel }) {
      return known(daemon).overlays.flatMap(({ view, deaths }) => {
        const late = deaths.filter(({ time }) => kernel.now - Date.parse(time) < OF_LATE_MS);
        const last = late.at(-1);
        if (last === undefined) return [];
        const found = `${view.search} ended ${late.length} times in the last 15 min, the last time: ${last.reason}`;
        return [{ object: `overlay ${view.name}`, found, mend: `vxlane events --overlay ${view.name}` }];
      });
    },
  },
  {
    name: 'plugin-slow',
    looksFor: 'questions to a search plugin fail, or have no answer in time',
    severity: 'warning',
    why: 'First frames to a MAC are dropped while nobody says where it is.',
    reasons: ['lookup_timeout', 'lookup_failed'],
    find({ daemon }) {
      const facts = known(daemon);
      return facts.overlays.flatMap(({ view }) =>
        rising(facts, view.name, ['lookup_timeout', 'lookup_failed']).map(({ reason, frames, text }) => ({
          object: `overlay ${view.name}`,
          found: `${frames} frames dropped as ${reason} just now: ${text}`,
          mend: `vxlane show-overlay -f ${view.name}; vxlane show-stats ${view.name}`,
        })),
      );
    },
  },
  {
    name: 'mac-flapping',
    looksFor: 'a learned MAC moves more often than it may',
    severity: 'warning',
    why: 'There is a loop, or two hosts have the same MAC: frames go now to the one, now to the other.',
    find({ daemon }) {
      return known(daemon).overlays.flatMap(({ view, moves }) =>
        moves
          .filter(({ state }) => state !== 'moving')
          .map(({ mac, destination, home, moves: times, state }) => ({
            object: `overlay ${view.name}`,
            found: `${mac} moved ${times} times, is at ${destination}, was at ${home}, and is ${state}`,
            mend:
              state === 'frozen'
                ? `find the loop or the second host; vxlane modify-overlay --thaw ${mac} ${view.name}`
                : `find the loop or the second host; vxlane show-overlay -m ${view.name}`,
          })),
      );
    },
  },
  {
    name: 'overlay-degraded',
    looksFor: 'an overlay is DEGRADED, or not loaded, for a reason that no other check has found',
    severity: 'fault',
    why: 'Some of its frames are not carried, or its directory is not heard.',
    isGeneral: true,
    find({ daemon }) {
      return known(daemon)
        .overlays.filter(({ view }) => isTroubled(view))
        .map(({ view }) => ({
          object: `overlay ${view.name}`,
          found: view.details,
          mend: `vxlane show-overlay -f ${view.name}`,
        }));
    },
  },
];

/** How the daemon begins what it says of an overlay whose VNICs are the trouble: they have checks of their own. */
const OF_VNICS = /^(\d+ of \d+ VNICs? (is|are) down: |VNIC )/;

/** By more than its VNICs. */
function isTroubled({ status, details }: OverlayFacts['view']): boolean {
  return status === 'DEGRADED' && !OF_VNICS.test(details);
}

/** Built-in plugins that ask a server, each with who says how that is; empty: the overlay does. */
const DIRECTORIES: ReadonlyMap<string, string> = new Map([
  ['etcd', 'etcdctl endpoint status'],
  ['svp', ''],
  ['evpn', 'gobgp neighbor'],
]);
const OF_LATE_MS = 15 * 60 * 1000;
