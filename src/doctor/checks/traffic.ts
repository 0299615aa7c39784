/** What counters say while the doctor looks. */
import type { Check } from '../check.js';
import { known } from '../finding.js';
import { rising } from '../rising.js';

const HOW = {
  arp_unknown: 'ARP requests',
  ndp_unknown: 'neighbour solicitations',
} as const;

export const trafficChecks: readonly Check[] = [
  {
    name: 'unknown-addresses',
    looksFor: 'VNICs ask for addresses that nobody knows',
    severity: 'warning',
    why: 'The directory lacks an entry, or its address is wrong, so that host is not found; or somebody scans.',
    reasons: ['arp_unknown', 'ndp_unknown'],
    find({ daemon }) {
      const facts = known(daemon);
      return facts.overlays.flatMap(({ view }) =>
        rising(facts, view.name, ['arp_unknown', 'ndp_unknown']).map(({ reason, frames }) => ({
          object: `overlay ${view.name}`,
          found:
            `${frames} ${HOW[reason as keyof typeof HOW]} just now were for addresses that ` +
            `${view.search} does not know`,
          mend: `vxlane capture --overlay ${view.name} --reason ${reason} -c 5`,
        })),
      );
    },
  },
  {
    name: 'source-refused',
    looksFor: 'frames of senders that the overlay does not know are dropped (source-check)',
    severity: 'warning',
    why: 'A VTEP that the directory does not name, or names by another address than it sends from, is not heard.',
    reasons: ['source_unknown', 'source_elsewhere'],
    find({ daemon }) {
      const facts = known(daemon);
      return facts.overlays.flatMap(({ view }) => {
        const strangers = facts.after.overlays.find(({ name }) => name === view.name)?.strangers ?? [];
        const named = strangers.map(({ ip, mac, frames, allow }) => ({
          object: `overlay ${view.name}`,
          found: `${frames} frames of ${ip}, which is no VTEP that it knows (the last one of ${mac})`,
          mend: allow,
        }));
        const elsewhere = rising(facts, view.name, ['source_elsewhere']).map(({ frames, text }) => ({
          object: `overlay ${view.name}`,
          found: `${frames} frames dropped as source_elsewhere just now: ${text}`,
          mend: `vxlane capture --overlay ${view.name} --reason source_elsewhere -c 5`,
        }));
        return [...named, ...elsewhere];
      });
    },
  },
  {
    name: 'silent-vtep',
    looksFor: 'VTEPs that were heard are sent to, and neither send nor answer',
    severity: 'warning',
    why: 'Hosts behind that VTEP cannot be reached: it is down, or something on the way is.',
    find({ daemon }) {
      const silent = known(daemon).after.endpoints.filter(({ isSilent }) => isSilent);
      return silent.map(({ endpoint, overlays, heardSeconds }) => ({
        object: `endpoint ${endpoint}`,
        found: `nothing has come from it for ${heardSeconds ?? 0} s`,
        mend: overlays[0] === undefined ? 'vxlane show-stats' : `vxlane ping ${overlays[0]} ${endpoint}`,
      }));
    },
  },
  {
    name: 'unknown-vni',
    looksFor: 'datagrams arrive whose VNI no overlay has on that address and port',
    severity: 'warning',
    why: 'Another host has an overlay that is not here, or here it has another VNI, address or port.',
    reasons: ['unknown_vni'],
    find({ daemon }) {
      const facts = known(daemon);
      return rising(facts, null, ['unknown_vni']).map(({ frames }) => ({
        object: 'host',
        found: `${frames} datagrams just now: ${lastSeen(facts.status.problems.map(({ text }) => text))}`,
        mend: 'vxlane show-overlay -o link,property,value (compare vnetid, encap, listen_ip, listen_port)',
      }));
    },
  },
];

/** `VNI 24 from 10.88.88.69`, as the daemon has noted it. */
function lastSeen(problems: readonly string[]): string {
  const seen = problems.flatMap((text) => /\(last seen: ([^)]*)\)/.exec(text)?.[1] ?? []);
  return seen[0] === undefined ? 'no overlay has their VNI' : `last seen ${seen[0]}`;
}

/** Whatever else rises. `spokenFor`: reasons that other checks have. */
export function restOfDrops(spokenFor: ReadonlySet<string>): Check {
  return {
    name: 'drops-rise',
    looksFor: 'frames are dropped, one a second or more, for a reason that no other check has',
    severity: 'warning',
    why: 'Somebody waits for these frames.',
    find({ daemon }) {
      const facts = known(daemon);
      return facts.overlays.flatMap(({ view }) =>
        rising(facts, view.name)
          .filter(({ reason }) => !spokenFor.has(reason))
          .map(({ reason, frames, text }) => ({
            object: `overlay ${view.name}`,
            found: `${frames} frames dropped as ${reason} just now: ${text}`,
            mend: `vxlane capture --overlay ${view.name} --reason ${reason} -c 5`,
          })),
      );
    },
  };
}
