/** The interfaces of VNICs as the kernel has them, each in its namespace. */
import type { VnicView } from '../../control/protocol.js';
import { VxlaneError } from '../../errors.js';
import { withNetns } from '../../system/netns.js';
import { tapNamed } from '../../system/tap-links.js';
import type { VnicLinkFacts } from '../facts.js';
import { type Known, Unknown } from '../finding.js';

/** `netns`: the daemon's. */
export function vnicLinkFacts(netns: string | null, vnics: readonly VnicView[]): Known<VnicLinkFacts[]> {
  try {
    return { value: vnics.map((vnic) => linkOf(netns, vnic)) };
  } catch (thrown) {
    if (thrown instanceof Unknown) return { unknown: thrown.message };
    throw thrown;
  }
}

function linkOf(netns: string | null, vnic: VnicView): VnicLinkFacts {
  try {
    const link = withNetns(vnic.netns ?? netns, () => tapNamed(vnic.interface ?? vnic.name));
    return { vnic: vnic.name, hasNetns: true, link };
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError)) throw thrown;
    if (vnic.netns !== null && GONE.has(thrown.code)) return { vnic: vnic.name, hasNetns: false, link: null };
    throw new Unknown(thrown.message);
  }
}

/** A name whose file is not there, or a file that is left over from a namespace. */
const GONE = new Set(['netns_missing', 'netns_not_one']);
