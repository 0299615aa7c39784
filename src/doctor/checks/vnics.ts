/** VNICs and their interfaces. */
import type { VnicView } from '../../control/protocol.js';
import type { Check, Found } from '../check.js';
import type { DaemonFacts, Facts, VnicLinkFacts } from '../facts.js';
import { known } from '../finding.js';
import { rising } from '../rising.js';

/** Each VNIC that is loaded, with its interface as the kernel has it. */
function vnics({ daemon, vnicLinks }: Facts): { readonly vnic: VnicView; readonly seen: VnicLinkFacts }[] {
  const links = known(vnicLinks);
  return standing(known(daemon)).flatMap((vnic) => {
    const seen = links.find((each) => each.vnic === vnic.name);
    return seen === undefined ? [] : [{ vnic, seen }];
  });
}

/** Those that are loaded, on overlays that are up: of the others there is nothing to say but that. */
function standing({ vnics, overlays }: DaemonFacts): VnicView[] {
  const up = new Set(overlays.filter(({ status }) => UP.has(status.state)).map(({ view }) => view.name));
  return vnics.filter(({ overlay, state }) => up.has(overlay) && !state.startsWith('not loaded'));
}

const UP = new Set(['bound', 'serving']);

const objectOf = ({ name }: VnicView) => `vnic ${name}`;

/** `ip`, in the namespace where the interface is. */
function ip({ netns }: VnicView, words: string): string {
  if (netns === null) return `ip ${words}`;
  return netns.startsWith('/') ? `nsenter --net=${netns} ip ${words}` : `ip -n ${netns} ${words}`;
}

export const vnicChecks: readonly Check[] = [
  {
    name: 'netns-gone',
    looksFor: 'the network namespace of a VNIC is gone',
    severity: 'fault',
    why: 'Its interface went with it: whatever was to use it has no network.',
    find(facts) {
      return vnics(facts)
        .filter(({ seen }) => !seen.hasNetns)
        .map(({ vnic }) => ({
          object: objectOf(vnic),
          found: `there is no network namespace ${vnic.netns}`,
          mend: `ip netns add ${vnic.netns}; vxlane reload (or vxlane delete-vnic ${vnic.name})`,
        }));
    },
  },
  {
    name: 'vnic-deleted',
    looksFor: 'the interface of a VNIC is not there',
    severity: 'fault',
    why: 'Somebody deleted it, with its addresses: no frame flows.',
    find(facts) {
      return vnics(facts)
        .filter(({ seen }) => seen.hasNetns && seen.link === null)
        .map(({ vnic }) => ({
          object: objectOf(vnic),
          found: `it has no interface (${vnic.state})`,
          mend: `vxlane reload (makes it again; vxlane delete-vnic ${vnic.name} forgets it)`,
        }));
    },
  },
  {
    name: 'vnic-down',
    looksFor: 'the interface of a VNIC is down, or has no carrier',
    severity: 'fault',
    why: 'No frame flows through it, and frames for its MAC are dropped.',
    reasons: ['tap_error'],
    find(facts) {
      return vnics(facts).flatMap(({ vnic, seen }): Found[] => {
        if (seen.link === null || (seen.link.isUp && seen.link.hasCarrier)) return [];
        const name = vnic.interface ?? vnic.name;
        if (!seen.link.isUp) {
          return [{ object: objectOf(vnic), found: `${name} was set down`, mend: ip(vnic, `link set ${name} up`) }];
        }
        return [{ object: objectOf(vnic), found: `${name} has no carrier (${vnic.state})`, mend: 'vxlane reload' }];
      });
    },
  },
  {
    name: 'vnic-renamed',
    looksFor: 'the interface of a VNIC was renamed',
    severity: 'note',
    why: 'Frames flow, and scripts that know it by its name do not find it.',
    find(facts) {
      return vnics(facts)
        .filter(({ vnic, seen }) => seen.link !== null && vnic.interface !== null && vnic.interface !== vnic.name)
        .map(({ vnic }) => ({
          object: objectOf(vnic),
          found: `its interface is called ${vnic.interface} now`,
          mend: ip(vnic, `link set ${vnic.interface} down name ${vnic.name} up`),
        }));
    },
  },
  {
    name: 'behind-bridge',
    looksFor: "other MACs than the VNIC's send from it, or a bridge has its interface, without --allow-any-mac",
    severity: 'fault',
    why: "Only the VNIC's own MAC may send from it: what else does is dropped as spoofed_source.",
    reasons: ['spoofed_source'],
    find(facts) {
      const bridged = vnics(facts).filter(({ vnic, seen }) => seen.link?.isBridgePort && !vnic.allowAnyMac);
      const mend = ({ name, overlay, mac }: VnicView) =>
        `vxlane delete-vnic ${name}; vxlane create-vnic -m ${mac} -l ${overlay} --allow-any-mac ${name}`;
      const seen = known(facts.daemon);
      const overlays = seen.overlays.filter(({ view }) => !bridged.some(({ vnic }) => vnic.overlay === view.name));
      const spoofed = overlays.flatMap(({ view }) =>
        rising(seen, view.name, ['spoofed_source']).map(({ frames, text }) => ({
          object: `overlay ${view.name}`,
          severity: 'warning' as const,
          found: `${frames} frames dropped as spoofed_source just now: ${text}`,
          mend: 'vxlane capture --reason spoofed_source (which VNIC, which MAC?)',
        })),
      );
      return [
        ...bridged.map(({ vnic }) => ({
          object: objectOf(vnic),
          found: 'a bridge has its interface, and it was made without --allow-any-mac',
          mend: mend(vnic),
        })),
        ...spoofed,
      ];
    },
  },
  {
    name: 'vnic-mac',
    looksFor: "the interface of a VNIC has another MAC than the VNIC's",
    severity: 'fault',
    why: "Where the VNIC cannot have the interface's MAC, none of its frames is carried.",
    find(facts) {
      return vnics(facts)
        .filter(({ vnic, seen }) => seen.link !== null && seen.link.mac !== vnic.mac)
        .map(({ vnic, seen }) => ({
          object: objectOf(vnic),
          // The daemon follows a change that it may follow, and says of another one that it does not.
          severity: vnic.state === 'up' ? ('warning' as const) : ('fault' as const),
          found: `its MAC is ${vnic.mac}, and its interface has ${seen.link!.mac}`,
          mend: ip(vnic, `link set ${vnic.interface ?? vnic.name} address ${vnic.mac}`),
        }));
    },
  },
  {
    name: 'vnic-trouble',
    looksFor: 'the daemon says that something is wrong with a VNIC',
    severity: 'warning',
    why: 'Frames may not flow through it, or not all of them.',
    isGeneral: true,
    find({ daemon }) {
      return standing(known(daemon))
        .filter(({ state }) => state !== 'up')
        .map((vnic) => ({ object: objectOf(vnic), found: vnic.state, mend: `vxlane show-vnic ${vnic.name}` }));
    },
  },
];
